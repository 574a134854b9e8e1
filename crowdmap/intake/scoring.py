"""crowdmap dedupe score, evaluate, train: a whole file through the same search as a report that has just come in.

The reports go by the import into a database in a temporary folder, the worker's count of words is taken, and each report
then asks for its candidates as on arrival. Nothing is left behind.
"""

import csv
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from crowdmap.db import db, migrate, reading
from crowdmap.dedupe import find, model, signals, train, vocabulary
from crowdmap.dedupe.cli import dedupe, learn_from_decisions
from crowdmap.dedupe.figures import Gold, evaluate, key
from crowdmap.errors import DomainError
from crowdmap.intake import files, importing
from crowdmap.intake.files.categories import read_mapping
from crowdmap.publishing.models import Audience, Publication
from crowdmap.reports import crisis
from crowdmap.reports.models import Category, Kind, Policy, Submission

TEMPLATE = "earthquake"
SOURCE = "corpus"
MOST = 60  # candidates of one report that are written
LEAST = 0.005  # a smaller probability is not worth a line
EASY = 0.25  # what a pair counts in training that is only one of very many different ones


class UnusableFile(DomainError):
    code, title = "unusable-file", "The file could not be used"


@dataclass(frozen=True)
class Corpus:
    """A file's reports in a database of their own: sides by serial, and whom each may be the same as."""

    session: Session
    sides: dict
    public_ids: dict

    def scores(self, progress: Callable[[], None] = lambda: None) -> dict[tuple, float]:
        """Each likely pair once: (serial, serial) → probability."""
        serial_of = {public_id: serial for serial, public_id in self.public_ids.items()}
        shared, scores = find.Sides(self.session, Audience.STAFF), {}
        for serial, side in self.sides.items():
            found = find.candidates(
                self.session, side, Audience.STAFF, limit=MOST, exclude=(self.public_ids[serial],), least=LEAST, sides=shared
            )  # fmt: skip
            for one in found:
                pair = key(serial, serial_of[one.public_id])
                scores[pair] = max(one.score, scores.get(pair, 0.0))
            progress()
        return scores


@contextmanager
def corpus(path: Path, progress: Callable[[float], None] = lambda share: None) -> Iterator[Corpus]:
    """The file taken into a temporary database. Raises UnreadableFile, UnusableFile."""
    from crowdmap import create_app

    form = files.detect(path)
    with tempfile.TemporaryDirectory(prefix="crowdmap-dedupe-") as folder:
        app = create_app({"INSTANCE": folder, "DATABASE_URL": f"sqlite:///{folder}/corpus.db", "AREA": "", "TIMEZONE": "UTC"})
        migrate.upgrade(app)
        with app.app_context():
            try:
                crisis.load(TEMPLATE)
                mapping = importing.default_mapping(path, None)
                mapping = read_mapping(mapping) if mapping and form.name == "ushahidi" else None
                if form.name == "csv":
                    _take_categories(db.session, path)
                summary = importing.run(
                    db.session, path, form, source=SOURCE, zone=importing.zone_of(None), mapping=mapping, progress=progress
                )  # fmt: skip
                if not summary.taken:
                    raise UnusableFile(f"{path.name}: no report could be taken from it")
                vocabulary.count(db.session)
                db.session.commit()
                with reading():
                    yield _read(db.session)
            finally:
                db.session.remove()
                db.engine.dispose()


def _take_categories(session: Session, path: Path) -> None:
    """Words for categories that this crisis does not have become categories of their own: what is compared is only
    whether two reports have the same."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        labels = {(row.get("category") or "").strip() for row in csv.DictReader(file)} - {""}
    known = {category.code for category in session.scalars(select(Category))}
    for label in sorted(labels - known):
        code = re.sub(r"[^A-Z0-9]", "", label.upper())[:10] or "X"
        while code in known:
            code += "_"
        known.add(code)
        names = dict(name=label, sector=f"as-{code.lower()}", kind=Kind.INFORMATION, policy=Policy.TILE)
        session.add(Category(code=code, names={}, **names))
    session.commit()


def _read(session: Session) -> Corpus:
    query = (
        select(*find.COLUMNS, Publication.feature, Submission.external_id)
        .join(Submission, Submission.report_id == Publication.report_id)
        .where(Publication.audience == Audience.STAFF)
        .order_by(Publication.id)
    )
    rows = session.execute(query).all()
    shared, marks = find.Sides(session, Audience.STAFF), find.marks_by_report(session, [row.report_id for row in rows][:30_000])
    sides, public_ids = {}, {}
    for row in rows:
        serial = _serial(row.external_id.partition(":")[2])
        sides[serial] = shared.of_row(row, find.properties_of(row), marks.get(row.report_id, ()))
        public_ids[serial] = row.public_id
    return Corpus(session, sides, public_ids)


def _serial(text: str):
    """Numbers in the order of numbers."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() else text


