"""``python -m benchmarks.results_page``: docs/results.md, docs/ranks.svg and the README's table from the committed records;
no number is typed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from bench import config as configuration
from bench.choice import Choice, chosen
from bench.collect import Entry
from bench.compare import checked_stand_ins, comparison_frame, not_compared, render_comparison
from bench.config import Config
from bench.metric_catalogue import PAPER_METRICS, RECOVERY_METRICS
from bench.packed import PACKED
from bench.plan import rows_of
from bench.printed_claims import LABEL_ENHANCEMENT, VARIANTS, claims, claims_grid
from bench.prose import Grid, as_text
from bench.records import Manifest, Record, Store
from bench.recovery_plan import rows_of as recovery_rows
from bench.recovery_summary import against_floors, floor_counts
from bench.render import render_all
from bench.report.rank_figures import rank_heat_map
from bench.report.style import encoded
from bench.resampling import Resampled
from bench.significance import complete_values, significance
from bench.statistics import friedman
from bench.tables import ABLATION, PAPERS_STYLE, Style, Table, ablation, comparison, paper_table
from benchmarks import findings
from benchmarks.in_short import in_short
from benchmarks.reference import (
    CONTROL,
    DELICIOUS,
    ENHANCEMENT,
    FOLDER,
    MEASURED,
    OWN_ROWS,
    RECOVERY,
    ROOT,
    WITHIN,
    committed,
)

PAGE = ROOT / "docs/results.md"
PICTURE = ROOT / "docs/ranks.svg"
README = ROOT / "README.md"
DEMO = "<!-- demo -->", "<!-- /demo -->"
STAND_IN = "VOC07tv=VOC07"

HEAD = """# Results

```sh
BENCH_DATA=FOLDER:FOLDER make reference         # everything on this page again, in hours; it goes on where it was stopped
BENCH_DATA=FOLDER:FOLDER make reference-check   # a part of it, in minutes, compared with the committed results byte for byte
```

{origin}

None of the paper's features were published, so no column here reproduces a printed one to the digit. Reuters is the paper's
documents, split sizes and kind of features (XML-CNN, trained by us). VOC07tv is real VOC2007 photographs, but the official validation
photographs stand in for the test ones, and EfficientNet-Lite2 for ResNet-50. COCO18 is COCO photographs with 18 of the 80 labels. The
other sets are classic ones that the paper does not use, from Mulan, with its train and test rows where it has them. Every number is
written by `python -m benchmarks.results_page` from [the records](../results/reference/); a test fails where page and records disagree.

## In short

{in_short}

![ranks of the paper's twelve methods and plain BCE by four metrics](ranks.svg)
"""

BESIDE = """## 1. The tables

{inventory}
Validation rows are a fifth of the training rows where a set has none. `python -m bench data card NAME` shows the fingerprint of yours.

### Beside the paper

What differs in Reuters: the features. Table 1's sizes are met (5827/1943/3019, 90 topics), and so is their kind, but the network's
word vectors (GloVe 6B, 50 dimensions), its settings and its seed are ours; the paper gives none of them. What differs in VOC07tv: the
test photographs (2006 official validation ones), the network (EfficientNet-Lite2, 1280 features, in place of ResNet-50 with 2048) and
the size of validation (502 in place of 2510). The paper is one run without a deviation. The last line of each table is Spearman's
correlation of the methods' ranks here with their printed ranks.
"""

FEW_POINTS = """### delicious

983 labels: one seed, and of FLEM's sixteen grid points the four with alpha and beta in 0.001 and 0.01. Not counted below.
"""

CLAIMS = """## 2. The paper's claims

A claim is counted in cells (a data set and a metric) that hold it, in print and here. It holds where the share here is that in print;
in part where its interval, from resampled data sets (rough with as few as these), lies above what methods without a difference would give.
"""

ON_EACH_SET = """### On each data set

On how many sets FLEM-D is shown to be better / worse / neither, with test instances resampled and seeds counted
([how](statistics.md); a set with one seed speaks of the trained models only): {sets}.

{within}
### Over data sets
"""

STATISTICS = """Whether FLEM-D differs from the others and from plain BCE, over data sets ([what these numbers are](statistics.md)); values are means
over seeds, not rounded, and equal ones share their mean rank, so that mean ranks differ from the average ranks of section 1.
"""

FINDINGS = """## 3. What the tables hide

### FLEM-I is plain BCE, but for the clip

Without the label distribution loss nothing of the estimator g reaches the classifier, except through the norm by which the gradients
of both are clipped together. `FLEM-I separate` clips them apart (`clip = "separate"`).

{joint}
{separate}
### CB is FL, but for eps and the clip

Under Adam a constant weight of a label's loss cancels from the update of a linear classifier, whose labels share no parameter; what is
left is eps, rounding, and the clip on the joint norm. CB multiplies FL's loss by such weights. A difference in the last digit of
validation Hamming loss can then choose another epoch, and that moves the other metrics much more.

{class_balanced}
### ML-KNN predicts something

The paper's Hamming losses of ML-KNN equal the label density, which is what predicting nothing gives, on six of its eight sets (AAPD,
Reuters, COCO14, COCO17, CUB, NUS). Ours, on test data:

