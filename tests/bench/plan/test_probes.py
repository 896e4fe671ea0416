"""Probes: the same numbers on other processors, other numbers after every change of meaning, and who is told."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest
from torch import Tensor

from bench import config
from bench.datasets.dataset import SplitArrays
from bench.datasets.readers.ldl import DistributionSet
from bench.job import probe, recipe
from bench.metrics import passes
from bench.plan import probes, tracks, variants
from bench.records import probe_request
from tests import forked

ROOT = Path(__file__).resolve().parent.parents[2]
SETTINGS = config.load(Path("/nonexistent"))
ROWS = list(variants.variants_of(SETTINGS))
TIES = ("ML-KNN", "LP", "GLLE", "VALEN", "ML", "SMILE", "BRkNN", "HGB", "SVM micromacro")
"""Methods of distances, bins or a solver's last pass, which are exact on the probe's problem: noise would untie equal
distances and values, and let the solver end elsewhere within its tolerance."""
SMALL_GRADIENTS = ("APL", "APL .8", "ASL", "ASL .8", "Hill")
"""Losses whose gradients only fall on the problem: their norm queue has nothing to clip."""
RECOVERY_ROWS = list(tracks.recovery_variants(SETTINGS))


def request(variant_name: str, protocol: str = "small", dataset: str = "") -> probe_request.ProbeRequest:
    row = variants.variants_of(SETTINGS)[variant_name]
    made = recipe.recipe(row)
    settings = config.effective_protocol(SETTINGS.protocols[protocol], row)
    return probe_request.probe_request("classification", row.base, made.info.gradient, made.points, settings, dataset)


def recovery_request(variant_name: str) -> probe_request.ProbeRequest:
    row = tracks.recovery_variants(SETTINGS)[variant_name]
    made = tracks.recovery_recipe(row)
    settings = config.effective_protocol(SETTINGS.protocols["small"], row)
    return probe_request.probe_request("recovery", row.base, True, made.points, settings, "", made.normalisation)


def numbers(asked: probe_request.ProbeRequest) -> dict:
    values, _ = probe.probes({"": asked})[""]
    assert values is not None
    return values


@cache
def exact_numbers(row: str) -> tuple[dict, list[float]]:
    """A variant's probe, and the factors by which its gradients are scaled on the way."""
    from bench.training.clipping import NormQueue

    factors: list[float] = []
    scale = NormQueue.scale

    def noted(queue: NormQueue, norm: probe.Tensor) -> probe.Tensor:
        found = scale(queue, norm)
        factors.extend(found.tolist())
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(NormQueue, "scale", noted)
        return numbers(request(row)), factors


def shaken(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float64) * (1 + 1e-15 * np.random.default_rng(0).standard_normal(x.shape))


def marked(rows: Iterable[str], *seldom: str) -> list[Any]:
    """Slow: rows that are trained as another one is, and LIBLE, whose network trains for 300 epochs."""
    slow = ("LIBLE", "BR-RF", "APL .8", "ASL .8", *seldom)
    return [pytest.param(row, marks=pytest.mark.slow) if row in slow else row for row in rows]


