"""Details of the page's cells: seeds, curves, keys, files and commands, once each, as one JSON object. No torch."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from bench.config import Config, Variant
from bench.dataset_name import dataset_name
from bench.plan.variants import family_of, variants_of
from bench.protocol import Protocol
from bench.records.packed import PACKED
from bench.records.record import Manifest, Record
from bench.records.store import DEFAULT_RESULTS
from bench.report.page.tables import RankedBy
from bench.text import shown

if TYPE_CHECKING:
    from bench.plan.states import JobState

POINTS, POINTS_IN_ALL = 24, 60_000
"""Of a curve, at most, and of all of them together."""
ROOT = Path(__file__).resolve().parents[3]
OUTSIDE, ELSEWHERE = "trained elsewhere", "not registered here"
"""In place of a family: of methods whose scores came from outside, and of those whose file is not here."""


class _Distinct(dict[Any, int]):
    """{value: its place}, of values that are written once."""

    def place(self, value: Any) -> int:
        return self.setdefault(value, len(self))


def families_of(states: Sequence[JobState], variants: Sequence[str], config: Config) -> dict[str, str]:
    """{variant: its method's family, or in place of one ELSEWHERE or OUTSIDE}."""
    rows = variants_of(config)
    bases = {name: rows.get(name, Variant(name, name)).base for name in variants}
    bases |= {state.job.variant: state.record.base for state in states if state.record is not None}
    return {name: (family_of(bases[name]) or ELSEWHERE) if bases[name] else OUTSIDE for name in variants}


def details(tables: Sequence[RankedBy], manifest: Manifest, config: Config) -> str:
    """JSON that the page's script reads, safe inside a script element.

    Parameters
    ----------
    tables: all of the same variants and columns.
    """
    first = tables[0].table
    families = families_of(tables[0].states, first.variants, config)
    by_table = [{state.job: state for state in one.states} for one in tables]
    columns = {first.sources.get(column, column): number for number, column in enumerate(first.columns)}
    rows = {variant: number for number, variant in enumerate(first.variants)}
    folders, keys, parts, tails = _Distinct(), _Distinct(), _Distinct(), _Distinct()
    points = max(2, min(POINTS, POINTS_IN_ALL // max(1, len(tables[0].states))))
    cells: dict[str, list[list[Any]]] = {}
    for state in sorted(tables[0].states, key=lambda state: state.job.seed):
        if state.job.variant not in rows or state.job.full_dataset not in columns:
            continue
        record, metrics = state.record, [one.table.metric.key for one in tables]
        values = [by_job[state.job].value(metric) for by_job, metric in zip(by_table, metrics, strict=True)]
        key = tuple(parts.place(part) for part in _key(record)) if record is not None else ()
        cells.setdefault(f"{rows[state.job.variant]},{columns[state.job.full_dataset]}", []).append(
            [
                state.job.seed,
                None if record is None or record.provenance is not UNSET else float(f"{record.cost.seconds:.3g}"),
                folders.place(_folder(state)),
                keys.place(key),
                tails.place(_tail(state, config)),
                "" if state.state == "done" else shown(f"{state.state}: {state.note}"),
                [None if value is None else float(f"{value:.6g}") for value in values],
                _curve(record, points),
            ]
        )
    found = {
        "methods": [[shown(name), families[name], _quoted(name)] for name in rows],
        "sets": [
            [shown(full), _quoted(_spec(full, manifest)), shown(manifest.missing.get(first.columns[number], ""))]
            for full, number in columns.items()
        ],
        "tables": [[shown(one.table.metric.heading), one.rule] for one in tables],
        "seeds": " ".join(map(str, sorted({*manifest.seeds, *(state.job.seed for state in tables[0].states)}))),
        "folders": list(folders),
        "parts": list(parts),
        "keys": list(keys),
        "tails": list(tails),
        "cells": cells,
    }
    return json.dumps(found, separators=(",", ":")).replace("<", "\\u003c")


def _quoted(text: str) -> str:
    return shlex.quote(shown(text))


def _spec(full: str, manifest: Manifest) -> str:
    """A data set as a command names it: by its file, where one file is the set."""
    path = manifest.files.get(full)
    return path + dataset_name(full).suffix if path else full


def _key(record: Record) -> list[tuple[str, str]]:
    """(part, value as text) of a record's key but for the seed."""
    return [(name, _as_text(msgspec.json.encode(value))) for name, value in record.key.items() if name != "seed"]


@cache
def _as_text(part: bytes) -> str:
    """A part of a key, which most records share, from its JSON."""
    value = msgspec.json.decode(part)
    return shown(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _folder(state: JobState) -> str:
    """The results folder of a job, with "/" at its end, or the packed file in it that has the record."""
    folder = state.path.parents[2]
    near = folder.relative_to(ROOT) if folder.is_absolute() and folder.is_relative_to(ROOT) else folder
    packed = state.record is not None and not state.path.exists()
    return shown(f"{near.as_posix()}/{PACKED if packed else ''}")


def _tail(state: JobState, config: Config) -> str:
    """Options of the command that runs the job as the record's run did; "-" where no run of this harness made it."""
    record = state.record
    if record is not None and record.provenance is not UNSET:
        return "-"
    now = config.protocols.get(record.protocol) if record is not None else None
    words = _departures(state.protocol, now) if state.protocol is not None and now is not None else ""
    folder = state.path.parents[2]
    # The committed records are compared with one's own, never replaced.
    own = folder != Path(DEFAULT_RESULTS) and not folder.resolve().is_relative_to(ROOT / "results")
    return words + (f" --results {_quoted(str(folder))}" if own else "")


def _departures(then: Protocol, now: Protocol) -> str:
    """Options of ``run`` that turn a protocol into the one that a folder's runs had, as far as there are such."""
    words = []
    if (then.epochs, then.minimum_steps) != (now.epochs, now.minimum_steps):
        words += ["--epochs", str(then.epochs)]
    if then.selection != now.selection:
        words += ["--selection", then.selection]
    if then.also_select != now.also_select:
        words += ["--also-select", *then.also_select]
    if then.patience != now.patience:
        words += ["--patience", str(then.patience)]
    if then.select_every != now.select_every:
        words += ["--select-every", str(then.select_every)]
    return "".join(f" {word}" for word in words)


def _curve(record: Record | None, points: int) -> list[Any] | None:
    """[epochs, the kept one, smallest, largest, per mille of that range at equal steps] of the validation Hamming loss.

    Of the chosen grid point; None where there is none, as in packed records.
    """
    result = record.result if record is not None else None
    if result is None or result.selected.point is None:
        return None
    curves = result.grid[result.selected.point].curves
    if curves is UNSET or len(curves.hamming) < 2:
        return None
    losses = curves.hamming
    low, high = min(losses), max(losses)
    steps = min(points, len(losses))
    places = [round(step * (len(losses) - 1) / (steps - 1)) for step in range(steps)]
    shares = [round(999 * (losses[place] - low) / (high - low)) if high > low else 0 for place in places]
    return [len(losses), result.selected.epoch, float(f"{low:.5g}"), float(f"{high:.5g}"), shares]
