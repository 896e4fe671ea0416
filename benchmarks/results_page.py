"""``python -m benchmarks.results_page RUNS RECOVERY``: docs/results.md from two results folders; no number is typed."""

from __future__ import annotations

import sys
from pathlib import Path

from bench import config as configuration
from bench.collect import Entry, collect
from bench.compare import checked_stand_ins, comparison_frame, not_compared, render_comparison
from bench.datasets import data_folders
from bench.metric_catalogue import PAPER_METRICS, RECOVERY_METRICS
from bench.plan import rows_of
from bench.records import Store
from bench.recovery_plan import rows_of as recovery_rows
from bench.recovery_summary import against_floors, floor_counts
from bench.render import render_all
from bench.tables import Table, comparison

PAGE = Path(__file__).parent.parent / "docs/results.md"

HEAD = """# Results

Written by `python -m benchmarks.results_page`; every number comes from a record. {origin}

None of the paper's features were published, so no column here is a reproduction of a printed one to the digit. Reuters is the
paper's documents, split sizes and kind of features (XML-CNN, trained by us). VOC07tv is real VOC2007 photographs, but the official
validation photographs in place of the test ones, and another network. COCO18 is COCO photographs with 18 of the 80 labels.

```sh
python -m bench data prepare Reuters --raw reuters21578.tar.gz --ids FOLDER --words FILE
python -m bench run --datasets Reuters VOC07tv COCO18
python -m bench table
python -m bench compare --beside VOC07tv=VOC07
python -m bench recover
```
"""

BESIDE = """## Beside the paper

What differs in Reuters: the features. Table 1's sizes are met (5827/1943/3019, 90 topics), and so is their kind, but the network's
word vectors (GloVe 6B, 50 dimensions), its settings and its seed are ours; the paper gives none of them. The paper is one run without a
deviation; so is this. What differs in VOC07tv: the test photographs (2006 official validation ones), the network
(EfficientNet-Lite2, 1280 features, in place of ResNet-50 with 2048) and the size of validation (502 in place of 2510).
"""

RECOVERY = """## Does label enhancement recover the label distribution?

The recovery track ([what it is](enhancement.md#the-recovery-track)) on sets whose true distribution is known. In short: LEVI and the
three FLEM variants do not recover it here. LEVI's row stands next to the floor of the logical labels: its loss asks for the logical
labels, which are among its inputs, and it gives them back. FLEM's estimator sees them too, and is asked for an order of the labels
and for agreement with a classifier, never for a degree; with the fixed α = β = .01 its distributions are farther from the
truth than either floor, and its seeds differ more than any other method's. GLLE stops early ([why that matters](enhancement.md)).
Methods without a random start have a deviation of 0.
"""


def main() -> None:
    runs, recovery = (Store(Path(folder)) for folder in sys.argv[1:3])
    config = configuration.load()
    folders = data_folders(config, None)
    entries = collect(runs, config, folders, committed=True)
    order = list(rows_of(config))
    tables = [comparison(entries, metric, config, runs.manifest(), order) for metric in PAPER_METRICS]
    beside = comparison_frame(tables, checked_stand_ins(["VOC07tv=VOC07"], config))
    recovered = collect(recovery, config, folders, committed=True)
    names = list(recovery_rows(config))
    measured = [comparison(recovered, metric, config, recovery.manifest(), names) for metric in RECOVERY_METRICS]
    parts = [
        HEAD.format(origin=origin(entries)),
        BESIDE,
        render_comparison(beside, config, "markdown", not_compared(tables, beside, runs.manifest())),
        "## All four metrics\n",
        render_all(tables, "markdown"),
        RECOVERY + "\n" + origin(recovered) + "\n",
        verdict(measured),
        against_floors(measured, "pipe"),
        render_all(measured, "markdown"),
    ]
    PAGE.write_text("\n".join(parts), encoding="utf-8")


def origin(entries: list[Entry]) -> str:
    environments = [entry.record.environment for entry in entries if entry.record]
    commits = sorted({str(one["commit"]) for one in environments})
    machines = sorted({f"{one['processor']}, {one['cores']} cores, {one['device']}" for one in environments})
    seconds = sum(entry.record.cost["seconds"] for entry in entries if entry.record)
    return f"Commit {', '.join(commits)}; {'; '.join(machines)}; {seconds / 3600:.1f} hours of jobs."


def verdict(tables: list[Table]) -> str:
    """Which methods beat the better floor on most sets in every measure, and which in none."""
    columns = tables[0].columns
    wins = {row: [floor_counts(table, row)["better"] for table in tables] for row in tables[0].ranked}
    half = len(columns) / 2
    most = [row for row, counts in wins.items() if min(counts) > half]
    none = [row for row, counts in wins.items() if max(counts) == 0]
    return (
        f"Better than both floors, by more than two deviations of their own seeds, on more than half of the "
        f"{len(columns)} sets in all six measures: {', '.join(most) or 'none'}. On no set in any measure: "
        f"{', '.join(none) or 'none'}.\n"
    )


if __name__ == "__main__":
    main()
