"""Records of a folder as flat tables, for tables and figures of one's own. Imports no torch.

The schema is described in results/README.md.
"""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
from msgspec import UNSET

from bench.errors import UsageError
from bench.plan.states import JobState
from bench.records.record import GridPoint, Selected
from bench.system.writing import check_writable, make_folder, write
from bench.text import csv_of, shown

FORMATS = ("sqlite", "csv", "parquet")
JOB = ("dataset", "extractor", "variant", "seed")


def frames(states: list[JobState]) -> dict[str, pd.DataFrame]:
    """Frames by table: ``jobs`` (a line a record), ``metrics`` (of the chosen point), ``grid`` (of every point),
    ``curves`` (of every point and epoch); their columns are COLUMNS."""
    lines: dict[str, list[dict[str, Any]]] = {"jobs": [], "metrics": [], "grid": [], "curves": []}
    for state in states:
        name = {field: getattr(state.job, field) for field in JOB}
        lines["jobs"].append({**name, **_job(state)})
        record = state.record
        if record is None or record.status == "failed":
            continue
        result = record.result
        measured = {"val": result.val, "test": result.test} if result else {"measures": record.metrics}
        for split, values in measured.items():
            lines["metrics"] += [{**name, "split": split, "metric": key, "value": values[key]} for key in values]
        for number, point in enumerate(result.grid if result else ()):
            lines["grid"] += _point({**name, "point": number}, point)
            curves = point.curves
            if curves is UNSET:
                continue
            for epoch, loss in enumerate(curves.loss):
                hamming = curves.hamming[epoch] if epoch < len(curves.hamming) else None
                lines["curves"].append(
                    {**name, "point": number, "epoch": epoch + 1, "loss": loss, "validation_hamming": hamming}
                )
    return {table: pd.DataFrame(content, columns=COLUMNS[table]) for table, content in lines.items()}


def wide_frame(states: list[JobState]) -> pd.DataFrame:
    """A line a record: its job, its state, and every metric on test data that any of the records has."""
    lines = []
    for state in states:
        line = {field: getattr(state.job, field) for field in JOB} | {"state": state.state}
        record = state.record
        if record is not None and state.state == "done":
            line |= (record.result.test | record.further_metrics) if record.result else record.metrics
        lines.append(line)
    return pd.DataFrame(lines)


COLUMNS = {
    "jobs": [
        *JOB, "track", "base", "protocol", "state", "note", "point", "epoch", "hyperparameters", "epochs", "seconds",
        "peak_memory_bytes", "device", "host", "commit", "record",
    ],
    "metrics": [*JOB, "split", "metric", "value"],
    "grid": [*JOB, "point", "hyperparameters", "epoch", "diverged", "split", "metric", "value"],
    "curves": [*JOB, "point", "epoch", "loss", "validation_hamming"],
}  # fmt: skip


def _job(state: JobState) -> dict[str, Any]:
    record = state.record
    line: dict[str, Any] = {"state": state.state, "note": state.note, "record": shown(str(state.path))}
    if record is None:
        return line
    selected = record.result.selected if record.result else Selected(None, None, {})
    computed = record.result or record.recovered
    return line | {
        "track": record.track,
        "base": record.base,
        "protocol": record.protocol,
        "point": selected.point,
        "epoch": selected.epoch,
        "hyperparameters": json.dumps(selected.hyperparameters),
        "epochs": computed.epochs if computed else None,
        "seconds": record.cost.seconds,
        "peak_memory_bytes": record.cost.peak_memory_bytes,
        "device": record.environment.get("device"),
        "host": record.environment.get("host"),
        "commit": record.environment.get("commit"),
    }


def _point(name: dict[str, Any], point: GridPoint) -> list[dict[str, Any]]:
    about = {
        "hyperparameters": json.dumps(point.hyperparameters),
        "epoch": point.epoch,
        "diverged": point.diverged,
    }
    return [
        {**name, **about, "split": split, "metric": metric, "value": value}
        for split, values in (("val", point.val), ("test", point.test))
        for metric, value in (values or {}).items()
    ]


def check_target(target: Path, form: str) -> None:
    """Fail before the records are read where the tables could not be written.

    Raises
    ------
    UsageError: when the target exists and is not of the kind, or cannot be made.
    """
    if form == "sqlite":
        check_writable(target)
    elif os.path.isfile(target):  # False, too, for a name that is none, of which the other sentence speaks
        raise UsageError(f"{target} is a file; {form} takes a folder, which gets a file for each table.")
    else:
        make_folder(target)


def export(tables: dict[str, pd.DataFrame], target: Path, form: str) -> list[Path]:
    """Write the tables into one SQLite file, or into a folder with a file each, and return the paths.

    Raises
    ------
    UsageError: when a file cannot be written, or Parquet lacks its library.
    """
    if form == "sqlite":
        write(target, _sqlite(tables))
        return [target]
    paths = [target / f"{name}.{form}" for name in tables]
    for path, frame in zip(paths, tables.values(), strict=True):
        write(path, _csv(frame) if form == "csv" else _parquet(frame))
    return paths


def _csv(frame: pd.DataFrame) -> bytes:
    return csv_of(frame).encode(errors="backslashreplace")


def _parquet(frame: pd.DataFrame) -> bytes:
    try:
        return frame.to_parquet(index=False)
    except ImportError as error:
        raise UsageError("Parquet needs pyarrow; install flem-bench[parquet], or take csv or sqlite.") from error


def _sqlite(tables: dict[str, pd.DataFrame]) -> bytes:
    with closing(sqlite3.connect(":memory:")) as database:
        for name, frame in tables.items():
            frame.to_sql(name, database, index=False)
        return database.serialize()
