"""Facts of data sets and methods, from records, cards and the registry; nothing is loaded or imported for them."""

from __future__ import annotations

import msgspec

from bench.config import Config
from bench.dataset_name import dataset_name
from bench.datasets.catalog import Source, card_of, resolve
from bench.datasets.transforming import components_of
from bench.errors import UsageError
from bench.plan.variants import departures, listed, summary
from bench.records.manifests import spec_of
from bench.records.record import Provenance
from bench.report.site.contents import DatasetFacts, MethodFacts
from bench.tables.dataset_card import origin_facts
from bench.tables.load import Records
from bench.tables.paper import printed_size


def dataset_facts(records: Records, dataset: str) -> DatasetFacts:
    """Sizes from the data set's records, and its origin where its files are at hand.

    Parameters
    ----------
    dataset: NAME@extractor, or NAME where nothing ran.
    """
    done = [state.record for state in records.states if state.job.full_dataset == dataset and state.state == "done"]
    found = [record for record in done if record is not None]
    result = next((record.result for record in found if record.result is not None), None)
    name = dataset_name(dataset)
    return DatasetFacts(
        n_samples=dict(result.n_samples) if result else {},
        n_features=result.n_features if result else None,
        n_labels=result.n_labels if result else None,
        features=name.extractor,
        transforms=_transforms(dataset),
        digests=sorted({str(record.key["data"]) for record in found if record.key.get("data")}),
        card=_card(records, dataset),
        missing=records.manifest.missing.get(dataset, ""),
    )


def _transforms(dataset: str) -> list[str]:
    name = dataset_name(dataset)
    try:
        return [f"{component.name}={value}: {component.summary}" for component, value in components_of(name)]
    except UsageError:  # of a version that knew more
        return [f"{kind}={value}" for kind, value in name.transforms]


def _card(records: Records, dataset: str) -> list[tuple[str, str]]:
    config, facts = records.selection.config, []
    if size := printed_size(dataset_name(dataset).base):
        facts.append(("in the paper", f"{size} (Table 1)"))
    try:
        source = resolve(spec_of(records.manifest, dataset), config, records.selection.data_folders)
    except UsageError:
        return facts
    if isinstance(source, Source):
        card = card_of(source)
        facts += [
            (name, str(card[key])) for key, name in (("source", "source"), ("split_rule", "split rule")) if key in card
        ]
        facts += origin_facts(source, config)
    return facts


def method_facts(records: Records, variant: str) -> MethodFacts:
    """Declaration of the method behind a row, and the origin of scores that no method here made."""
    found = [state.record for state in records.states if state.job.variant == variant and state.record is not None]
    external = {record.provenance.file for record in found if isinstance(record.provenance, Provenance)}
    if external:
        return MethodFacts(external=sorted(external))
    config: Config = records.selection.config
    there = listed(config, variant)
    if there is None:
        return MethodFacts()
    row, info = there
    options = {name: value for name, value in {**info.defaults, **row.options}.items() if name in info.defaults}
    return MethodFacts(
        base=info.name, summary=summary(info), family=info.family, paper=info.paper, year=info.year,
        aliases=list(info.aliases), options=msgspec.to_builtins(options),
        grid={**(info.grid if row.grid is None else row.grid)}, departures=departures(row),
    )  # fmt: skip