@pytest.mark.parametrize("row", marked(row for row in ROWS if row not in TIES))
def test_rounding_does_not_change_a_probe(row: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Features off by some ten units in the last place, which is more than processors differ by."""
    exact, _ = exact_numbers(row)
    made = probe.tiny_dataset

    def noisy(name: str, training: probe.Training) -> probe.Dataset:
        data = made(name, training)
        splits = {split: SplitArrays(shaken(arrays.x), arrays.y) for split, arrays in data.splits.items()}
        return probe.Dataset(data.name, "", splits, data.label_names, "", "", ())

    monkeypatch.setattr(probe, "tiny_dataset", noisy)
    assert probes.equal(numbers(request(row)), exact)


@pytest.mark.parametrize("row", marked((row for row in RECOVERY_ROWS if row not in TIES), "FLEM-S", "FLEM-T"))
def test_rounding_does_not_change_a_recovery_probe(row: str, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = numbers(recovery_request(row))
    made = probe.tiny_distributions

    def noisy(name: str, training: probe.Training) -> DistributionSet:
        data = made(name, training)
        return DistributionSet(data.name, shaken(data.x), data.y, data.degrees, "")

    monkeypatch.setattr(probe, "tiny_distributions", noisy)
    assert probes.equal(numbers(recovery_request(row)), exact)


def test_the_problem_holds_what_it_promises() -> None:
    long, _, step = probe.TRAININGS
    for training in probe.TRAININGS:
        data = probe.tiny_dataset("", training)
        train, val, test = (data.splits[split] for split in ("train", "val", "test"))
        assert len(train.x) % long.batch_size not in (0, 1)
        assert (train.y.sum(1) == 0).any() == training.empty_row
        assert (train.y.sum(1) == probe.LABELS - 1).any()
        assert train.y.sum(0).tolist()[-1] == 0
        assert test.y.sum(0).min() > 0
        for split in (val, test):
            assert {0, probe.LABELS} <= set(split.y.sum(1).tolist())
        one, other = probe.TWINS
        assert (train.x[one] == train.x[other]).all()
        assert (train.y[one] != train.y[other]).any()
        assert sum(probe.SIZES.values()) == 70
    x = probe.tiny_dataset("", long).splits["train"].x
    assert (x.max(0) - x.min(0) == 2).all()
    assert step.batch_size > len(x)


@pytest.mark.parametrize(
    "row", marked(row for row in ROWS if recipe.recipe(variants.variants_of(SETTINGS)[row]).info.gradient)
)
def test_the_norm_queue_clips(row: str) -> None:
    _, factors = exact_numbers(row)
    assert (min(factors) < 1) == (row not in SMALL_GRADIENTS)


def test_a_data_sets_name_counts_where_the_method_asks_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    computed: list[str] = []

    def compute(requests: dict[str, probe_request.ProbeRequest]) -> probe_request.Probes:
        computed.extend(f"{one.base} {one.dataset}" for one in requests.values())
        return probe.probes(requests)

    key = dict.fromkeys(probes.SOURCE_PARTS, "digest")
    asked = [(request(row, dataset=name), key) for row in ("FL", "R-FL") for name in ("VOC07", "yeast")]
    for _ in range(2):  # remembered the second time
        fl, other_fl, rfl, other_rfl = probes.current_probes(asked, compute)
        assert fl == other_fl
        assert rfl != other_rfl
    assert computed == ["FL yeast", "R-FL yeast", "R-FL VOC07"]
    again = dict.fromkeys(probes.SOURCE_PARTS, "changed")
    assert probes.current_probes([(request("FL"), again)], compute)[0] == fl
    assert computed[-1] == "FL "


def test_probes_that_are_not_asked_for_are_forgotten_where_there_are_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(probes, "MOST_REMEMBERED", 3)
    computed: list[str] = []

    def compute(requests: dict[str, probe_request.ProbeRequest]) -> probe_request.Probes:
        computed.extend(one.base for one in requests.values())
        return {identity: ({"hamming": 0.5}, one.base == "R-FL") for identity, one in requests.items()}

    def held() -> int:
        return len(json.loads((tmp_path / "flem-bench/probes.json").read_text()))

    key = dict.fromkeys(probes.SOURCE_PARTS, "digest")
    for row in ("FL", "CB", "BCE"):
        assert probes.current_probes([(request(row), key)], compute) == [{"hamming": 0.5}]
    assert held() == 3
    pairs = [(request("CB"), key), (request("R-FL", dataset="yeast"), key)]
    assert probes.current_probes(pairs, compute) == [{"hamming": 0.5}] * 2
    assert held() == 3  # CB, R-FL on yeast, and that R-FL goes by the name
    assert probes.current_probes(pairs, compute) == [{"hamming": 0.5}] * 2
    assert computed == ["FL", "CB", "BCE", "R-FL"]
    probes.current_probes([(request("FL"), key)], compute)
    assert computed[-1] == "FL"


class Change(NamedTuple):
    """A change of what code computes, the rows whose numbers change, and rows whose numbers do not."""

    file: str
    before: str
    after: str
    changed: tuple[str, ...]
    same: tuple[str, ...]


CHANGES = [
    Change("methods/focal.py", ").mean()", ").mean() * 1.001", ("FL",), ("BCE", "CB", "FLEM-D", "ML-KNN")),
    Change("methods/losses.py", "clamp(min=1)\n    return (1", "clamp(min=2)\n    return (1", ("CB",), ("FL", "BCE")),
    Change("methods/losses.py", '"VOC07": 0.3, "VOC12"', '"VOC07": 0.4, "VOC12"', ("R-FL", "DB"), ("FL", "CB")),
    Change("methods/losses.py", "clamp(1, rows - 1)", "clamp(2, rows - 1)", ("DB",), ("FL", "R-FL")),
    Change("methods/bce.py", "(batch.z, batch.y)", "(1.0001 * batch.z, batch.y)", ("BCE",), ("FL",)),
    Change("methods/balanced_softmax.py", "zero = ", "zero = 0.1 + ", ("BS",), ("FL",)),
    Change(
        "methods/flem.py", "highest_negative - lowest", "highest_negative - 1.01 * lowest", ("FLEM-T",), ("FLEM-D",)
    ),
    Change("methods/flem.py", "clamp(1e-7, 1 - 1e-7)", "clamp(1e-2, 1 - 1e-2)", ("FLEM-D", "FLEM-S"), ("BCE",)),
    Change("methods/mlknn.py", "(2 * s + rows)", "(2 * s + rows + 1)", ("ML-KNN",), ("BCE",)),
    Change("methods/rakel.py", "random.seed(seed)", "random.seed(seed + 1)", ("RAKEL",), ("BCE",)),
    Change("methods/levi.py", "nn.Tanh()", "nn.ReLU()", ("LEVI",), ("VALEN", "BCE")),
    Change("methods/valen.py", "clamp(0.01, 30)", "clamp(0.5, 30)", ("VALEN",), ("LEVI",)),
    Change(
        "methods/enhancement/neighbours.py",
        "in_order, order = values[tied].sort(dim=1, stable=True)",
        "in_order, order = values[tied].flip(1).sort(dim=1, stable=True); order = values.shape[1] - 1 - order",
        ("ML-KNN",),
        ("BCE",),
    ),
    Change("bench/training/optimiser.py", "eps=self.eps", "eps=10 * self.eps", ("BCE", "VALEN"), ("ML-KNN",)),
    Change("bench/training/optimiser.py", "beta2=self.betas[1]", "beta2=self.betas[0]", ("BCE",), ("ML-KNN",)),
    Change("bench/training/clipping.py", "QUEUE_LENGTH = 5", "QUEUE_LENGTH = 6", ("BCE",), ("ML-KNN",)),
    Change("bench/training/clipping.py", "FACTOR = 5.0", "FACTOR = 4.0", ("BCE",), ("ML-KNN",)),
    Change("bench/backbones/linear.py", "math.sqrt(2 / n", "math.sqrt(1.9 / n", ("BCE", "FL"), ("ML-KNN",)),
    Change("bench/training/loop.py", "now < self.best", "now <= self.best", ("BCE", "FLEM-D"), ("ML-KNN",)),
    Change("bench/training/seeding.py", "batches[-1].numel() == 1", "batches[-1].numel() <= 3", ("BCE",), ("ML-KNN",)),
    Change(
        "bench/job/selection.py", 'values["ranking"], position', "0.0, position", ("FLEM-D", "VALEN"), ("BCE", "FL")
    ),
    Change("bench/job/inputs.py", "np.clip((x - low) / spread, 0, 1)", "((x - low) / spread)", ("BCE", "ML-KNN"), ()),
    Change(
        "bench/metrics/passes.py",
        "right=True)\n        counts",
        "right=False)\n        counts",
        ("BCE", "ML-KNN"),
        (),
    ),
    Change("bench/metrics/passes.py", "place.masked_fill(tied, 0).cummax(0).values", "place", ("BCE", "ML-KNN"), ()),
    Change(
        "bench/metrics/evaluation.py",
        "self.scores[rows] > self.threshold",
        "self.scores[rows] >= self.threshold",
        ("BCE", "RAKEL"),
        (),
    ),
]

SELDOM = ("beta2", "QUEUE_LENGTH", "clamp(1e-7", "clamp(1, rows")
"""Prefix of a change of code that another change is beside."""
NUMBERS = """
import json, sys, msgspec
sys.dont_write_bytecode = False  # a copy is compiled once
from bench.job import probe
from bench.records.probe_request import ProbeRequest
found = probe.probes(msgspec.json.decode(sys.argv[1], type=dict[str, ProbeRequest]))
print(json.dumps({row: values for row, (values, _) in found.items()}))
"""


def numbers_in(folder: Path, rows: Sequence[str]) -> dict[str, dict]:
    """The probes of the rows by the code in a folder."""
    requests = msgspec.json.encode({row: request(row, dataset="VOC07") for row in rows}).decode()
    done = forked.python("-c", NUMBERS, requests, cwd=folder, environment={**os.environ, "PYTHONPATH": str(folder)})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def copied(folder: Path) -> Path:
    for name in ("bench", "methods"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True)
    shutil.copy(ROOT / "bench.toml", folder)
    return folder


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the program."""
    return copied(tmp_path_factory.mktemp("copy"))


@pytest.fixture(scope="module")
def today(copy: Path) -> dict[str, dict]:
    return numbers_in(copy, sorted({row for change in CHANGES for row in (*change.changed, *change.same)}))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            change,
            id=f"{Path(change.file).stem}: {change.after[:30]}",
            marks=[pytest.mark.slow] * change.before.startswith(SELDOM),
        )
        for change in CHANGES
    ],
)
def test_a_change_of_meaning_is_seen_in_the_rows_that_it_touches(
    change: Change, today: dict[str, dict], copy: Path
) -> None:
    source = (ROOT / change.file).read_text(encoding="utf-8")
    assert change.before in source
    file = copy / change.file
    file.write_text(source.replace(change.before, change.after), encoding="utf-8")
    number = CHANGES.index(change)
    os.utime(file, (number, number))  # else it may be taken for what was compiled in the same second
    try:
        found = numbers_in(copy, [*change.changed, *change.same])
    finally:
        shutil.copy2(ROOT / change.file, file)
    assert [row for row in found if not probes.equal(found[row], today[row])] == list(change.changed)


