"""``python -m study.results_page``: docs/results/paper-protocol.md with its picture and the pages beside it, from the committed
records of the paper's protocol; no number is typed."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from msgspec.structs import replace

from bench import config as configuration
from bench.analysis.answer import Answer, answer
from bench.analysis.hypothesis_tests import critical_difference, friedman
from bench.analysis.over_datasets import complete_values, significance
from bench.analysis.paper_claims import LABEL_ENHANCEMENT, VARIANTS, claims, claims_grid, claims_note
from bench.analysis.paper_comparison import checked_stand_ins, comparison_frame, not_compared, render_comparison
from bench.analysis.recovery import against_trivial_baselines
from bench.analysis.within_datasets import Resampled
from bench.config import Config
from bench.metrics.catalogue import PAPER_METRICS, RECOVERY_METRICS, metric_named
from bench.plan.filters import Choice, chosen
from bench.plan.states import JobState
from bench.plan.tracks import recovery_variants
from bench.plan.variants import variants_of
from bench.records.convergence import cut_short_note
from bench.records.packed import PACKED, unpacked
from bench.records.record import Manifest, Record
from bench.records.store import Store
from bench.report.figures.answer import distances_to_the_leader
from bench.report.figures.style import encoded
from bench.system import reading, writing
from bench.tables.comparison import ABLATION, ablation, comparison, paper_table
from bench.tables.render import render_all
from bench.tables.table import PAPERS_STYLE, MetricTable, Style
from bench.text import Grid, as_text, counted, named
from study.reference import (
    ANOTHER_PROCESSOR,
    CONTROL,
    DELICIOUS,
    ENHANCEMENT,
    FOLDER,
    GPU,
    MEASURED,
    METHODS,
    OWN_VARIANTS,
    RECOVERY,
    SENTENCES,
    WITHIN,
)
from study.results import costs, findings, margins, processors
from study.results.summary import better_than_nothing, finding, in_short, recovered
from study.runs import ROOT, committed

DOCS = ROOT / "docs"
PICTURE = DOCS / "results/paper-protocol.svg"
RUNNING = DOCS / "running.md"
DATASETS = DOCS / "add-a-dataset.md"
TEMPLATES = Path(__file__).parent / "results/pages"
"""The pages' prose, each under the path that it has in docs, with names in braces where something is computed."""
DEMO = "<!-- demo -->", "<!-- /demo -->"
TEXT_FEATURES = "<!-- text features -->", "<!-- /text features -->"
STAND_IN = "VOC07tv=VOC07"


def main() -> None:
    reference = read()
    for path, text in pages(reference).items():
        writing.write(path, text.encode())
    writing.write(PICTURE, picture(reference))
    for path, text in with_findings(reference).items():
        writing.write(path, text.encode())


@dataclass(frozen=True)
class Reference:
    """The committed records."""

    config: Config
    states: list[JobState]
    manifest: Manifest

    def tables(
        self, choice: Choice, ranked: Sequence[str] | None = None, style: Style = PAPERS_STYLE
    ) -> list[MetricTable]:
        """A table a metric, of some of the records; ``ranked`` variants instead of the paper's twelve."""
        config = self.config
        if ranked is not None:
            config = replace(config, tables=replace(config.tables, ranked=list(ranked)))
        states, manifest = chosen(self.states, self.manifest, choice)
        order = list(variants_of(config))
        return [comparison(states, metric, config, manifest, order, style) for metric in PAPER_METRICS]

    def compared(self) -> list[str]:
        """The variants of the paper, and those that stand under its rule."""
        return [*self.config.tables.ranked, *self.config.tables.extra]

    def with_bce(self, datasets: Sequence[str] = ()) -> list[MetricTable]:
        """Plain BCE ranked with the paper's twelve; on all data sets, or on some."""
        variants = [*self.config.tables.ranked, "BCE"]
        return self.tables(Choice(variants=variants, datasets=list(datasets) or None), variants)

    def records(self) -> findings.Records:
        """Records with a result, by job."""
        return findings.by_job(state.record for state in self.states if state.record)

    def classic(self) -> list[str]:
        """Data sets whose comparison is withdrawn."""
        withdrawn = {name for sets in self.config.tables.withdrawn.values() for name in sets}
        return [name for name in findings.datasets_of(self.records()) if name in withdrawn]


def read(folder: Path = FOLDER) -> Reference:
    """Committed records of a folder."""
    config, store = configuration.load(folder), Store(folder)
    return Reference(config, committed(store, config), store.manifest())


def picture(reference: Reference) -> bytes:
    """The bytes of its picture: where each method stands on the data sets that are not withdrawn."""
    return encoded(distances_to_the_leader(answered(reference).leads), "svg")


