"""``python -m study.converged.page``: docs/results.md with its pictures and appendix, and the README's finding.

The text stands in study/converged/pages/, under the path that it has in docs; every number is from committed records.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench import config as configuration
from bench.analysis.relative.words import in_percent
from bench.dataset_name import dataset_name
from bench.metrics.catalogue import PAPER_METRICS
from bench.records.record import Record
from bench.report.figures.style import encoded
from bench.system import reading, writing
from bench.text import counted, named
from study import reference, results_page
from study.converged import answer, crossvalidated, forest, power, regimes
from study.converged.convergence import anchor, trained
from study.converged.multiverse import page as multiverse
from study.converged.multiverse import picture as multiverse_picture
from study.converged.parts import (
    DECAYED,
    FOLDED,
    FOLDER,
    LARGE,
    LAST_EPOCH,
    MAIN,
    PHOTOGRAPHS,
    SPARSE,
    SUBSET_OF_SETTINGS,
)
from study.converged.relative import (
    BASELINE,
    PRECISION,
    Comparison,
    Observed,
    details_table,
    on_sets_table,
    over_sets_table,
    read,
    regime_of,
    sentence,
    set_of,
    short,
    undefined_note,
)
from study.converged.simulated import page as simulated
from study.converged.simulated import picture as simulated_picture
from study.converged.simulated.gains import Gains, gains
from study.converged.simulated.recovered import Order
from study.results.findings import table

SIMULATED = FOLDER / "simulated"
README = reference.ROOT / "README.md"
FINDING = "<!-- finding -->", "<!-- /finding -->"
TEMPLATES = Path(__file__).parent / "pages"
FOREST, CHOICES, STRENGTHS = (
    results_page.DOCS / name for name in ("answer.svg", "results/choices.svg", "results/simulated.svg")
)
ELSEWHERE = {"another processor": reference.ANOTHER_PROCESSOR, "a GPU": reference.GPU}
PAIRS = [
    *((answer.FUSION, control) for control in answer.CONTROLS),
    *((method, SUBSET_OF_SETTINGS) for method in (answer.FUSION, "LD-y")),
]


@dataclass(frozen=True)
class Study:
    """The committed records, and what the pages tell of them."""

    records: Sequence[Record]
    decayed: Sequence[Record]
    """Of the same jobs, where methods search AdamW's weight decay in place of an L2 penalty."""
    last: Sequence[Record]
    """Of BCE, where the models that metrics other than Hamming loss select are those of the last epoch."""
    simulated: Sequence[Record]
    parts: Sequence[Record] = ()
    """Of sets whose validation split is one of several parts."""

    @cached_property
    def observed(self) -> Observed:
        """Sets as they are; each metric selects what is compared by it."""
        return Observed(self.of_methods, selecting="own")

    @cached_property
    def of_methods(self) -> list[Record]:
        """Records but for those of BCE's further variants."""
        return [record for record in self.records if record.job.variant not in trained.VARIANTS]

    @cached_property
    def methods(self) -> list[str]:
        """Methods that have records on every one of the main data sets that BCE has, as it is."""
        columns: dict[str, set[str]] = {method: set() for method in self.observed.methods}
        for record in self.of_methods:
            if not regime_of(record.job.full_dataset) and dataset_name(record.job.dataset).base in MAIN:
                columns[record.job.variant].add(record.job.full_dataset)
        return [method for method, own in columns.items() if own >= columns[BASELINE]]

    @cached_property
    def comparison(self) -> Comparison:
        """Each of these methods against BCE."""
        return self.observed.compared(self.methods)

    @cached_property
    def by_hamming(self) -> Comparison:
        """The same where validation Hamming loss selects for every metric, as in the paper."""
        return Observed(self.of_methods, selecting="hamming").compared(self.methods)

    @cached_property
    def kinds(self) -> dict[str, Comparison]:
        """{kind of data sets, with their sizes: the methods against BCE on them}."""
        networks = {dataset_name(name).base for name in LARGE}
        found = {}
        for name, bases in (("classic sets", MAIN - networks), ("sets with features of networks", networks)):
            records = [one for one in self.of_methods if dataset_name(one.job.dataset).base in bases]
            whole = [one.result for one in records if one.result and not regime_of(one.job.full_dataset)]
            rows = [one.n_samples["train"] for one in whole]
            compared = Observed(records, selecting="own").compared(self.methods)
            found[f"{name} ({min(rows)} to {max(rows)} training rows)"] = compared
        return found

    @cached_property
    def forest(self) -> str:
        """The random forest on each kind of data sets, and where kind and size are others together."""
        few = {
            f"{one.dataset}{one.regime}": one.percent
            for one in self.regimes
            if one.method == answer.FOREST and one.regime and one.dataset in PHOTOGRAPHS
        }
        own = self.comparison.of(PRECISION, answer.FOREST)
        if own is None:
            return ""
        sets = [one for one in own.sets if dataset_name(one.name).base in SPARSE]
        return answer.forest(self.kinds, few, {short(one.name): in_percent(own, one.effect) for one in sets})

    @cached_property
    def untuned(self) -> set[str]:
        """Methods whose jobs have one grid point."""
        tuned = {one.job.variant for one in self.of_methods if one.result and len(one.result.grid) > 1}
        return {one.job.variant for one in self.of_methods} - tuned

    def left_out(self) -> str:
        """Sentence on methods that were run on some of the data sets alone; empty where there are none."""
        found = [method for method in self.observed.methods if method not in self.methods]
        return f"Not compared here, because they were run on some of the sets alone: {named(found)}." if found else ""

    @cached_property
    def beyond(self) -> Comparison:
        """BCE beyond its settings."""
        return trained.beyond(self.records)

    @cached_property
    def by_decay(self) -> Comparison:
        """Methods with AdamW's decay, each against itself."""
        return trained.decayed(self.records, self.decayed)

    @cached_property
    def by_last_epoch(self) -> Comparison:
        """BCE with its last epoch, against itself."""
        return trained.last_epoch(self.records, self.last)

    @cached_property
    def pairs(self) -> Comparison:
        """FLEM-D against its controls, and both against BCE with their settings of training."""
        observed = Observed(self.records, selecting="own")
        there = set(observed.methods)
        return observed.pairs([pair for pair in PAIRS if there.issuperset(pair)])

    @cached_property
    def anchors(self) -> list[anchor.Anchor]:
        """BCE beside logistic regression."""
        return anchor.anchors(self.records)

    @cached_property
    def last_anchors(self) -> list[anchor.Anchor]:
        """The same with BCE's last epoch."""
        logistic = [record for record in self.records if record.job.variant == anchor.LOGISTIC]
        return anchor.anchors([*logistic, *self.last])

    @cached_property
    def multiverse(self) -> multiverse.Study:
        """Rankings under every choice of a protocol."""
        elsewhere = {name: read(folder) for name, folder in ELSEWHERE.items()}
        return multiverse.study(self.of_methods, self.decayed, read(reference.FOLDER), elsewhere)

    @cached_property
    def gains(self) -> list[Gains]:
        """Gains over BCE on simulated sets."""
        return gains(self.simulated)

    @cached_property
    def regimes(self) -> list[regimes.RegimeEffect]:
        """Differences to BCE in label regimes."""
        return regimes.regime_effects(self.records)