def read_gold(path: Path, alone: Path | None = None) -> Gold:
    """Judged pairs (serial_a, serial_b, label) or clusters (id, time, cluster_id). *alone*: a column ``serial`` of
    reports without duplicate. Raises UnusableFile."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    columns = set(rows[0]) if rows else set()
    if {"id", "cluster_id"} <= columns:
        groups: dict[str, list] = {}
        order = {}
        for position, row in enumerate(rows):
            serial = _serial(row["id"])
            groups.setdefault(row["cluster_id"], []).append(serial)
            order[serial] = (row.get("time") or "", position)
        same = frozenset(key(a, b) for group in groups.values() for a in group for b in group if a < b)
        single = frozenset(group[0] for group in groups.values() if len(group) == 1)
        return Gold(same, None, lambda serial: order.get(serial, ("", -1)), single)
    if not {"serial_a", "serial_b", "label"} <= columns:
        raise UnusableFile(f"{path.name} has neither the columns serial_a, serial_b, label nor id, cluster_id")
    pairs = {True: set(), False: set()}
    for row in rows:
        pairs[row["label"].strip() == "1"].add(key(_serial(row["serial_a"]), _serial(row["serial_b"])))
    single = frozenset()
    if alone:
        with open(alone, encoding="utf-8-sig", newline="") as file:
            single = frozenset(_serial(row["serial"]) for row in csv.DictReader(file))
    return Gold(frozenset(pairs[True]), frozenset(pairs[False]), lambda serial: serial, single)


def examples_of(found: Corpus, gold: Gold, name: str) -> list[train.Example]:
    """Labelled pairs with their evidence; where every pair is known, those that the search brings together."""
    cluster_of = {report: f"{name} {min(map(str, group))}" for group in gold.clusters() for report in group}

    def example(a, b, same, **more):
        evidence = signals.evidence(found.sides[a], found.sides[b])
        clusters = (cluster_of.get(a, f"{name} {a}"), cluster_of.get(b, f"{name} {b}"))
        return train.Example(evidence, same, clusters, **more)

    examples = [example(a, b, True) for a, b in sorted(gold.same)]
    examples += [example(a, b, False) for a, b in sorted(gold.different or ())]
    known = gold.same | (gold.different or frozenset())
    for serial in sorted(found.sides, key=str) if gold.different is None else sorted(gold.alone, key=str):
        if serial not in found.sides:
            continue
        for other in _brought_together(found, serial):
            pair = key(serial, other)
            if pair not in known:
                known = known | {pair}
                examples.append(example(*pair, False, weight=EASY, judged=gold.different is None))
    return examples


def _brought_together(found: Corpus, serial) -> list:
    serial_of = {public_id: one for one, public_id in found.public_ids.items()}
    shared = find.Sides(found.session, Audience.STAFF)
    compared = find.compared_with(found.session, found.sides[serial], Audience.STAFF, (found.public_ids[serial],), shared)
    return [serial_of[row.public_id] for row, _side, _properties in compared]


# ---- the commands

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@contextmanager
def _taken(path: Path):
    with click.progressbar(length=1000, label=f"Taking {path.name}", show_pos=False) as bar:
        with corpus(path, lambda share: bar.update(int(1000 * share) - bar.pos)) as found:
            bar.update(1000 - bar.pos)
            click.echo()
            yield found


def _scores(found: Corpus) -> dict[tuple, float]:
    with click.progressbar(length=len(found.sides), label="Looking for twins", show_pos=True) as bar:
        return found.scores(lambda: bar.update(1))


@dedupe.command()
@click.argument("corpus_file", metavar="CORPUS", type=FILE)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), default="predictions.csv", show_default=True)
def score(corpus_file, out):
    """Write serial_a,serial_b,score for every likely pair of a file of reports.

    CORPUS is any file that `crowdmap import` reads. The score is the probability that both tell the same. What is
    written is for you to read: `crowdmap dedupe evaluate` scores the CORPUS anew and takes no file of predictions.
    """
    with _taken(corpus_file) as found:
        scores = _scores(found)
    with open(out, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("serial_a", "serial_b", "score"))
        writer.writerows((a, b, f"{scores[a, b]:.6f}") for a, b in sorted(scores, key=lambda pair: -scores[pair]))
    click.echo(f"{len(scores)} pairs of {len(found.sides)} reports: {out}")


@dedupe.command("evaluate")
@click.argument("corpus_file", metavar="CORPUS", type=FILE)
@click.argument("pairs", type=FILE)
@click.option("--nondup", type=FILE, help="CSV with a column serial: reports that have no duplicate")
@click.option("--threshold", type=float, help="probability from which a pair is called the same  [default: the model's]")
def evaluate_command(corpus_file, pairs, nondup, threshold):
    """Score CORPUS and say how good the scores are against judged pairs, or against clusters.

    PAIRS has the columns serial_a, serial_b, label, or id and cluster_id. It scores anew, by the same code as
    `crowdmap dedupe score`, and takes no file of predictions.
    """
    gold, built_in = read_gold(pairs, nondup), model.read(model.BUILT_IN)
    with _taken(corpus_file) as found:
        scores = _scores(found)
    threshold = built_in.suspect if threshold is None else threshold
    figures = evaluate(gold, scores, threshold, built_in.suggest)
    click.echo(f"{'called the same from':<32} {threshold:.3f}")
    click.echo(f"{'suggested from':<32} {built_in.suggest:.3f}")
    names = {"recall_at_5": "recall@5", "false_suggestions": "false suggestions per report alone"}
    for name, value in figures.items():
        shown = f"{value}" if name == "pairs" else f"{value:.3f}"
        click.echo(f"{names.get(name, name.replace('_', ' ')):<36}{shown}")


@dedupe.command("train")
@click.argument("pairs_of_files", metavar="[CORPUS PAIRS]...", nargs=-1, type=FILE)
@click.option("--nondup", type=FILE, help="CSV with a column serial: reports of the first CORPUS that have no duplicate")
@click.option("--from-decisions", is_flag=True, help="learn from this crisis's own merges and refusals instead")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="the weights file  [default: the built-in one]")
@click.pass_context
def train_command(context, pairs_of_files, nondup, from_decisions, out):
    """Train the model on labelled pairs, or let this crisis's own decisions correct it.

    Each CORPUS is a file that `crowdmap import` reads, each PAIRS as for evaluate. Figures are cross-validated by cluster.
    With --from-decisions what is learned is kept in the instance folder.
    """
    if from_decisions:
        if pairs_of_files:
            raise click.UsageError("--from-decisions takes no files: it reads this crisis's database")
        from flask.cli import ScriptInfo

        with context.ensure_object(ScriptInfo).load_app().app_context():
            learn_from_decisions()
        return
    if not pairs_of_files or len(pairs_of_files) % 2:
        raise click.UsageError("give a CORPUS and its PAIRS, once or several times, or --from-decisions")
    examples, data = [], []
    for position in range(0, len(pairs_of_files), 2):
        path, pairs = pairs_of_files[position : position + 2]
        gold = read_gold(pairs, nondup if position == 0 else None)
        with _taken(path) as found:
            fresh = examples_of(found, gold, path.stem)
        data.append(f"{path.name} with {pairs.name}: {len(gold.same)} same, {len(fresh)} pairs in all")
        examples += fresh
    about = {
        "made_by": "crowdmap dedupe train", "learner": f"monotonic gradient-boosted trees {train.TREES}", "data": data,
        "given": "signals without training data, by judgement: what they add to the log odds at 1",
    }  # fmt: skip
    trained, figures = train.fit(examples, about)
    model.write(trained, out or model.BUILT_IN)
    click.echo(f"{len(examples)} pairs; cross-validated by cluster over {figures['pairs']} judged ones:")
    click.echo(f"F1 {figures['f1']:.3f}, average precision {figures['average_precision']:.3f}")
    click.echo(f"called the same from {trained.suspect}, suggested from {trained.suggest}: {out or model.BUILT_IN}")
