"""``python -m study.results_page``: docs/results.md, docs/ranks.svg and the README's table from the committed records;
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
from bench.analysis.hypothesis_tests import friedman
from bench.analysis.over_datasets import complete_values, significance
from bench.analysis.paper_claims import LABEL_ENHANCEMENT, VARIANTS, claims, claims_grid
from bench.analysis.paper_comparison import checked_stand_ins, comparison_frame, not_compared, render_comparison
from bench.analysis.recovery import against_trivial_baselines
from bench.analysis.within_datasets import Resampled
from bench.config import Config
from bench.metrics.catalogue import PAPER_METRICS, RECOVERY_METRICS
from bench.plan.filters import Choice, chosen
from bench.plan.states import JobState
from bench.plan.tracks import recovery_variants as recovery_rows
from bench.plan.variants import variants_of
from bench.records.packed import PACKED, unpacked
from bench.records.record import Manifest, Record
from bench.records.store import Store
from bench.report.rank_figures import rank_heat_map
from bench.report.style import encoded
from bench.tables.comparison import ABLATION, ablation, comparison, paper_table
from bench.tables.render import render_all
from bench.tables.table import PAPERS_STYLE, Style, Table
from bench.text import Grid, as_text
from study import findings, processors
from study.reference import (
    ANOTHER_PROCESSOR,
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
from study.summary import in_short

PAGE = ROOT / "docs/results.md"
PICTURE = ROOT / "docs/ranks.svg"
README = ROOT / "README.md"
TEMPLATE = Path(__file__).with_suffix(".md")
"""The page's prose, with names in braces where something is computed."""
DEMO = "<!-- demo -->", "<!-- /demo -->"
STAND_IN = "VOC07tv=VOC07"


def main() -> None:
    reference = read()
    PAGE.write_text(page(reference), encoding="utf-8")
    PICTURE.write_bytes(picture(reference))
    README.write_text(with_demo(README.read_text(encoding="utf-8"), reference), encoding="utf-8")


@dataclass(frozen=True)
class Reference:
    """The committed records."""

    config: Config
    entries: list[JobState]
    manifest: Manifest

    def tables(self, choice: Choice, ranked: Sequence[str] | None = None, style: Style = PAPERS_STYLE) -> list[Table]:
        """A table a metric, of some of the records; ``ranked`` rows instead of the paper's twelve."""
        config = self.config
        if ranked is not None:
            config = replace(config, tables=replace(config.tables, ranked=list(ranked)))
        entries, manifest = chosen(self.entries, self.manifest, choice)
        order = list(variants_of(config))
        return [comparison(entries, metric, config, manifest, order, style) for metric in PAPER_METRICS]

    def compared(self) -> list[str]:
        """The rows of the paper, and those that stand under its rule."""
        return [*self.config.tables.ranked, *self.config.tables.extra]

    def with_bce(self) -> list[Table]:
        """Plain BCE ranked with the paper's twelve."""
        rows = [*self.config.tables.ranked, "BCE"]
        return self.tables(Choice(variants=rows), rows)


def read(folder: Path = FOLDER) -> Reference:
    config, store = configuration.load(folder), Store(folder)
    return Reference(config, committed(store, config), store.manifest())


def picture(reference: Reference) -> bytes:
    tables = reference.with_bce()
    return encoded(rank_heat_map(tables, tables[0].ranked), "svg")


def with_demo(readme: str, reference: Reference) -> str:
    """The README with the first table of ``make demo``, which is a part of the reference run."""
    first, *_ = reference.tables(Choice(variants=reference.compared(), datasets=["yeast"], seeds=[0]))
    before, rest = readme.split(DEMO[0])
    _, after = rest.split(DEMO[1])
    return f"{before}{DEMO[0]}\n```\n{render_all([first], 'terminal')}```\n{DEMO[1]}{after}"