def main() -> None:
    study = committed()
    for path, text in {**pages(study), README: with_finding(study)}.items():
        writing.write(path, text.encode())
    for path, picture in pictures(study).items():
        writing.write(path, picture)


def committed(folder: Path = FOLDER) -> Study:
    """The committed records of a folder, and of the simulated sets in it."""
    every = read(folder)
    parts = [record for record in every if crossvalidated.is_part(record)]
    others = [record for record in every if not crossvalidated.is_part(record)]
    decayed, last, of_simulated = (read(folder / name) for name in (DECAYED.name, LAST_EPOCH, SIMULATED.name))
    return Study(others, decayed, last, of_simulated, parts)


def pictures(study: Study) -> dict[Path, bytes]:
    """{path: SVG} of the pages' pictures."""
    return {
        FOREST: forest.forest(study.comparison),
        CHOICES: multiverse_picture.picture(study.multiverse),
        STRENGTHS: encoded(simulated_picture.gains_by_strength(study.gains), "svg"),
    }


def with_finding(study: Study) -> str:
    """The README with the study's answer."""
    return results_page.between(FINDING, reading.text(README), finding(study))


def finding(study: Study) -> str:
    """The answer in a few sentences."""
    told = [
        answer.against_bce(study.comparison, study.untuned),
        study.forest,
        answer.fusion(study.comparison),
    ]
    return " ".join(filter(None, told))


