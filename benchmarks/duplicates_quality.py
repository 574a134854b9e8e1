"""How good the suggestions are on labelled pairs, by models that never saw a report of the same story.

    .venv/bin/python -m benchmarks.duplicates_quality ../shared/haiti [--seeds 2]

The folder holds reports.csv, duplicates-dev.csv, nonduplicates-dev.csv and messages-dev.csv. Five folds by cluster: each
fold's trees are trained on both sets together, without the fold's clusters (two numbers of calibration are the built-in
model's), and score every pair that the search brings
together for the fold's reports. Messages a second time with whole categories left out, so that not even the sentences
were seen. One threshold serves both sets: the model's own for calling pairs the same, and the one for suggesting.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.measure import machine, show
from crowdmap.dedupe import model as models
from crowdmap.dedupe import signals, train
from crowdmap.dedupe.figures import evaluate, key
from crowdmap.intake.scoring import _brought_together, corpus, examples_of, read_gold

FORM = "shared wording or form"


def collect(folder: Path):
    """→ examples to train on, and per set: gold, every pair that the search brings together with its evidence and the
    clusters of its two reports."""
    examples, sets = [], {}
    for name, pairs, alone in (("reports", "duplicates-dev", "nonduplicates-dev"), ("messages-dev", "messages-dev", None)):
        gold = read_gold(folder / f"{pairs}.csv", folder / f"{alone}.csv" if alone else None)
        with corpus(folder / f"{name}.csv") as found:
            examples += examples_of(found, gold, name)
            cluster_of = {report: f"{name} {min(map(str, group))}" for group in gold.clusters() for report in group}
            wanted = set(cluster_of) | set(gold.alone) | {x for pair in gold.different or () for x in pair}
            pool = {}
            for serial in sorted(wanted & found.sides.keys(), key=str):
                for other in _brought_together(found, serial):
                    pair = key(serial, other)
                    pool.setdefault(pair, None)
            for pair in gold.same | (gold.different or frozenset()):
                pool.setdefault(pair, None)
            pool = {
                pair: (
                    signals.evidence(found.sides[pair[0]], found.sides[pair[1]]),
                    tuple(cluster_of.get(one, f"{name} {one}") for one in pair),
                    tuple(min(found.sides[one].codes) + found.sides[one].kind for one in pair),
                )
                for pair in pool
            }
        sets[name] = (gold, pool)
    return examples, sets


def scored(examples, sets, seed: int, by_category: bool = False) -> dict[str, dict]:
    """set → pair → probability by a model that knows neither of its clusters (or categories)."""
    category_of = {}
    for _gold, pool in sets.values():
        for _evidence, clusters, categories in pool.values():
            category_of.update(zip(clusters, categories))

    def fold(cluster: str) -> int:
        messages = cluster.startswith("messages")
        return train._fold(category_of.get(cluster, cluster) if by_category and messages else cluster, seed)

    answers = {name: {} for name in sets}
    for left_out in range(train.FOLDS):
        known = [e for e in examples if all(fold(cluster) != left_out for cluster in e.clusters)]
        trees, base = train.grown(known, train.learnable(known))
        trained = replace(models.read(models.BUILT_IN), trees=trees, base=base)
        for name, (_gold, pool) in sets.items():
            for pair, (evidence, clusters, _categories) in pool.items():
                if fold(clusters[0]) == left_out:
                    answers[name][pair] = trained.probability(evidence)
    return answers


def form_joined(folder: Path, scores: dict, threshold: float) -> float:
    """Share of pairs with the same form of words from another camp that are called the same."""
    import csv

    with open(folder / "duplicates-dev.csv", encoding="utf-8-sig", newline="") as file:
        pairs = [key(int(r["serial_a"]), int(r["serial_b"])) for r in csv.DictReader(file) if r["why"].startswith(FORM)]
    return float(np.mean([scores.get(pair, 0.0) >= threshold for pair in pairs]))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--seeds", type=int, default=2)
    given = arguments.parse_args()
    print(machine())
    built_in = models.read(models.BUILT_IN)
    examples, sets = collect(given.folder)
    rows: dict[str, list[str]] = {}
    for title, by_category in (("by cluster", False), ("messages by category", True)):
        for seed in range(given.seeds):
            answers = scored(examples, sets, seed, by_category)
            for name, (gold, _pool) in sets.items():
                if by_category and name == "reports":
                    continue
                figures = evaluate(gold, answers[name], built_in.suspect, built_in.suggest)
                at_suspect = evaluate(gold, answers[name], built_in.suspect, built_in.suspect)
                form = f"{form_joined(given.folder, answers[name], built_in.suspect):.2f}" if name == "reports" else "–"
                rows[f"{name}, left out {title}, seed {seed}"] = [
                    f"{figures['precision']:.3f} / {figures['recall']:.3f} / {figures['f1']:.3f}",
                    f"{figures['average_precision']:.3f}",
                    f"{figures['recall_at_5']:.3f} ({figures['false_suggestions']:.2f})",
                    f"{at_suspect['recall_at_5']:.3f} ({at_suspect['false_suggestions']:.2f})",
                    form,
                ]
    columns = [
        f"P / R / F1 from {built_in.suspect}", "average precision", f"recall@5 (false) from {built_in.suggest}",
        f"recall@5 (false) from {built_in.suspect}", "same form, other camp, joined",
    ]  # fmt: skip
    show("Cross-validated", columns, rows)


if __name__ == "__main__":
    main()
