"""Report of a results folder as one HTML file that needs no network. Imports no torch."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from bench import __version__
from bench.analysis.answer import answer
from bench.analysis.answer.leads import Lead
from bench.analysis.over_datasets import significance
from bench.analysis.paper_claims import claims, claims_grid, claims_note
from bench.analysis.paper_comparison import LEVEL, meaning_of_widths, not_compared
from bench.analysis.within_datasets import RESAMPLED, Resampled, explanation, in_words
from bench.analysis.within_folds import folds_in_words
from bench.config import Config
from bench.errors import UsageError
from bench.metrics.catalogue import PAPER_METRICS
from bench.report.figures import Material, Picture, pictures
from bench.report.figures.style import inline
from bench.report.page.details import details, families_of
from bench.report.page.tables import RankedBy, compared_sets, shown_tables
from bench.tables.comparison import paper_table
from bench.tables.render import common_notes
from bench.tables.table import GAP, MetricTable
from bench.text import Block, Grid, duration, named, shown

if TYPE_CHECKING:
    from bench.plan.states import JobState

SUMMARY_FIGURES = ("cost", "transforms")
SET_FIGURES = ("grid", "reliability", "distributions")
SETS_DRAWN, PANELS_DRAWN = 8, 100
"""Data sets of which figures are drawn, and methods on them in all, at most."""


@dataclass(frozen=True)
class ShownPicture:
    """A figure of the page."""

    title: str
    svg: Markup


@dataclass(frozen=True)
class Section:
    """A part of the page: one data set, or one metric's statistics."""

    title: str
    blocks: list[Block] = field(default_factory=list)
    pictures: list[ShownPicture] = field(default_factory=list)


def page(
    material: Material,
    config: Config,
    folder: str,
    control: str,
    by_rules: Sequence[RankedBy] = (),
) -> str:
    """Report as HTML text. Parts that the records say nothing of are left out.

    Parameters
    ----------
    folder: where the records are, as the reader should see it.
    control: the variant that the statistics compare the others with.
    by_rules: tables of the same records by other decision rules, or of further metrics.
    """
    done = [state for state in material.states if state.state == "done"]
    ours = list(material.tables)
    papers = [paper_table(metric, config) for metric in PAPER_METRICS]
    common = common_notes(ours)
    claimed = claims(papers, ours)
    ranked = [*(RankedBy(table, material.states) for table in ours), *by_rules]
    families = dict.fromkeys(families_of(material.states, ours[0].variants, config).values())
    parts = {
        "statistics": _statistics(ours, material, control, material.within),
        "figures": _drawn(material, SUMMARY_FIGURES),
        "compared": compared_sets(material.comparison, config),
        "claims": claims_grid(claimed) if any(claim.here.cases for claim in claimed) else None,
        "gaps": _gaps(material),
        "cost": _cost(material, done),
        "sets": _sets(material),
    }
    return (
        environment()
        .get_template("page.html")
        .render(
            **answered(material, config, control),
            contents=[(id, title) for id, title, there in _contents(parts) if there],
            facts=[("source", folder), ("made by", f"bench {__version__}"), *_facts(material, done)],
            tables=shown_tables(ranked, common),
            details=Markup(details(ranked, material.manifest, config)),
            families=[(family, family) for family in families],
            metrics=[(title, title) for title in dict.fromkeys(one.table.metric.title for one in ranked)],
            sets_here=list(enumerate(ours[0].columns)),
            rules=[(rule, rule) for rule in dict.fromkeys(one.rule for one in ranked) if rule],
            common=common,
            level=LEVEL,
            widths=meaning_of_widths(material.comparison),
            difference=_drawn(material, ("difference",)) if not material.comparison.empty else [],
            reasons=not_compared(ours, material.comparison, material.manifest),
            claims_note=claims_note(claimed),
            claims_on=", ".join(one.name for one in ours[0].independent_sets),
            control=control,
            explanation=explanation(control)
            if material.within
            else "Test instances were not resampled for this page; "
            "`python -m bench stats` does, or `report --resampling always`.",
            is_grid=lambda block: isinstance(block, Grid),
            **parts,
        )
    )