def pages(study: Study) -> dict[Path, str]:
    """{path: text} of docs/results.md and its appendix."""
    values = parts(study)
    templates = sorted(TEMPLATES.rglob("*.md"))
    return {results_page.DOCS / one.relative_to(TEMPLATES): filled(reading.text(one), values) for one in templates}


def filled(template: str, values: Mapping[str, str]) -> str:
    """A page's text, without the blank lines that ends of tables and empty parts leave."""
    return re.sub(r"\n{3,}", "\n\n", template.format(**values))


def parts(study: Study) -> dict[str, str]:
    """Parts of the pages by their names in the text."""
    reaches = power.study_reaches(study.observed, study.comparison)
    late = anchor.late_epochs(study.of_methods)
    notes = study.left_out(), study.observed.not_selected_note(), undefined_note(study.comparison)
    changed = list(dict.fromkeys(one.method for one in study.regimes if one.regime != regimes.WHOLE))
    fusion = study.comparison.of(PRECISION, answer.FUSION)
    return {
        "answer": "\n".join(f"- {line}" for line in filter(None, [
            answer.against_bce(study.comparison, study.untuned),
            study.forest,
            trained.penalty(study.by_decay),
            answer.logistic(study.comparison, study.by_last_epoch),
            f"{answer.fusion(study.comparison)} {answer.controls(study.pairs)}".strip(),
            answer.selecting(study.records),
            regimes.regime_sentence(study.regimes, answer.FUSION),
        ])),
        "seeds": seeds_in_short(study.of_methods),
        "records": records_in_short([*study.records, *study.parts]),
        "crossvalidated": crossvalidated.sentence(crossvalidated.chosen(study.parts)),
        "crossvalidated_table": crossvalidated.chosen_table(crossvalidated.chosen(study.parts)),
        "inventory": inventory(study.records),
        "choices": multiverse.sentences(study.multiverse),
        "simulated": simulated.answer(study.gains),
        "simulated_further": simulated.further(study.gains),
        "power": power.power_sentence(reaches[PRECISION]),
        "anchor": anchor.anchor_sentence(study.anchors),
        "anchor_of_hamming": anchor.anchor_sentence(anchor.anchors(study.records, PAPER_METRICS[0])),
        "anchor_of_last": anchor.epoch_sentence(study.anchors, study.last_anchors),
        "anchor_of_last_table": anchor.anchor_table(study.last_anchors),
        "by_last_epoch": over_sets_table(study.by_last_epoch),
        "late": anchor.late_sentence(late),
        "edges": anchor.edges(study.records),
        "anchor_of_decay": anchor.anchor_sentence(anchor.anchors(study.records, loss=trained.DECAY)),
        "longer": trained.longer(study.beyond),
        "beyond": over_sets_table(study.beyond),
        "by_decay": over_sets_table(study.by_decay),
        "most": str(most_settings(study.of_methods)),
        "steps": str(configuration.load(FOLDER).protocols["converged"].minimum_steps),
        "settings": "\n".join(f"- {name}: {text}" for name, text in trained.settings().items()),
        "anchor_table": anchor.anchor_table(study.anchors),
        "anchor_by_hamming": anchor.anchor_table(anchor.anchors(study.records, PAPER_METRICS[0])),
        "late_table": anchor.late_table(late),
        "late_reference": anchor.late_sentence(anchor.late_epochs(read(reference.FOLDER))),
        "over_sets": over_sets_table(study.comparison),
        "over_sets_by_hamming": over_sets_table(study.by_hamming),
        "by_kind": "\n".join(
            f"On {name}:\n\n{over_sets_table(one, exploratory=True)}" for name, one in study.kinds.items()
        ),
        "details": details_table(study.comparison, PRECISION),
        "fusion_sentence": "" if fusion is None else sentence(fusion),
        "fusion_on_sets": on_sets_table(study.comparison, answer.FUSION),
        "forest_on_sets": on_sets_table(study.comparison, answer.FOREST),
        "pairs": over_sets_table(study.pairs),
        "undefined": " ".join(filter(None, notes)),
        "reach": power.stated_table(reaches),
        "reach_by_seeds": power.by_seeds_table(reaches[PRECISION]),
        "regime_table": regimes.regime_table(study.regimes, changed),
        "varied": multiverse.varied(study.multiverse),
        "movements": multiverse.movement_table(study.multiverse),
        "standings": multiverse.standing_table(study.multiverse),
        "simulated_design": simulated.design(),
        "simulated_tables": "\n".join(simulated.gain_table(study.gains, metric) for metric in simulated.METRICS),
        "orders": simulated.order_table(reading.json(SIMULATED / "orders.json", list[Order])),
    }  # fmt: skip


