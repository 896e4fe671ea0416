"""The committed records of the study, and what is compared of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench.dataset_name import dataset_name
from bench.records.record import Record
from bench.tables.folds import fold_of
from bench.text import named
from study import reference
from study.converged import answer
from study.converged.convergence import anchor, trained
from study.converged.differences import crossvalidated, regimes
from study.converged.differences.relative import BASELINE, PRECISION, Comparison, Observed, read, regime_of, short
from study.converged.multiverse import page as multiverse
from study.converged.parts import (
    DECAYED,
    FOLDER,
    LAST_EPOCH,
    MAIN,
    NETWORKS,
    SIMULATED,
    SPARSE,
    SUBSET_OF_SETTINGS,
)
from study.converged.simulated.gains import Gains, gains
from study.converged.simulated.page import UNESTIMATED

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
    """Of the same trainings, where metrics other than Hamming loss select models of the last epoch."""
    simulated: Sequence[Record]
    parts: Sequence[Record] = ()
    """Of sets whose validation split is one of several parts."""

    @cached_property
    def observed(self) -> Observed:
        """The main sets as they are; each metric selects what is compared by it."""
        return Observed(_on(self.of_methods, MAIN), selecting="own")

    @cached_property
    def of_methods(self) -> list[Record]:
        """Records but for those of BCE's further variants."""
        return [record for record in self.records if record.job.variant not in trained.VARIANTS]

    @cached_property
    def lacking(self) -> dict[str, list[str]]:
        """{method: names of the main data sets, as they are, that BCE has and it has not}."""
        columns: dict[str, set[str]] = {method: set() for method in self.observed.methods}
        for record in self.of_methods:
            if not regime_of(record.job.full_dataset) and dataset_name(record.job.dataset).base in MAIN:
                columns[record.job.variant].add(record.job.full_dataset)
        return {
            method: sorted({short(fold_of(name) or name) for name in columns[BASELINE] - own})
            for method, own in columns.items()
        }

    @property
    def methods(self) -> list[str]:
        """Methods that have records on every one of the main data sets that BCE has, as it is."""
        return [method for method, lacking in self.lacking.items() if not lacking]

    @cached_property
    def comparison(self) -> Comparison:
        """Each of these methods against BCE."""
        return self.observed.compared(self.methods)

    @cached_property
    def everywhere(self) -> Comparison:
        """The same on all data sets, of which some have a few methods alone."""
        return Observed(self.of_methods, selecting="own").compared(self.methods)

    @cached_property
    def by_hamming(self) -> Comparison:
        """The same where validation Hamming loss selects for every metric, as in the paper."""
        return Observed(_on(self.of_methods, MAIN), selecting="hamming").compared(self.methods)

    @cached_property
    def kinds(self) -> dict[str, Comparison]:
        """{kind of data sets, with their sizes: the methods against BCE on them}."""
        found = {}
        for name, bases in (("classic sets", MAIN - NETWORKS), ("sets with features of networks", NETWORKS)):
            records = _on(self.of_methods, bases)
            whole = [one.result for one in records if one.result and not regime_of(one.job.full_dataset)]
            rows = [one.n_samples["train"] for one in whole]
            compared = Observed(records, selecting="own").compared(self.methods)
            found[f"{name} ({min(rows)} to {max(rows)} training rows)"] = compared
        return found

    @cached_property
    def forest(self) -> str:
        """Sentences on the random forest on each kind of data sets, and where kind and size are others together."""
        few = [one for one in self.regimes if one.method == answer.FOREST and one.regime and one.dataset in NETWORKS]
        own = self.everywhere.of(PRECISION, answer.FOREST)
        if own is None:
            return ""
        large = [one for one in own.sets if dataset_name(one.name).base in SPARSE]
        return answer.forest(self.kinds, *([own.percent(one.effect) for one in found] for found in (few, large)))

    @cached_property
    def weights(self) -> str:
        """Sentence on the weights that FLEM-D's jobs select, and on all pairs of them."""
        return answer.weights(self.of_methods, self.partly.of(PRECISION, answer.ALL_WEIGHTS))

    @cached_property
    def untuned(self) -> set[str]:
        """Methods whose jobs have one grid point."""
        tuned = {one.job.variant for one in self.of_methods if one.result and len(one.result.grid) > 1}
        return {one.job.variant for one in self.of_methods} - tuned

    @cached_property
    def partly(self) -> Comparison:
        """Those that have some of the main data sets alone against BCE on these."""
        return self.observed.compared([method for method, lacking in self.lacking.items() if lacking])

    def partly_without(self) -> str:
        """Sentence on the sets that each of them lacks; empty without any."""
        told = [f"{method} without {named(sets, len(sets))}" for method, sets in self.lacking.items() if sets]
        return f"On some of the sets alone, and compared on these: {'; '.join(told)}." if told else ""

    @cached_property
    def beyond(self) -> Comparison:
        """BCE beyond its settings."""
        return trained.beyond(self.records)

    @cached_property
    def by_decay(self) -> Comparison:
        """Methods with AdamW's decay, each against itself."""
        return trained.decayed(self.records, self.decayed)

    @cached_property
    def by_default(self) -> Comparison:
        """Logistic regression that is not tuned, against BCE and itself."""
        return trained.at_default(_on(self.records, MAIN))

    @cached_property
    def by_last_epoch(self) -> Comparison:
        """Methods with their last epoch, against themselves and BCE's."""
        return trained.last_epoch(self.records, self.last)

    @cached_property
    def pairs(self) -> Comparison:
        """FLEM-D against its controls, and both against BCE with their settings of training."""
        return Observed(_on(self.records, MAIN), selecting="own").pairs_there(PAIRS)

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
    def gains_over_unestimated(self) -> list[Gains]:
        """Those over LD-y."""
        return gains(self.simulated, UNESTIMATED)

    @cached_property
    def regimes(self) -> list[regimes.RegimeEffect]:
        """Differences to BCE in label regimes."""
        return regimes.regime_effects(self.records)


def _on(records: Sequence[Record], bases: Collection[str]) -> list[Record]:
    """Records on data sets by their names without transforms and extractors."""
    return [one for one in records if dataset_name(one.job.dataset).base in bases]


def committed(folder: Path = FOLDER) -> Study:
    """The committed records of a folder, and of the simulated sets in it."""
    every = read(folder)
    parts = [record for record in every if crossvalidated.is_part(record)]
    others = [record for record in every if not crossvalidated.is_part(record)]
    decayed, last, of_simulated = (read(folder / name) for name in (DECAYED.name, LAST_EPOCH, SIMULATED.name))
    return Study(others, decayed, last, of_simulated, parts)