def answered(reference: Reference) -> Answer:
    """Answer of the records of the data sets that are not withdrawn."""
    sets = findings.LIKE_THE_PAPER
    tables = reference.with_bce(sets)
    states = [state for state in reference.states if state.job.dataset in sets]
    return answer(tables, states, tables[0].ranked, "BCE", reference.config, stand_ins=_stand_ins(reference))


def with_findings(reference: Reference) -> dict[Path, str]:
    """docs/running.md with the first table of ``make demo``, a part of the reference run, and docs/add-a-dataset.md with
    what features of texts reach."""
    first, *_ = reference.tables(Choice(variants=reference.compared(), datasets=["yeast"], seeds=[0]))
    return {
        RUNNING: between(DEMO, reading.text(RUNNING), f"```\n{render_all([first], 'terminal')}```"),
        DATASETS: between(TEXT_FEATURES, reading.text(DATASETS), text_features(reference)),
    }


def text_features(reference: Reference) -> str:
    """Macro average precision on Reuters' test documents by sentence features beside XML-CNN's."""
    metric = metric_named("average-precision").key
    made = committed(Store(SENTENCES), reference.config)
    sentences = {state.job.variant: state.value(metric) for state in made}
    seeds: dict[str, list[float]] = {}
    for states in (reference.states, committed(Store(METHODS), reference.config)):
        found: dict[str, list[float]] = {}
        for state in states:
            if state.job.dataset == "Reuters" and (value := state.value(metric)) is not None:
                found.setdefault(state.job.variant, []).append(value)
        seeds = found | seeds  # several seeds before one
    both = {
        name: (value, fmean(seeds[name])) for name, value in sentences.items() if value is not None and name in seeds
    }
    higher = sum(value > other for value, other in both.values())
    body = [
        [name, f"{other:.4f}", f"{value:.4f}", str(len(seeds[name]))]
        for name, (value, other) in sorted(both.items(), key=lambda one: -one[1][0])
    ]
    grid = as_text([Grid(["method", "XML-CNN, paper", "minilm-l6-v2, small", "seeds of XML-CNN"], body)], "pipe")
    ends = cut_short_note([state.record for state in made if state.record])
    return (
        f"{grid}\nSentence features reach more in {higher} of {len(both)} methods. The two columns are of two protocols, "
        f"and sentence features of seed 0. {' '.join(ends)}"
    )


def between(marks: tuple[str, str], text: str, inserted: str) -> str:
    """The text with this between two marks of it."""
    before, rest = text.split(marks[0])
    _, after = rest.split(marks[1])
    return f"{before}{marks[0]}\n{inserted}\n{marks[1]}{after}"


def pages(reference: Reference) -> dict[Path, str]:
    """{path: text} of the pages of the paper's protocol."""
    values = {**standing(reference), **appendix(reference)}
    templates = sorted(TEMPLATES.rglob("*.md"))
    return {DOCS / path.relative_to(TEMPLATES): reading.text(path).format(**values) for path in templates}


def standing(reference: Reference) -> dict[str, str]:
    """Parts of docs/results/paper-protocol.md, of the data sets that are not withdrawn."""
    sets = findings.LIKE_THE_PAPER
    tables = reference.tables(Choice(variants=reference.compared(), datasets=sets))
    claimed = claims([paper_table(metric, reference.config) for metric in PAPER_METRICS], tables)
    records = findings.of_sets(reference.records(), sets)
    with_bce, times = reference.with_bce(sets), costs.fitting_times(records)
    ranks, _ = mean_ranks(with_bce)
    within, said = [one for one in intervals() if one.dataset.partition("@")[0] in sets], answered(reference)
    return {
        "finding": textwrap.fill(finding(claimed[0], said, times, CONTROL), 120),
        "standing": named(sets),
        "compared": said.compared,
        "classic": ", ".join(reference.classic()),
        "number_withdrawn": str(len(reference.classic())),
        "small": costs.costs_and_ranks(times, ranks),
        "in_short": in_short(records, claimed, tables, within, times, CONTROL),
    }


def _stand_ins(reference: Reference) -> dict[str, str]:
    return checked_stand_ins([STAND_IN], reference.config)


def intervals() -> list[Resampled]:
    """Stored intervals of CONTROL against the others on each data set."""
    return [reading.decoded_json(line, FOLDER / WITHIN, Resampled) for _, line in reading.lines(FOLDER / WITHIN)]