@pytest.mark.parametrize("asked", [request("BCE"), probe_request.METRICS_ALONE], ids=["BCE", "metrics alone"])
def test_repeated_rows_change_no_metric_but_average_precision_counts_otherwise(
    asked: probe_request.ProbeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[int] = []
    by_comparing = passes._by_comparing

    def noted(y: Tensor, scores: Tensor) -> dict[int, Tensor]:
        compared.append(len(y))
        return by_comparing(y, scores)

    monkeypatch.setattr(passes, "_by_comparing", noted)
    found, few = numbers(asked), len(compared)
    monkeypatch.setattr(probe, "MANY", 1)
    assert probes.equal(numbers(asked), found)
    assert few
    assert len(compared) > 2 * few


def test_a_set_with_transforms_is_probed_with_unknown_labels_too() -> None:
    plain, partly = request("BCE", dataset="yeast"), request("BCE", dataset="yeast[observed=1]")
    assert partly.dataset == "yeast"
    assert msgspec.to_builtins(partly) == {**msgspec.to_builtins(plain), "transformed": True}
    found, more = numbers(plain), numbers(partly)
    assert found.items() < more.items()
    assert {name.partition(":")[0] for name in more.keys() - found.keys()} == {"partly known"}
    splits = probe.tiny_dataset("", probe.PARTLY_KNOWN).splits
    assert splits["train"].observed is not None
    assert not splits["train"].observed.all()
    assert not splits["train"].y[~splits["train"].observed].any()