def answered(material: Material, config: Config, control: str) -> dict[str, Any]:
    """Content of ``answer.html``: the answer, each metric's leader and the picture."""
    found = answer(
        material.tables, material.states, material.variants, control, config, material.within, _stand_ins(material),
        material.manifest,
    )  # fmt: skip
    leads = [leader_first(lead) for lead in found.leads]
    return {"answer": found, "leads": leads, "picture_of_it": _drawn(material, ("answer",))}


def leader_first(lead: Lead) -> tuple[str, str, str]:
    """A metric's heading, the methods that its sentence begins with, and the rest of the sentence."""
    said, first = lead.sentence.removeprefix(f"{lead.metric.title}: "), named(lead.first)
    first = first if said.startswith(first) else ""
    return lead.metric.heading, first, said.removeprefix(first)


def _stand_ins(material: Material) -> dict[str, str]:
    """{data set: the one of the paper that it is compared with}."""
    frame = material.comparison
    return dict(zip(frame["dataset"], frame["paper_dataset"], strict=True)) if len(frame) else {}


def _contents(parts: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """(id, title, whether it is there) of the page's sections, in order."""
    return [
        ("tables", "Tables", True),
        ("statistics", "Statistics", bool(parts["statistics"])),
        ("figures", "Figures", bool(parts["figures"])),
        ("paper", "The paper", bool(parts["compared"] or parts["claims"])),
        ("gaps", "Gaps", bool(parts["gaps"])),
        ("what", "What ran", True),
        ("cost", "Cost", bool(parts["cost"])),
        ("sets", "Data sets", bool(parts["sets"])),
    ]


def _code(text: str) -> Markup:
    """Text in which `backticks` are code."""
    parts = [escape(shown(part, keep="\n")) for part in text.split("`")]
    return Markup("").join(Markup("<code>{}</code>").format(part) if i % 2 else part for i, part in enumerate(parts))


def environment(*packages: str) -> Environment:
    """Templates of the page, and before them those of further packages."""
    made = Environment(
        loader=ChoiceLoader([PackageLoader(package, ".") for package in (*packages, "bench.report.page")]),
        autoescape=select_autoescape(default=True),
        finalize=lambda value: shown(value, keep="\n") if type(value) is str else value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["code"] = _code
    return made


def _facts(material: Material, done: list[JobState]) -> list[tuple[str, str]]:
    """(name, text) of the jobs, the machines and the code."""
    counts = Counter(state.state for state in material.states)
    environments = [state.record.environment for state in material.states if state.record is not None]

    def different(key: str) -> str:
        return ", ".join(
            sorted({str(environment[key]) for environment in environments if environment.get(key) is not None})
        )

    seconds = sum(state.record.cost.seconds for state in done if state.record is not None)
    seeds = sorted({state.job.seed for state in material.states})
    facts = [
        ("records", ", ".join(f"{count} {state}" for state, count in counts.items())),
        ("data sets", ", ".join(dict.fromkeys(state.job.full_dataset for state in material.states))),
        ("methods", ", ".join(material.tables[0].variants)),
        ("seeds", ", ".join(map(str, seeds))),
        ("computed in", f"{duration(seconds)} of jobs, one after the other"),
        ("device", different("device")),
        ("machine", different("host")),
        ("processor", different("processor")),
        ("code", different("commit") and f"commit {different('commit')}"),
    ]
    return [(name, value) for name, value in facts if value]


def _drawn(material: Material, figures: Sequence[str]) -> list[ShownPicture]:
    """The figures, as far as there is something to draw."""
    return [drawn for picture in pictures(material, figures) if (drawn := _shown(picture)) is not None]


def _shown(picture: Picture) -> ShownPicture | None:
    try:
        return ShownPicture(picture.title, Markup(inline(picture.draw(), picture.text)))
    except UsageError:
        return None


def _statistics(
    tables: Sequence[MetricTable], material: Material, control: str, within: Sequence[Resampled]
) -> list[Section]:
    sections = []
    diagrams = {picture.name: picture for picture in pictures(material, ("critical-difference",))}
    for table in tables:
        blocks = significance(table, list(material.variants), control)
        if within and table.metric.key in RESAMPLED:
            blocks = [*blocks, *in_words(list(within), table.metric, detail=False)]
        blocks += folds_in_words(table, material.states, material.variants, control)
        diagram = _shown(diagrams[f"critical-difference-{table.metric.option}"])
        sections.append(Section(table.title, blocks, [diagram] if diagram else []))
    return sections


def _gaps(material: Material) -> list[str]:
    """Sentences on everything that was asked for and has no value."""
    missing = material.manifest.missing
    gaps = [f"{name}: its data are not here ({how})." for name, how in missing.items()]
    table = material.tables[0]
    for column in table.columns:
        cells = {variant: table.cell(variant, column) for variant in table.variants}
        absent = [variant for variant, cell in cells.items() if cell is None or cell.state == "missing"]
        if absent and column not in missing:
            gaps.append(f"Not run on {column}: {'all variants' if len(absent) == len(cells) else ', '.join(absent)}.")
    faults: dict[tuple[str, str, str], dict[str, list[int]]] = {}
    for state in material.states:
        if state.state != "done":
            seeds = faults.setdefault((state.job.variant, state.state, state.note), {})
            seeds.setdefault(state.job.full_dataset, []).append(state.job.seed)
    for (variant, kind, note), by_set in faults.items():
        where = [
            f"{dataset} ({'seeds' if len(seeds) > 1 else 'seed'} {', '.join(map(str, seeds))})"
            for dataset, seeds in by_set.items()
        ]
        gaps.append(f"{variant} is {kind}: {note.rstrip('.')}. On {', '.join(where)}.")
    undefined = [
        f"{cell.variant} on {cell.dataset}, {table.title}"
        for table in material.tables
        for cell in table.cells.values()
        if cell.state == "undefined"
    ]
    if undefined:
        gaps.append(f"Run, but the metric is not defined there: {'; '.join(undefined)}.")
    return gaps


def _cost(material: Material, done: list[JobState]) -> Grid | None:
    """Mean seconds of a job per method and data set, and the largest memory in MiB; None where no run took any."""
    if not material.seconds:
        return None
    table = material.tables[0]
    columns = [column for column in table.columns if column in table.sources]
    peak: dict[str, float] = {}
    for state in done:
        assert state.record is not None
        bytes_taken = state.record.cost.peak_memory_bytes or 0
        peak[state.job.variant] = max(peak.get(state.job.variant, 0), bytes_taken)
    body = []
    for variant in table.variants:
        seconds = [material.seconds.get((variant, table.sources[column])) for column in columns]
        texts = [GAP if value is None else f"{value:.1f}" for value in seconds]
        body.append([variant, *texts, f"{peak[variant] / 2**20:.0f}" if peak.get(variant) else GAP])
    return Grid(["seconds a job (mean over seeds)", *columns, "peak MiB"], body)


def _sets(material: Material) -> list[Section]:
    sections: dict[str, Section] = {}
    most = min(SETS_DRAWN, max(1, PANELS_DRAWN // len(material.variants)))
    for picture in pictures(material, SET_FIGURES):
        section = sections.setdefault(picture.dataset, Section(picture.dataset))
        if list(sections).index(picture.dataset) < most:
            drawn = _shown(picture)
            section.pictures.extend([drawn] if drawn else [])
        elif not section.blocks:
            command = f"python -m bench plot --datasets {shlex.quote(picture.dataset)}"
            section.blocks.append(f"The page draws {most} data sets; `{command}` draws this one.")
    return [section for section in sections.values() if section.blocks or section.pictures]