def records_in_short(records: Sequence[Record]) -> str:
    """Numbers of jobs, methods, data sets and hours."""
    methods = {record.job.variant for record in records}
    variants = methods.intersection(trained.VARIANTS)
    seconds = sum(record.cost.seconds for record in records)
    whole = {set_of(record) for record in records if not regime_of(record.job.full_dataset)}
    machines = sorted({str(record.environment["processor"]) for record in records})
    return (
        f"{len(records)} jobs of {len(methods - variants)} methods and {counted(len(variants), 'further variant')} of "
        f"{BASELINE} on {len(whole)} data sets, {seconds / 3600:.1f} hours of "
        f"computing on {named(machines)}, beside other work, one thread each"
    )


def seeds_in_short(records: Iterable[Record]) -> str:
    """Sentence on the seeds that methods have on the main sets that are not folded."""
    seeds: dict[str, Counter[str]] = {}
    for record in records:
        name = dataset_name(record.job.dataset)
        if name.base in MAIN.difference(FOLDED) and not regime_of(record.job.full_dataset):
            seeds.setdefault(record.job.variant, Counter())[set_of(record)] += 1
    most = {method: max(own.values()) for method, own in seeds.items()}
    several = sorted((method for method in most if most[method] > 1), key=lambda method: (-most[method], method))
    told = named([f"{method} (up to {most[method]} seeds)" for method in several], len(several))
    others = f"all methods but {told} have one seed" if told else "all methods have one seed"
    return f"{named(FOLDED)} have five folds; on the other sets {others}."


def most_settings(records: Sequence[Record]) -> int:
    """The largest number of grid points of a job."""
    return max(len(record.result.grid) for record in records if record.result)


def inventory(records: Sequence[Record]) -> str:
    """Seeds or folds of each method on each data set, sets as they are."""
    counts: Counter[tuple[str, str]] = Counter()
    for record in records:
        if not regime_of(record.job.full_dataset):
            counts[set_of(record), record.job.variant] += 1
    sets = sorted({name for name, _ in counts})
    methods = sorted({method for _, method in counts}, key=lambda one: (-sum(counts[name, one] for name in sets), one))
    lines = [[name, *(counts[name, method] or "–" for method in methods)] for name in sets]
    return f"{counted(len(methods), 'method')}, {counted(len(sets), 'data set')}.\n\n" + table(
        ["seeds or folds", *methods], lines
    )


if __name__ == "__main__":
    main()