def appendix(reference: Reference) -> dict[str, object]:
    """Parts of the pages that are of all records."""
    config, states = reference.config, reference.states
    tables = reference.tables(Choice(variants=reference.compared()))
    beside = comparison_frame(tables, _stand_ins(reference))
    measured = reading.json(FOLDER / MEASURED)
    within, records = intervals(), reference.records()
    with_bce = reference.with_bce()
    ranks, blocks = mean_ranks(with_bce)
    ablated = Choice(variants=[*ABLATION, *OWN_VARIANTS, "BCE"], datasets=["VOC07tv"])
    photographs = reference.tables(ablated, style=Style(show_ranks=False))
    claimed = claims([paper_table(metric, config) for metric in PAPER_METRICS], tables)
    times = costs.fitting_times(records)
    few, recovery = read(DELICIOUS), committed(Store(RECOVERY), config)
    few_records = [state.record for state in few.states if state.record]
    recovery_made = recovery_tables(recovery, config)
    elsewhere, on_gpu = (
        findings.by_job(record for _, record in unpacked(folder / PACKED)) for folder in (ANOTHER_PROCESSOR, GPU)
    )
    return {
        "origin": origin(states),
        "seeds_each": seeds_each(states),
        "whole": jobs_and_hours([*states, *recovery, *few.states]),
        "recovered_in_short": recovered(recovery_made),
        "elsewhere_in_short": processors.in_short(records, elsewhere, [*VARIANTS, "FLEM-I", "FLEM-II"]),
        "inventory": inventory(states),
        "comparison": render_comparison(beside, config, "markdown", not_compared(tables, beside, reference.manifest)),
        "tables": render_all(tables, "markdown"),
        "ablation": render_all([ablation(photographs)], "markdown"),
        "enhancement": enhancement(reference),
        "few_labels": next(record.result.n_labels for record in findings.by_job(few_records).values() if record.result),
        "few_seeds": counted(len({state.job.seed for state in few.states}), "seed"),
        "few_of_grid": points(few.states),
        "whole_grid": points(states),
        "few_points": "\n".join([origin(few.states) + "\n", render_all(few.tables(Choice()), "markdown")]),
        "claims": as_text([claims_grid(claimed), claims_note(claimed)], "pipe"),
        "within": findings.within(within, CONTROL),
        "power": findings.within_power(within),
        "sets": ", ".join(_with_instances(within)),
        "statistics": "\n".join(statistics(table) for table in with_bce),
        "joint": findings.pair(records, "FLEM-I", "BCE"),
        "separate": findings.pair(records, "FLEM-I separate", "BCE"),
        "class_balanced": findings.pair(records, "CB", "FL"),
        "nothing": findings.nothing_predicted(records, measured),
        "labelsets": findings.labelsets(records, measured),
        "legacy": findings.pair(records, "FLEM-D legacy", "FLEM-D"),
        "mapped": findings.pair(records, "R-FL VOC", "R-FL"),
        "scaled": findings.pair(records, "DB VOC", "DB"),
        "near": ", ".join(findings.LIKE_THE_PAPER),
        "margins": margins.margins(records),
        "sizes": margins.sizes(records),
        "stds": findings.seed_stds(records),
        "elsewhere": processors.summary(records, elsewhere, reference.compared()),
        "distances_elsewhere": processors.compared(records, elsewhere, reference.compared()),
        "choices_elsewhere": processors.choices(records, elsewhere, reference.compared()),
        "on_gpu": processors.summary(records, on_gpu, reference.compared()),
        "distances_on_gpu": processors.compared(records, on_gpu, reference.compared()),
        "choices_on_gpu": processors.choices(records, on_gpu, reference.compared()),
        "selection": findings.selection(records),
        "blocks": blocks,
        "ranked": len(with_bce[0].ranked),
        "needed": f"{critical_difference(len(with_bce[0].ranked), blocks):.2f}",
        "possible": len(with_bce[0].ranked) - 1,
        "costs": costs.costs_and_ranks(times, ranks),
        "cheap": costs.cheap_and_dear(times, ranks, blocks),
        "neighbours_first": ", ".join(ranked_on(tables[0], "ML-KNN", range(1, 2))) or "none",
        "neighbours_last": ", ".join(ranked_on(tables[0], "ML-KNN", range(10, 13))) or "none",
        "labelsets_last": len(ranked_on(tables[0], "RAKEL", range(12, 13))),
        "learnt": better_than_nothing(recovery_made),
        "recovered": "\n".join(
            [
                origin(recovery) + "\n",
                against_trivial_baselines(recovery_made, "pipe"),
                render_all(recovery_made, "markdown"),
            ]
        ),
    }