def page(reference: Reference) -> str:
    config, entries = reference.config, reference.entries
    tables = reference.tables(Choice(variants=reference.compared()))
    beside = comparison_frame(tables, checked_stand_ins([STAND_IN], config))
    measured = json.loads((FOLDER / MEASURED).read_text())
    within = [msgspec.json.decode(line, type=Resampled) for line in (FOLDER / WITHIN).read_bytes().splitlines()]
    found = findings.by_job(entry.record for entry in entries if entry.record)
    with_bce = reference.with_bce()
    ranks, blocks = mean_ranks(with_bce)
    ablated = Choice(variants=[*ABLATION, *OWN_ROWS, "BCE"], datasets=["VOC07tv"])
    photographs = reference.tables(ablated, style=Style(show_ranks=False))
    claimed = claims([paper_table(metric, config) for metric in PAPER_METRICS], tables)
    times = findings.fitting_times(found)
    few, recovery = read(DELICIOUS), committed(Store(RECOVERY), config)
    recovery_made = recovery_tables(recovery, config)
    there = findings.by_job(record for _, record in unpacked(ANOTHER_PROCESSOR / PACKED))
    return TEMPLATE.read_text(encoding="utf-8").format(
        origin=origin(entries),
        whole=jobs_and_hours([*entries, *recovery, *few.entries]),
        in_short=in_short(found, claimed, tables, within, times, recovery_made, there, CONTROL),
        inventory=inventory(entries),
        comparison=render_comparison(beside, config, "markdown", not_compared(tables, beside, reference.manifest)),
        tables=render_all(tables, "markdown"),
        ablation=render_all([ablation(photographs)], "markdown"),
        enhancement=enhancement(reference),
        few_points="\n".join([origin(few.entries) + "\n", render_all(few.tables(Choice()), "markdown")]),
        claims=as_text([claims_grid(claimed)], "pipe"),
        within=findings.within(within, CONTROL),
        sets=", ".join(_with_instances(within)),
        statistics="\n".join(statistics(table) for table in with_bce),
        joint=findings.pair(found, "FLEM-I", "BCE"),
        separate=findings.pair(found, "FLEM-I separate", "BCE"),
        class_balanced=findings.pair(found, "CB", "FL"),
        nothing=findings.nothing_predicted(found, measured),
        saturation=findings.saturation(found, measured),
        legacy=findings.pair(found, "FLEM-D legacy", "FLEM-D"),
        mapped=findings.pair(found, "R-FL VOC", "R-FL"),
        scaled=findings.pair(found, "DB VOC", "DB"),
        near=", ".join(findings.LIKE_THE_PAPER),
        margins=findings.margins(found),
        stds=findings.seed_deviations(found),
        elsewhere=processors.summary(found, there, reference.compared()),
        distances_elsewhere=processors.compared(found, there, reference.compared()),
        choices_elsewhere=processors.choices(found, there, reference.compared()),
        selection=findings.selection(found),
        blocks=blocks,
        costs=findings.costs_and_ranks(times, ranks),
        cheap=findings.cheap_and_dear(times, ranks, blocks),
        neighbours_first=", ".join(ranked_on(tables[0], "ML-KNN", range(1, 2))) or "none",
        neighbours_last=", ".join(ranked_on(tables[0], "ML-KNN", range(10, 13))) or "none",
        labelsets_last=len(ranked_on(tables[0], "RAKEL", range(12, 13))),
        recovered="\n".join(
            [
                origin(recovery) + "\n",
                against_trivial_baselines(recovery_made, "pipe"),
                render_all(recovery_made, "markdown"),
            ]
        ),
    )


def enhancement(reference: Reference) -> str:
    """The older label-enhancement methods on the sets that they were run on, ranked with the newer ones."""
    rows = [*ENHANCEMENT, *LABEL_ENHANCEMENT, *VARIANTS]
    sets = list(dict.fromkeys(one.job.full_dataset for one in reference.entries if one.job.variant in ENHANCEMENT))
    if not sets:
        return ""
    tables = reference.tables(Choice(variants=[*rows, "BCE"], datasets=sets), rows)
    return f"### Older label enhancement\n\n{render_all(tables, 'markdown')}\n"


def _with_instances(within: list[Resampled]) -> list[str]:
    return [f"{one.dataset.partition('@')[0]} ({one.instances} test instances)" for one in within]


def ranked_on(table: Table, row: str, ranks: range) -> list[str]:
    """The data sets on which the row has one of the ranks."""
    cells = {column: table.cell(row, column) for column in table.columns}
    return [column for column, cell in cells.items() if cell is not None and cell["rank"] in ranks]


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


def origin(entries: list[JobState]) -> str:
    environments = [entry.record.environment for entry in entries if entry.record]
    commits = sorted({str(one["commit"]) for one in environments})
    machines = sorted({f"{one['processor']}, {one['cores']} cores, {_device(one)}" for one in environments})
    return (
        f"Commit {', '.join(commits)}; {'; '.join(machines)}. {jobs_and_hours(entries)}, one thread each, "
        "beside other work on the same machine."
    )


def jobs_and_hours(entries: list[JobState]) -> str:
    seconds = sum(entry.record.cost.seconds for entry in entries if entry.record)
    return f"{len(entries)} jobs in {seconds / 3600:.1f} hours of computing"


def _device(environment: dict[str, Any]) -> str:
    return str(environment["device"]).partition(" (")[0]  # without how its threads wait


def inventory(entries: list[JobState]) -> str:
    """A line a data set: its sizes, what ran on it, and the fingerprint that tells whether another's is the same."""
    by_set: dict[str, list[Record]] = {}
    for entry in entries:
        if entry.record is not None and entry.record.result is not None:
            by_set.setdefault(entry.job.full_dataset, []).append(entry.record)
    lines = []
    for dataset, records in sorted(by_set.items(), key=lambda item: str.lower(item[0])):
        result = records[0].result
        assert result is not None
        seeds = Counter(record.job.variant for record in records).values()
        count = str(min(seeds)) if min(seeds) == max(seeds) else f"{min(seeds)} to {max(seeds)}"
        rows = " / ".join(str(result.n_samples[split]) for split in ("train", "val", "test"))
        fingerprint = records[0].key["data"]
        lines.append([dataset, rows, str(result.n_features), str(result.n_labels), str(len(seeds)), count, fingerprint])
    headers = ["data set", "train / val / test", "features", "labels", "rows of the tables", "seeds", "fingerprint"]
    return as_text([Grid(headers, lines)], "pipe")


def statistics(table: Table) -> str:
    assert table.metric is not None
    return f"**{table.metric.title}**\n\n" + as_text(significance(table, table.ranked, "FLEM-D", None), "pipe")


def recovery_tables(entries: list[JobState], config: Config) -> list[Table]:
    """A table a measure of the recovery track."""
    names, manifest = list(recovery_rows(config)), Store(RECOVERY).manifest()
    return [comparison(entries, metric, config, manifest, names) for metric in RECOVERY_METRICS]


if __name__ == "__main__":
    main()