{nothing}
### RAKEL's pattern is saturation

The printed RAKEL has a ranking loss near its Hamming loss. Posteriors of Gaussian naive Bayes on many features are 0 or 1 in most
places, and ties among the highest scores count against the ranking metrics.

{saturation}
### The interaction loss had no gradient

In the code that was public when the paper's tables were made, the weight of the interaction loss (eq. 7) was computed without a
gradient path to what it weighs. `FLEM-D legacy` is that (`interaction = "legacy"`), FLEM-D the mended one.

{legacy}
"""

SEEDS = """## 4. What a seed does

The margin of the best FLEM variant over the best baseline, in the paper's columns, beside the standard deviation over seeds of a
number on the sets here that are most like the paper's (the median over {near} and rows).

{margins}

The deviation over seeds on each set:

{deviations}
"""

SELECTION = """## 5. What selection on validation Hamming loss costs

FLEM's grids: the point that validation Hamming loss chooses, as in every table, against the point that each metric's own validation
value would choose. Positive: the metric is worse by choosing on Hamming loss. "Its own" counts the jobs in which the metric's own
choice is better or worse on test data; "in hindsight" is the best grid point by test data, which no rule can know. The epoch is
chosen by Hamming loss either way.

{selection}
"""

PRACTICE = """## 6. What to use

Mean ranks over the {blocks} sets on which all thirteen rows have values, and the median time of fitting, the whole grid included, in
multiples of BCE's on the same set and seed (beside other work, so rough). These ranks are not those of section 1, which follow the
paper: here plain BCE is ranked too, values are not rounded, and equal ones share their mean rank.

{costs}

The best of the cheap beside the best of the dear, and whether Nemenyi's test tells their ranks apart:

{cheap}
"""

OPEN = """## 7. What is not answered

The paper's own columns, but for a stand-in of two: its features are not public, and AAPD's training texts, the photographs of VOC12,
COCO14, COCO17 and CUB, and NUS-WIDE were not at hand. On a machine that has the raw data this answers it:

```sh
for name in AAPD Reuters VOC07 VOC12 COCO14 COCO17 CUB NUS; do python -m bench data prepare $name; done
python -m bench run --datasets all --seeds 0 1 2 3 4 --jobs auto
python -m bench table && python -m bench compare && python -m bench stats
```

Nothing here was run on a GPU.
"""

RECOVERED = """## Does label enhancement recover the label distribution?

