"""What finding and masking personal marks costs a report: processor time over the real reports of 2010.

    .venv/bin/python -m benchmarks.masks [--file ../shared/haiti/reports.csv] [--kinds]

Each text is masked as the hook before a commit masks it (title, description, place), with Haiti's telephone numbers known.
Processor time, the median of seven rounds over all reports, and the slowest single report. *--kinds*: how long each finder
takes by itself, and how many marks it finds.
"""

import argparse
import csv
import statistics
import time
from pathlib import Path

from benchmarks.measure import RUNS, machine, show
from crowdmap.publishing import marks
from crowdmap.publishing.finders import KINDS
from crowdmap.publishing.finders.rules import Rules
from crowdmap.publishing.masks import find, mask, plain

COLUMNS = ("INCIDENT TITLE", "DESCRIPTION", "LOCATION")
RULES = Rules(regions=("HT",))


def texts_of(path: Path) -> list[tuple[str, ...]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [tuple(row[name] or "" for name in COLUMNS) for row in csv.DictReader(file)]


def processor_ms(work) -> float:
    begun = time.process_time()
    work()
    return (time.process_time() - begun) * 1000


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--file", type=Path, default=Path("../shared/haiti/reports.csv"))
    options.add_argument("--kinds", action="store_true")
    options = options.parse_args()
    reports = texts_of(options.file)
    letters = sum(len(text) for texts in reports for text in texts)
    print(machine())
    work = {
        "masking the three texts": lambda texts: [mask(text, RULES) for text in texts],
        "marks for the search for duplicates": lambda texts: marks.in_text(f"{texts[0]}\n{texts[1]}"),
        "made plain": lambda texts: [plain(text) for text in texts],
    }
    if options.kinds:
        seen = {texts: [plain(text) for text in texts] for texts in reports}
        for kind in KINDS:
            work[f"{kind} ({sum(len(find(t, RULES, [kind])) for texts in reports for t in seen[texts])} marks)"] = (
                lambda texts, kind=kind: [find(text, RULES, [kind]) for text in seen[texts]]
            )
    rows = {}
    for name, do in work.items():
        took = [processor_ms(lambda do=do: [do(texts) for texts in reports]) for _ in range(RUNS)]
        slowest = max(processor_ms(lambda texts=texts, do=do: do(texts)) for texts in reports)
        rows[name] = [f"{statistics.median(took) / len(reports) * 1000:.0f}", f"{slowest:.1f}"]
    show(f"{len(reports)} reports, {letters // len(reports)} characters each", ["µs a report", "slowest, ms"], rows)


if __name__ == "__main__":
    main()
