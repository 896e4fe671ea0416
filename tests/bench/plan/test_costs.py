"""Forecasts: from the data's shape, corrected by records; jobs in their order; the sentence about a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from bench import config, methods
from bench.cli.records import time_left
from bench.datasets.dataset import SplitArrays
from bench.datasets.readers import canonical
from bench.datasets.shape import Shape, shape_of
from bench.plan.costs import CostModel, Forecast, memory_bytes, recorded_shape, time_on, time_terms
from bench.plan.forecast import forecasts, jobs_a_device, longest_first, total
from bench.plan.jobs import Job
from bench.plan.tracks import make_plan
from bench.plan.variants import chosen_variants
from bench.protocol import Protocol
from bench.records.locks import Running
from bench.records.record import Cost, GridPoint, JobName, Record
from perf.cost_model import job_of, records_of
from tests import records

SHAPE = Shape(train=640, evaluated=100, features=50, labels=10)
TYPICAL = {"BCE": {"steps": 2.0, "weights x steps": 7.0}, "ML-KNN": {"pairs of rows": 3.0}}


def planned(rows: list[str]) -> list[Job]:
    settings = config.load()
    return make_plan(settings, [], ["yeast"], chosen_variants(settings, rows), [0]).jobs


def record(job: Job, cost: Cost, device: str = "cpu (PASSIVE waiting)") -> Record:
    result = records.result(
        {},
        grid=[GridPoint(point, None, None, None, None) for point in job.points],
        stacks=[len(job.points)] if job.gradient else [],
        n_samples={"train": 640, "val": 60, "test": 40},
        n_features=50,
        n_labels=10,
    )
    key = {"protocol": msgspec.to_builtins(job.protocol)}
    return records.record(job.name, result, base=job.base, key=key, cost=cost, device=device)


def test_terms_by_hand() -> None:
    protocol = Protocol(epochs=30, batch_size=64, stack=8)
    assert time_terms(protocol, SHAPE, points=16) == {
        "steps": pytest.approx(2 * 30 * 10 / 1e3),  # two stacks, ten batches
        "weights x steps": pytest.approx(16 * 10 * 50 * 300 / 1e9),
        "weights x rows": pytest.approx(16 * 10 * 50 * 640 / 1e9),
        "pairs of rows": pytest.approx(640 * 740 / 1e8),
    }


def test_memory_by_hand() -> None:
    bce, lp = planned(["BCE", "LP"])
    sixteen = replace(bce, points=({},) * 16, protocol=Protocol(stack=8))
    process, data, weights = 0.35 * 2**30, 740 * (50 + 10) * 4, 10 * 50 * 4
    assert memory_bytes(bce, SHAPE) == pytest.approx(process + 3 * data + 50 * weights)
    assert memory_bytes(sixteen, SHAPE) == pytest.approx(process + 3 * data + 50 * 8 * weights)  # a stack at a time
    pairs = 640 * 640 * 8  # float64
    assert memory_bytes(replace(lp, points=({},)), SHAPE) - memory_bytes(bce, SHAPE) == pytest.approx(3 * pairs)


def test_records_correct_forecasts() -> None:
    bce, fl, knn = planned(["BCE", "FL", "ML-KNN"])
    steps = bce.protocol.epochs_for(640) * 10
    typical, pairs = 2 * steps / 1e3 + 7 * 10 * 50 * steps / 1e9, 3 * 640 * 740 / 1e8

    def seconds(job: Job, *records: Record) -> float:
        return CostModel(records, gpu=False, typical=TYPICAL).forecast(job, SHAPE).seconds

    assert seconds(bce) == pytest.approx(typical)
    assert seconds(fl) == pytest.approx(typical)  # BCE stands in
    slow = record(bce, Cost(3 * typical))
    assert seconds(bce, slow) == pytest.approx(3 * typical)
    # a machine that is three times slower for one method is so for the others, until they have records
    assert seconds(knn, slow) == pytest.approx(3 * pairs)
    assert seconds(fl, slow, record(fl, Cost(5 * typical))) == pytest.approx(5 * typical)
    # the row's own records on the data set come before others of the method
    elsewhere = replace(bce, name=JobName("scene", "mulan", "BCE", 0))
    assert seconds(bce, slow, record(elsewhere, Cost(9 * typical))) == pytest.approx(3 * typical)
    assert seconds(bce, record(elsewhere, Cost(9 * typical)), record(fl, Cost(typical))) == pytest.approx(9 * typical)
    assert seconds(bce, record(bce, Cost(99.0), "NVIDIA")) == pytest.approx(typical)


def test_every_registered_method_has_typical_costs() -> None:
    assert CostModel([], gpu=False).typical.keys() == set(methods.names())


def test_typical_costs_are_near_most_committed_records() -> None:
    model, committed = CostModel([], gpu=False), records_of("")
    forecast = [model.forecast(job_of(one), recorded_shape(one.result)) for one in committed if one.result]
    measured = np.array([(one.cost.seconds, one.cost.peak_memory_bytes) for one in committed])
    seconds, memory = (np.array([(found.seconds, found.memory_bytes) for found in forecast]) / measured).T
    assert np.mean((seconds > 0.5) & (seconds < 2)) > 0.6
    assert np.mean((memory > 0.5) & (memory < 2)) > 0.9


def test_longest_jobs_start_first_and_unknown_ones_before_them() -> None:
    bce, fl, knn = planned(["BCE", "FL", "ML-KNN"])
    expected = {bce.name: Forecast(5.0, 1.0), fl.name: Forecast(50.0, 2.0), knn.name: None}
    assert longest_first([bce, fl, knn], expected) == [knn, fl, bce]
    found = total([bce, fl, knn], expected, workers=2)
    assert (found.seconds, found.memory_bytes, found.unknown) == (50.0, 3.0, 1)
    assert found.sentence(2) == "about 50 s on 2 processes, without 1 job of unknown size, 0.0 GiB of memory"


def test_time_on_workers_by_hand() -> None:
    assert time_on(2, [5, 4, 3, 3, 3]) == 10  # 5+3, 4+3, then 3 after the 7
    assert time_on(3, [5, 4, 3, 3, 3]) == 7
    assert time_on(1, [1, 2]) == 3
    assert time_on(4, []) == 0


def test_order_pays() -> None:
    lengths = [1.0] * 8 + [8.0]
    assert time_on(2, lengths) == 12
    assert time_on(2, sorted(lengths, reverse=True)) == 8


def test_shapes_come_from_headers(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    splits = {
        split: SplitArrays(random.random((rows, 7), dtype=np.float32), np.eye(rows, 5, dtype=np.int8))
        for split, rows in (("train", 20), ("val", 6), ("test", 9))
    }
    canonical.save(tmp_path, "Tiny", "x", splits)

    def not_read() -> Any:
        raise AssertionError("headers suffice")

    assert shape_of(canonical.files(tmp_path, "Tiny", "x"), not_read) == Shape(20, 15, 7, 5)


def test_a_small_set_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    (job,) = planned(["BCE"])
    found = forecasts([job], [], False)
    assert found[job.name] is not None
    monkeypatch.setattr("bench.datasets.shape.SMALL_FILES", 10)
    assert forecasts([job], [], False) == {job.name: None}


def test_jobs_share_a_gpu_where_all_were_measured() -> None:
    bce, fl = planned(["BCE", "FL"])
    measured = [record(bce, Cost(1.0, peak_device_bytes=10 * 2**30), "NVIDIA")]
    assert jobs_a_device([bce, fl], measured, 80 * 2**30) == 1
    measured.append(record(fl, Cost(1.0, peak_device_bytes=20 * 2**30), "NVIDIA"))
    assert jobs_a_device([bce, fl], measured, 80 * 2**30) == 3
    assert jobs_a_device([replace(bce)], measured, 8 * 2**30) == 1


def test_time_left_is_divided_among_the_running_jobs() -> None:
    expected = {f"yeast@mulan BCE seed {seed}": 100.0 for seed in range(6)}
    missing = [JobName("yeast", "mulan", "BCE", seed) for seed in (4, 5)]

    now = [Running(f"yeast@mulan BCE seed {seed}", "here", seed, 0.0, "epoch", 5, 10) for seed in range(4)]
    assert time_left([], missing, now, expected) == (4 * 50 + 2 * 100) / 4


def test_points_of_different_lengths_add_up() -> None:
    (bce,) = planned(["BCE"])
    bce = replace(bce, protocol=Protocol(epochs=10))

    def seconds(*training: dict[str, Any]) -> float:
        job = replace(bce, points=({},) * len(training), training=training)
        return CostModel([], gpu=False, typical=TYPICAL).forecast(job, SHAPE).seconds

    alone = [seconds({"epochs": 10}), seconds({"epochs": 40})]
    assert seconds({"epochs": 10}, {"epochs": 40}) == pytest.approx(sum(alone))
    rates = seconds({"learning_rate": 0.1}, {"learning_rate": 0.2})
    assert rates == seconds({}, {})  # one stack
    assert rates < 2 * alone[0]
    made = record(replace(bce, points=({},) * 2), Cost(seconds=5 * sum(alone)))
    key = {**made.key, "hyperparameters": {"training_grid": {"epochs": [10, 40]}}}
    model = CostModel([msgspec.structs.replace(made, key=key)], gpu=False, typical=TYPICAL)
    assert model.forecast(bce, SHAPE).seconds == pytest.approx(5 * alone[0])