The recovery track ([what it is](enhancement.md#the-recovery-track)) on sets whose true distribution is known.
"""


def main() -> None:
    reference = read()
    PAGE.write_text(page(reference), encoding="utf-8")
    PICTURE.write_bytes(picture(reference))
    README.write_text(with_demo(README.read_text(encoding="utf-8"), reference), encoding="utf-8")


@dataclass(frozen=True)
class Reference:
    """The committed records."""

    config: Config
    entries: list[Entry]
    manifest: Manifest

    def tables(self, choice: Choice, ranked: Sequence[str] | None = None, style: Style = PAPERS_STYLE) -> list[Table]:
        """A table a metric, of some of the records; ``ranked`` rows instead of the paper's twelve."""
        config = self.config
        if ranked is not None:
            config = replace(config, tables=replace(config.tables, ranked=list(ranked)))
        entries, manifest = chosen(self.entries, self.manifest, choice)
        order = list(rows_of(config))
        return [comparison(entries, metric, config, manifest, order, style) for metric in PAPER_METRICS]

    def compared(self) -> list[str]:
        """The rows of the paper, and those that stand under its rule."""
        return [*self.config.tables.ranked, *self.config.tables.extra]

    def with_bce(self) -> list[Table]:
        """Plain BCE ranked with the paper's twelve."""
        rows = [*self.config.tables.ranked, "BCE"]
        return self.tables(Choice(rows=rows), rows)


def read(folder: Path = FOLDER) -> Reference:
    config, store = configuration.load(folder), Store(folder)
    return Reference(config, committed(store, config), store.manifest())


def picture(reference: Reference) -> bytes:
    tables = reference.with_bce()
    return encoded(rank_heat_map(tables, tables[0].ranked), "svg")


def with_demo(readme: str, reference: Reference) -> str:
    """The README with the first table of ``make demo``, which is a part of the reference run."""
    first, *_ = reference.tables(Choice(rows=reference.compared(), datasets=["yeast"], seeds=[0]))
    before, rest = readme.split(DEMO[0])
    _, after = rest.split(DEMO[1])
    return f"{before}{DEMO[0]}\n```\n{render_all([first], 'terminal')}```\n{DEMO[1]}{after}"


def page(reference: Reference) -> str:
    config, entries = reference.config, reference.entries
    tables = reference.tables(Choice(rows=reference.compared()))
    beside = comparison_frame(tables, checked_stand_ins([STAND_IN], config))
    measured = json.loads((FOLDER / MEASURED).read_text())
    within = [msgspec.json.decode(line, type=Resampled) for line in (FOLDER / WITHIN).read_bytes().splitlines()]
    found = findings.by_job(entry.record for entry in entries if entry.record)
    with_bce = reference.with_bce()
    ranks, blocks = mean_ranks(with_bce)
    ablated = Choice(rows=[*ABLATION, *OWN_ROWS, "BCE"], datasets=["VOC07tv"])
    photographs = reference.tables(ablated, style=Style(show_ranks=False))
    claimed = claims([paper_table(metric, config) for metric in PAPER_METRICS], tables)
    times = findings.fitting_times(found)
    short = in_short(found, claimed, tables, within, times, CONTROL)
    parts = [
        HEAD.format(origin=origin(entries), in_short=short),
        BESIDE.format(inventory=inventory(entries)),
        render_comparison(beside, config, "markdown", not_compared(tables, beside, reference.manifest)),
        "### All four metrics (Tables 2 to 5)\n",
        render_all(tables, "markdown"),
        "### The ablation (Table 6), on VOC07tv\n",
        render_all([ablation(photographs)], "markdown"),
        *enhancement(reference),
        *few_points(),
        CLAIMS,
        as_text([claims_grid(claimed)], "pipe"),
        ON_EACH_SET.format(within=findings.within(within, CONTROL), sets=", ".join(_with_instances(within))),
        STATISTICS,
        *(statistics(table) for table in with_bce),
        FINDINGS.format(
            joint=findings.pair(found, "FLEM-I", "BCE"),
            separate=findings.pair(found, "FLEM-I separate", "BCE"),
            class_balanced=findings.pair(found, "CB", "FL"),
            nothing=findings.nothing_predicted(found, measured),
            saturation=findings.saturation(found, measured),
            legacy=findings.pair(found, "FLEM-D legacy", "FLEM-D"),
        ),
        SEEDS.format(
            near=", ".join(findings.LIKE_THE_PAPER),
            margins=findings.margins(found),
            deviations=findings.seed_deviations(found),
        ),
        SELECTION.format(selection=findings.selection(found)),
        PRACTICE.format(
            costs=findings.costs_and_ranks(times, ranks),
            cheap=findings.cheap_and_dear(times, ranks, blocks),
            blocks=blocks,
        ),
        OPEN,
    ]
    if RECOVERY.is_dir():
        parts.append(recovered(config))
    return "\n".join(parts)


def enhancement(reference: Reference) -> list[str]:
    """The older label-enhancement methods on the sets that they were run on, ranked with the newer ones."""
    rows = [*ENHANCEMENT, *LABEL_ENHANCEMENT, *VARIANTS]
    sets = list(dict.fromkeys(one.job.full_dataset for one in reference.entries if one.job.row in ENHANCEMENT))
    if not sets:
        return []
    tables = reference.tables(Choice(rows=[*rows, "BCE"], datasets=sets), rows)
    return ["### Older label enhancement\n", render_all(tables, "markdown")]


def few_points() -> list[str]:
    """delicious, from a folder of its own."""
    if not (DELICIOUS / PACKED).is_file():
        return []
    reference = read(DELICIOUS)
    return [FEW_POINTS, origin(reference.entries) + "\n", render_all(reference.tables(Choice()), "markdown")]


def _with_instances(within: list[Resampled]) -> list[str]:
    return [f"{one.dataset.partition('@')[0]} ({one.instances} test instances)" for one in within]


def mean_ranks(tables: list[Table]) -> tuple[dict[str, dict[str, float]], int]:
    """{metric: {row: mean rank}} of the ranked rows, ties sharing theirs, and over how many complete data sets."""
    found, blocks = {}, 0
    for table in tables:
        assert table.metric is not None
        values, _ = complete_values(table, table.ranked)
        test = friedman(values.to_numpy(dtype=float), table.metric.lower_is_better)
        found[table.metric.title] = dict(zip(table.ranked, test.mean_ranks, strict=True))
        blocks = test.blocks
    return found, blocks


def origin(entries: list[Entry]) -> str:
    environments = [entry.record.environment for entry in entries if entry.record]
    commits = sorted({str(one["commit"]) for one in environments})
    machines = sorted({f"{one['processor']}, {one['cores']} cores, {_device(one)}" for one in environments})
    seconds = sum(entry.record.cost["seconds"] for entry in entries if entry.record)
    return (
        f"Commit {', '.join(commits)}; {'; '.join(machines)}. {len(entries)} jobs took {seconds / 3600:.1f} hours, one "
        "thread each, beside other work on the same machine."
    )


def _device(environment: dict[str, Any]) -> str:
    return str(environment["device"]).partition(" (")[0]  # without how its threads wait


def inventory(entries: list[Entry]) -> str:
    """A line a data set: its sizes, what ran on it, and the fingerprint that tells whether another's is the same."""
    by_set: dict[str, list[Record]] = {}
    for entry in entries:
        if entry.record is not None and entry.record.result is not None:
            by_set.setdefault(entry.job.full_dataset, []).append(entry.record)
    lines = []
    for dataset, records in sorted(by_set.items(), key=lambda item: str.lower(item[0])):
        result = records[0].result
        assert result is not None
        seeds = Counter(record.job.row for record in records).values()
        count = str(min(seeds)) if min(seeds) == max(seeds) else f"{min(seeds)} to {max(seeds)}"
        rows = " / ".join(str(result["rows"][split]) for split in ("train", "val", "test"))
        fingerprint = records[0].key["data"]
        lines.append(
            [dataset, rows, str(result["features"]), str(result["labels"]), str(len(seeds)), count, fingerprint]
        )
    headers = ["data set", "train / val / test", "features", "labels", "rows of the tables", "seeds", "fingerprint"]
    return as_text([Grid(headers, lines)], "pipe")


def statistics(table: Table) -> str:
    assert table.metric is not None
    return f"**{table.metric.title}**\n\n" + as_text(significance(table, table.ranked, "FLEM-D", None), "pipe")


def recovered(config: Config) -> str:
    store = Store(RECOVERY)
    entries = committed(store, config)
    names = list(recovery_rows(config))
    tables = [comparison(entries, metric, config, store.manifest(), names) for metric in RECOVERY_METRICS]
    parts = [RECOVERED, origin(entries) + "\n", verdict(tables), against_floors(tables, "pipe")]
    return "\n".join([*parts, render_all(tables, "markdown")])


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
