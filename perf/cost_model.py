"""``python -m perf.cost_model``: bench/plan/typical_costs.json, fitted to the committed records by non-negative least
squares on relative errors. ``python -m perf.scaling_page`` tells how far forecasts are from records."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from bench.datasets.catalog import Source
from bench.plan.costs import TYPICAL, Coefficients, CostModel, recorded_shape, time_terms
from bench.plan.jobs import Job
from bench.protocol import Protocol
from bench.records.packed import PACKED, unpacked
from bench.records.record import Record, RecoveryResult, Result
from bench.system import writing

REFERENCE = Path(__file__).parent.parent / "results/reference"
FIRST_STAGES = ("FCM", "GLLE", "KM", "LP", "ML")
"""The recovery track shows what these do before anything is trained."""
COMPARE_ROWS = (*FIRST_STAGES, "ML-KNN", "BRkNN", "VALEN", "LEIC", "SMILE")
"""Methods whose seconds grow with the pairs of rows; the others' grow with the rows."""


def records_of(folder: str) -> list[Record]:
    return [record for _, record in unpacked(REFERENCE / folder / PACKED)]


def sample() -> list[Record]:
    """Records of one kind of processor: of all seeds of a row on a data set the one with the median time."""
    first_stages = [record for record in records_of("recovery") if record.base in FIRST_STAGES]
    seeds: dict[tuple[str, str], list[Record]] = defaultdict(list)
    done = [record for record in records_of("methods") if record.status == "done"]
    for record in [*records_of(""), *records_of("delicious"), *done, *first_stages]:
        seeds[record.job.full_dataset, record.job.variant].append(record)
    return [sorted(rows, key=lambda record: record.cost.seconds)[len(rows) // 2] for rows in seeds.values()]


def fit(records: list[Record]) -> Coefficients:
    """{method: {term: coefficient}}; terms with coefficient 0 are left out."""
    from scipy.optimize import nnls

    found = {}
    for base in sorted({record.base for record in records}):
        terms = [relative_terms(record) for record in records if record.base == base]
        names = list(dict.fromkeys(name for row in terms for name in row))
        values, _ = nnls(np.array([[row.get(name, 0.0) for name in names] for row in terms]), np.ones(len(terms)))
        found[base] = {name: float(f"{value:.3g}") for name, value in zip(names, values, strict=True) if value > 0}
    return found


def relative_terms(record: Record) -> dict[str, float]:
    """The terms that the record's seconds may grow with, over these seconds."""
    job = job_of(record)
    names = ["pairs of rows"] if record.base in COMPARE_ROWS else []
    if job.gradient:
        names += ["steps", "weights x steps"]
    elif record.track == "classification":
        names.append("weights x rows")
    terms = time_terms(job.protocol, recorded_shape(computed(record)), len(job.points))
    return {name: value / record.cost.seconds for name, value in terms.items() if name in names}


def job_of(record: Record) -> Job:
    return Job(
        name=record.job, base=record.base, protocol=Protocol(**record.key["protocol"]),
        points=({},) * len(record.result.grid if record.result else [{}]), grid_names=(),
        gradient=computed(record).epochs is not None, source=Source("", "", "", (), ""), key={},
    )  # fmt: skip


def computed(record: Record) -> Result | RecoveryResult:
    found = record.result or record.recovered
    assert found is not None
    return found


def checked() -> dict[str, list[tuple[float, float]]]:
    """{what is forecast, and corrected by what: (forecast, measured) of all classification records}; coefficients are
    fitted without the record's data set."""
    known = sample()
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for records in map(records_of, ("", "delicious", "another-processor")):
        datasets = {record.job.full_dataset for record in records}
        fitted = {name: fit([record for record in known if record.job.full_dataset != name]) for name in datasets}
        for record in records:
            corrections = {
                "seconds, corrected by nothing": [],
                "seconds, by records of other methods in the folder": [r for r in records if r.base != record.base],
                "seconds, by all other records of the folder": [r for r in records if r is not record],
            }
            for what, others in corrections.items():
                model = CostModel(others, gpu=False, typical=fitted[record.job.full_dataset])
                forecast = model.forecast(job_of(record), recorded_shape(computed(record)))
                found[what].append((forecast.seconds, record.cost.seconds))
            if record.cost.peak_memory_bytes is not None:
                found["peak memory"].append((forecast.memory_bytes, record.cost.peak_memory_bytes))
    return found


def main() -> None:
    lines = [f"{json.dumps(method)}: {json.dumps(values)}" for method, values in fit(sample()).items()]
    writing.write(TYPICAL, ("{\n" + ",\n".join(lines) + "\n}\n").encode())


if __name__ == "__main__":
    main()