def enhancement(reference: Reference) -> str:
    """The older label-enhancement methods on the sets that they were run on, ranked with the newer ones."""
    variants = [*ENHANCEMENT, *LABEL_ENHANCEMENT, *VARIANTS]
    jobs = [state.job for state in reference.states]
    sets = list(dict.fromkeys(job.full_dataset for job in jobs if job.variant in ENHANCEMENT))
    if not sets:
        return ""
    tables = reference.tables(Choice(variants=[*variants, "BCE"], datasets=sets), variants)
    return f"### Older label enhancement\n\n{render_all(tables, 'markdown')}\n"


def _with_instances(within: list[Resampled]) -> list[str]:
    return [f"{of_set.dataset.partition('@')[0]} ({of_set.instances} test instances)" for of_set in within]


def ranked_on(table: MetricTable, variant: str, ranks: range) -> list[str]:
    """Data sets on which the variant has one of the ranks."""
    return [cell.dataset for cell in table.cells.values() if cell.variant == variant and cell.rank in ranks]


def mean_ranks(tables: list[MetricTable]) -> tuple[dict[str, dict[str, float]], int]:
    """{metric: {variant: mean rank}} of the ranked variants, ties sharing theirs, and the number of complete data sets."""
    ranks, blocks = {}, 0
    for table in tables:
        values, _ = complete_values(table, table.ranked)
        test = friedman(values.to_numpy(dtype=float), table.metric.lower_is_better)
        ranks[table.metric.title] = dict(zip(table.ranked, test.mean_ranks, strict=True))
        blocks = test.blocks
    return ranks, blocks


def origin(states: list[JobState]) -> str:
    """Sentences on the code, the machines and the time of the jobs."""
    environments = [state.record.environment for state in states if state.record]
    commits = sorted({str(environment["commit"]) for environment in environments})
    machines = sorted({f"{here['processor']}, {here['cores']} cores, {_device(here)}" for here in environments})
    return (
        f"Commit {', '.join(commits)}; {'; '.join(machines)}. {jobs_and_hours(states)}, one thread each, "
        "beside other work on the same machine."
    )


def jobs_and_hours(states: list[JobState]) -> str:
    """Number of jobs and the hours of all."""
    seconds = sum(state.record.cost.seconds for state in states if state.record)
    return f"{len(states)} jobs in {seconds / 3600:.1f} hours of computing"


def seeds_each(states: list[JobState]) -> str:
    """Number of seeds of a variant on a set: "3 seeds", or "1 to 3 seeds"."""
    counts = Counter((state.job.full_dataset, state.job.variant) for state in states).values()
    return counted(max(counts), "seed") if min(counts) == max(counts) else f"{min(counts)} to {max(counts)} seeds"


def points(states: list[JobState]) -> int:
    """Number of grid points of the jobs of CONTROL."""
    results = [state.record.result for state in states if state.record and state.job.variant == CONTROL]
    return max(len(result.grid) for result in results if result)


def _device(environment: dict[str, Any]) -> str:
    return str(environment["device"]).partition(" (")[0]  # without how its threads wait


def inventory(states: list[JobState]) -> str:
    """Data sets with their sizes, the variants and seeds that ran, and the fingerprint of their arrays, a line each."""
    by_set: dict[str, list[Record]] = {}
    for state in states:
        if state.record is not None and state.record.result is not None:
            by_set.setdefault(state.job.full_dataset, []).append(state.record)
    lines = []
    for dataset, records in sorted(by_set.items(), key=lambda item: str.lower(item[0])):
        result = records[0].result
        assert result is not None
        seeds = Counter(record.job.variant for record in records).values()
        count = str(min(seeds)) if min(seeds) == max(seeds) else f"{min(seeds)} to {max(seeds)}"
        samples = " / ".join(str(result.n_samples[split]) for split in ("train", "val", "test"))
        fingerprint = records[0].key["data"]
        lines.append(
            [dataset, samples, str(result.n_features), str(result.n_labels), str(len(seeds)), count, fingerprint]
        )
    headers = ["data set", "train / val / test", "features", "labels", "variants", "seeds", "fingerprint"]
    return as_text([Grid(headers, lines)], "pipe")


def statistics(table: MetricTable) -> str:
    """Tests over data sets of one metric."""
    return f"**{table.metric.title}**\n\n" + as_text(significance(table, table.ranked, CONTROL), "pipe")


def recovery_tables(states: list[JobState], config: Config) -> list[MetricTable]:
    """A table a measure of the recovery track."""
    names, manifest = list(recovery_variants(config)), Store(RECOVERY).manifest()
    return [comparison(states, metric, config, manifest, names) for metric in RECOVERY_METRICS]


if __name__ == "__main__":
    main()
