"""The card of a data set in words, and where it differs from its checksums and from Table 1. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np

from bench.config import Config, describe_protocol
from bench.datasets.catalog import Source, card_of
from bench.datasets.dataset import SPLITS, Dataset
from bench.datasets.parsers import known_set_parser
from bench.datasets.transforming import components_of
from bench.plan import digests
from bench.plan.jobs import transforms_and_code
from bench.system import reading
from bench.tables import paper


def recorded_checksums(source: Source) -> dict[str, str]:
    """{file: SHA-256} of prepared files, as written into their card; empty for others."""
    return card_of(source).get("sha256", {})


def checksum_faults(source: Source) -> list[str]:
    """A sentence for every prepared file that is not the one that was written."""
    folder = source.files[0].parent
    return [
        f"{file} is not the file that was written (or is gone)"
        for file, digest in recorded_checksums(source).items()
        if not (folder / file).is_file() or reading.sha256(folder / file) != digest
    ]


def printed_sizes(dataset: Dataset) -> dict[str, int]:
    """{split, features or labels: size} as Table 1 prints them; empty for sets that are not the paper's."""
    facts = paper.dataset_facts(dataset.name)
    names = {"train": "N_train", "val": "N_val", "test": "N_test", "features": "D_features", "labels": "L_labels"}
    return {part: int(facts[name]) for part, name in names.items()} if facts else {}


def size_faults(dataset: Dataset) -> list[str]:
    """A sentence for every size that is not the one of Table 1."""
    here = {split: dataset.splits[split].x.shape[0] for split in SPLITS}
    here |= {"features": dataset.splits["train"].x.shape[1], "labels": len(dataset.label_names)}
    printed = printed_sizes(dataset)
    return [f"{part}: {here[part]} here, {size} in Table 1" for part, size in printed.items() if here[part] != size]


def card_lines(source: Source, config: Config) -> Iterator[str]:
    """Provenance, licence, sizes, splits, labels, co-occurrence, warnings and fingerprint, a line each."""
    dataset = source.load()
    labels = len(dataset.label_names)
    yield f"{dataset.full_name}: {dataset.provenance}"
    yield from (f"{name:<12} {text}" for name, text in origin_facts(source, config))
    settings = msgspec.to_builtins(config.protocols[source.protocol])
    yield f"protocol     {source.protocol}: {describe_protocol(settings)}"
    for component, value in components_of(source.parts):
        yield f"transform    {component.name}={value}: {component.summary}"
    yield f"split rule   {dataset.split_rule}; the same for every seed of a job"
    for split in SPLITS:
        arrays = dataset.splits[split]
        cardinality = arrays.y.sum(1).mean()
        known = "" if arrays.observed is None else f", {arrays.observed.mean():.1%} of the labels known"
        yield (
            f"{split:<12} {arrays.x.shape[0]} rows x {arrays.x.shape[1]} features, {labels} labels, "
            f"{cardinality:.3f} labels a row (density {cardinality / labels:.4f}), "
            f"{int((arrays.y.sum(1) == 0).sum())} rows without labels{known}"
        )
    if paper.printed_size(dataset.name):
        yield f"in the paper {paper.printed_size(dataset.name)} (Table 1)"
    y = dataset.splits["train"].y
    counts = y.sum(0, dtype=np.int64)
    order = counts.argsort(kind="stable")
    shown = min(8, (labels + 1) // 2)
    yield "most often   " + ", ".join(f"{dataset.label_names[j]} {counts[j]}" for j in order[::-1][:shown])
    yield "least often  " + ", ".join(f"{dataset.label_names[j]} {counts[j]}" for j in order[: labels - shown][:8])
    yield "together     " + "; ".join(_pairs(y, dataset.label_names))
    for warning in dataset.warnings:
        yield f"warning      {warning}"
    fingerprint = digests.data_digest(source.files, source.reader, dataset.digest, *transforms_and_code(source))
    yield f"fingerprint  {fingerprint}"


def origin_facts(source: Source, config: Config) -> Iterator[tuple[str, str]]:
    """(licence, features, note or its own test, text) as the set's card and its parser have them; no array is read."""
    card = card_of(source)
    base = source.parts.base
    known = known_set_parser(base)
    if card.get("licence") or known:
        yield "licence", card.get("licence") or (known.licence if known else "")
    features = card.get("features") or {}
    if "network" in features:
        yield "features", features["network"]
    for split, own in (features.get("own_metrics") or {}).items():
        if split == "test":
            yield "its own test", ", ".join(f"{key} {value:.4f}" for key, value in own.items() if value is not None)
    for note in card.get("notes", []):
        yield "note", note
    expected = config.datasets[base].extractor if base in config.datasets else None
    if expected not in (None, source.extractor):
        yield "note", f"features {source.extractor} are not the paper's {expected}"


def _pairs(y: np.ndarray, names: list[str]) -> list[str]:
    """The pairs of labels that occur together most often, with how often the rarer of the two has the other."""
    together = y.T.astype(np.int64) @ y
    counts = together.diagonal().copy()
    first, second = np.triu_indices(len(names), 1)
    order = np.argsort(-together[first, second], kind="stable")[:6]
    pairs = [(i, j, together[i, j]) for i, j in zip(first[order], second[order], strict=True)]
    return [
        f"{names[i]} + {names[j]} {count} ({count / min(counts[i], counts[j]):.0%} of the rarer)"
        for i, j, count in pairs
        if count
    ] or ["no two labels occur together"]
