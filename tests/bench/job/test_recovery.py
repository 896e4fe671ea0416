"""The recovery track: measures against scipy and loops, the normalisation, the readers, the run and its tables."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import scipy.sparse
import scipy.spatial.distance
import scipy.stats
import torch

from bench import config
from bench.datasets.readers import ldl
from bench.errors import UsageError
from bench.job.build import per_sample_tensors
from bench.job.recovery import prepare_recovery, recover
from bench.metrics.catalogue import RECOVERY_METRICS
from bench.metrics.distribution import measures, normalised
from bench.plan.jobs import Job
from bench.plan.tracks import make_recovery_plan
from bench.protocol import Protocol
from bench.records.record import RecoveryResult

SMALLEST = 2.220446049250313e-16


def distributions(rows: int, labels: int, seed: int, zeros: bool = False) -> np.ndarray:
    values = np.random.default_rng(seed).random((rows, labels))
    if zeros:
        values[values < 0.4] = 0
        values[:, 0] += 0.1
    return values / values.sum(1, keepdims=True)


@pytest.mark.parametrize("zeros", [False, True])
def test_measures_are_scipys_row_by_row(zeros: bool) -> None:
    true, found = distributions(20, 6, 0, zeros), distributions(20, 6, 1, zeros)
    if zeros:
        assert ((true == 0) & (found == 0)).any()
    values = measures(torch.from_numpy(true), torch.from_numpy(found))
    p, q = np.maximum(true, SMALLEST), np.maximum(found, SMALLEST)
    naive = {
        "chebyshev": [scipy.spatial.distance.chebyshev(a, b) for a, b in zip(true, found, strict=True)],
        "canberra": [scipy.spatial.distance.canberra(a, b) for a, b in zip(p, q, strict=True)],
        "clark": [
            math.sqrt(sum(((a - b) / (a + b)) ** 2 for a, b in zip(one, two, strict=True)))
            for one, two in zip(p, q, strict=True)
        ],
        "kullback_leibler": [float(scipy.special.rel_entr(a, b).sum()) for a, b in zip(p, q, strict=True)],
        "cosine": [1 - scipy.spatial.distance.cosine(a, b) for a, b in zip(true, found, strict=True)],
        "intersection": [sum(map(min, a, b)) for a, b in zip(true, found, strict=True)],
    }
    assert set(values) == set(naive) == {metric.key for metric in RECOVERY_METRICS}
    for name, expected in naive.items():
        assert values[name] == pytest.approx(float(np.mean(expected)), abs=1e-9), name


def test_equal_distributions_are_perfect_even_with_zeros() -> None:
    true = torch.from_numpy(distributions(5, 4, 0, zeros=True))
    values = measures(true, true)
    assert values["cosine"] == values["intersection"] == pytest.approx(1)
    for name in ("chebyshev", "clark", "canberra", "kullback_leibler"):
        assert values[name] == pytest.approx(0, abs=1e-12)


def test_normalisation_divides_by_the_rows_sum_and_makes_zeros_uniform() -> None:
    found = normalised(torch.tensor([[1.0, 3.0], [0.0, 0.0], [0.2, 0.2]]), "sum")
    assert found.tolist() == [[0.25, 0.75], [0.5, 0.5], [0.5, 0.5]]
    for bad in (-0.1, math.nan, math.inf):
        for how in ("sum", "softmax"):
            with pytest.raises(ValueError, match="must be finite and not negative"):
                normalised(torch.tensor([[1.0, bad]]), how)


def test_normalisation_by_softmax() -> None:
    found = normalised(torch.tensor([[1.0, 0.0, 0.5]]), "softmax")
    total = math.e + 1 + math.exp(0.5)
    assert found[0].tolist() == pytest.approx([math.e / total, 1 / total, math.exp(0.5) / total])


def test_binarisation_takes_the_fewest_labels_with_over_half_of_the_mass() -> None:
    degrees = np.array([[0.5, 0.3, 0.2], [0.51, 0.3, 0.19], [0.25, 0.25, 0.5], [1 / 3, 1 / 3, 1 / 3]])
    assert ldl.binarised(degrees).tolist() == [[1, 1, 0], [1, 0, 0], [1, 0, 1], [1, 1, 0]]


@pytest.mark.parametrize(("name", "differ"), [("SJAFFE", 0), ("SBU_3DFE", 0), ("Yeast_spoem", 0), ("Movie", 4)])
def test_binarisation_gives_the_authors_logical_labels(name: str, differ: int, shared_data: Path) -> None:
    """Where the authors published them by this rule; a mass of one half up to float32's rounding is one half."""
    found = ldl.load(shared_data / f"ldl/ldl_{name}.npz")
    assert (ldl.binarised(found.degrees) != found.y).any(1).sum() <= differ


@pytest.mark.parametrize("name", ["Music", "Painting"])
def test_binarised_real_sets_have_the_least_labels_with_over_half(name: str, shared_data: Path) -> None:
    found = ldl.load(shared_data / f"ldl/ldl_{name}.npz")
    assert "fewest labels" in found.binarisation
    for degrees, labels in zip(found.degrees, found.y, strict=True):
        chosen = sorted(degrees[labels > 0])
        assert sum(chosen) > 0.5 + 1e-6
        assert sum(chosen[1:]) <= 0.5 + 1e-6
        assert chosen[0] >= max(degrees[labels == 0], default=0)


@pytest.mark.parametrize("name", ["SJAFFE", "Yeast_alpha", "Yeast_spo5"])
def test_matlab_files_hold_what_the_npz_files_hold(name: str, shared_data: Path) -> None:
    """Checked against the real files, plain and binary."""
    npz = ldl.load(shared_data / f"ldl/ldl_{name}.npz")
    binary = ldl.load(shared_data / f"raw/ldl/{name}_binary.mat")
    plain = ldl.load(shared_data / f"raw/ldl/{name}.mat")
    assert npz.name == binary.name == plain.name == name
    for other in (binary, plain):
        np.testing.assert_allclose(other.degrees, npz.degrees, atol=1e-6)
    np.testing.assert_allclose(binary.x, npz.x, atol=1e-6)
    assert (binary.y == npz.y).all()
    assert "authors" in binary.binarisation
    assert "fewest labels" in plain.binarisation


def test_every_real_set_is_found_once(shared_data: Path) -> None:
    folder = (shared_data / "ldl").parent
    found = ldl.find([folder])
    assert len(found) == 16
    assert all(path.suffix == ".npz" for path in found.values())
    assert ldl.resolve("sjaffe", [folder]) == found["SJAFFE"]
    with pytest.raises(UsageError, match="did you mean 'SJAFFE'"):
        ldl.resolve("SJAFE", [folder])


def write(path: Path, **changes: object) -> Path:
    arrays = {"X": np.random.default_rng(0).random((6, 3)), "D": distributions(6, 4, 0)}
    arrays.update(changes)  # type: ignore[arg-type]
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"D": None}, "needs the arrays X and D"),
        ({"D": distributions(5, 4, 0)}, "6 rows of features and 5 of degrees"),
        ({"D": np.full((6, 4), 0.3)}, "row 0 is no distribution: .* sum to 1.2"),
        ({"D": np.tile([1.5, -0.5, 0, 0], (6, 1))}, "row 0 is no distribution"),
        ({"D": np.ones((6, 1))}, "3 features and 1 labels"),
        ({"X": np.full((6, 3), np.nan)}, "the feature in row 0, column 0 is nan"),
        ({"X": np.array([["a"] * 3] * 6)}, "features are real numbers; it holds <U1 values"),
        ({"X": np.array([[None] * 3] * 6)}, "X holds Python objects"),
        ({"X": np.full((6, 3), 1e300)}, "row 0, column 0 is 1e\\+300, too large for float32"),
        ({"X": np.full((6, 3), 1j)}, "X must be a matrix .*complex128"),
        ({"X": np.float32(1)}, "X must be a matrix"),
        ({"X": np.ones((6, 0))}, "0 features and 4 labels"),
        ({"D": distributions(6, 4, 0) + 0j}, "D must be a matrix .*complex128"),
        ({"D": distributions(6, 4, 0).astype(str)}, "D must be a matrix .*degrees are real numbers"),
        ({"D": np.full((6, 4), np.nan)}, "the degree in row 0, column 0 is nan"),
        ({"D": distributions(6, 4, 0)[0]}, "D must be a matrix"),
        ({"L": np.ones(24)}, "L must be a matrix"),
        ({"L": np.full((6, 4), 2)}, "the label in row 0, column 0 is 2"),
        ({"L": np.ones((6, 3))}, r"logical labels \(6, 3\) for degrees \(6, 4\)"),
    ],
)
def test_a_fault_in_a_file_is_one_sentence(tmp_path: Path, changes: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ldl.load(write(tmp_path / "set.npz", **changes))


def test_broken_matlab_files_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "torn.mat").write_bytes(b"MATLAB 5.0 MAT-file" + b"\0" * 40)
    with pytest.raises(UsageError, match=r"torn\.mat cannot be read"):
        ldl.load(tmp_path / "torn.mat")
    scipy.io.savemat(tmp_path / "other.mat", {"features": np.ones((3, 2))})
    with pytest.raises(UsageError, match="needs the arrays features and labelDistribution or labels"):
        ldl.load(tmp_path / "other.mat")
    assert ldl.find([tmp_path]) == {}
    with pytest.raises(UsageError, match=r"torn\.mat cannot be read as a MATLAB file"):
        ldl.resolve("torn", [tmp_path])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": np.ones((6, 3)) + 1j}, "features must be a matrix .*complex128"),
        ({"features": scipy.sparse.csc_matrix(np.ones((6, 3)))}, "features must be a matrix .*object"),
        ({"features": "text"}, "features must be a matrix .*<U4"),
        ({"labelDistribution": {"a": 1}}, "labelDistribution must be a matrix"),
        ({"logicalLabel": np.ones((6, 3))}, r"logical labels \(6, 3\) for degrees \(6, 4\)"),
    ],
)
def test_matlab_variables_of_another_kind_are_one_sentence(tmp_path: Path, changes: dict, message: str) -> None:
    given = {"features": np.ones((6, 3)), "labelDistribution": distributions(6, 4, 0), **changes}
    scipy.io.savemat(tmp_path / "set.mat", given)
    with pytest.raises(UsageError, match=message):
        ldl.load(tmp_path / "set.mat")


def test_odd_files_hang_no_search_for_distributions(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mat")
    os.mkfifo(tmp_path / "pipe.npz")
    (tmp_path / "folder.mat").mkdir()
    write(tmp_path / "._good.npz")
    write(tmp_path / "good.npz")
    assert ldl.find([tmp_path]) == {"good": tmp_path / "good.npz"}
    with pytest.raises(UsageError, match=r"pipe\.mat is a folder, a pipe or a device, not a file"):
        ldl.resolve("pipe", [tmp_path])


PROTOCOL = Protocol(epochs=3, scaling="minmax", precision="float64")


def small_set(tmp_path: Path) -> ldl.DistributionSet:
    x = np.random.default_rng(3).random((40, 5))
    return ldl.load(write(tmp_path / "small.npz", X=x, D=distributions(40, 4, 2)))


def recovered(name: str, options: dict, data: ldl.DistributionSet) -> tuple[RecoveryResult, torch.Tensor]:
    return recover(name, options, data, prepare_recovery(data, PROTOCOL, torch.device("cpu")), PROTOCOL, 0)


def options_of(name: str) -> dict:
    from bench import methods

    defaults = methods.info(name).defaults
    short = {option: 2 for option in ("epochs", "pretraining_epochs") if option in defaults}
    return methods.options(name, defaults, short)


@pytest.mark.parametrize(
    "name", ["FCM", "KM", "LP", "ML", "GLLE", "LEVI", "VALEN", "LIBLE", "ConLE", "FLEM-S", "FLEM-T", "FLEM-D"]
)
def test_the_true_distribution_never_reaches_a_method(name: str, tmp_path: Path) -> None:
    """With other true degrees but the same logical labels the recovered distribution is the same, bit for bit."""
    data = small_set(tmp_path)
    other = ldl.DistributionSet(data.name, data.x, data.y, distributions(40, 4, 9), data.binarisation)
    first, found = recovered(name, options_of(name), data)
    second, again = recovered(name, options_of(name), other)
    assert torch.equal(found, again)
    assert first.measures != second.measures
    torch.testing.assert_close(found.sum(1), torch.ones(40, dtype=torch.float64))


def test_floors(tmp_path: Path) -> None:
    data = small_set(tmp_path)
    _, uniform = recovered("uniform", {}, data)
    assert (uniform == 0.25).all()
    _, logical = recovered("logical labels", {}, data)
    np.testing.assert_allclose(logical.numpy(), data.y / data.y.sum(1, keepdims=True))
    _, softmax = recovered("softmax of the logical labels", {}, data)
    np.testing.assert_allclose(softmax.numpy(), scipy.special.softmax(data.y.astype(float), axis=1))


# --- recipes ---------------------------------------------------------------------------------------------------------


def planned(tmp_path: Path, toml: str = "") -> dict[str, Job]:
    """{variant: its job} on a small set."""
    (tmp_path / "bench.toml").write_text(toml)
    small_set(tmp_path)
    plan = make_recovery_plan(config.load(tmp_path), [tmp_path], None, None, [0], None)
    return {job.name.variant: job for job in plan.jobs}


PUBLISHED = {
    "FCM": {"clusters": 50, "fuzziness": 2.0, "iterations": 10000, "change": 1e-7},
    "KM": {},
    "LP": {"balance": 0.5, "iterations": 500},
    "ML": {"regularisation": 1e-3, "ridge": 1e-5, "iterations": 5000},
    "GLLE": {"smoothness": 0.01, "neighbours": 20, "heat_width": 10.0, "iterations": 300},
    "LEVI": {
        "hidden": 150, "latent": 50, "kl_weight": 1.0, "reconstruction_weight": 1.0, "dropout": 0.1,
        "x_output": "sigmoid", "epochs": 150, "batch_size": 128, "decay": 1e-5,
    },
    "VALEN": {
        "hidden": 512, "neighbours": 3, "reconstruction_weight": 0.01, "label_weight": 0.01, "graph_weight": 1.0,
        "kl_weight": 0.01, "target_weight": 20.0, "epochs": 30, "batch_size": 64,
    },
    "FLEM-D": {"alpha": 0.01, "beta": 0.01},
}  # fmt: skip
"""Options of the recovery track: PyLDL's, GLLE.m's, those of LEVI's run_main.py, and ours of VALEN and FLEM."""


def test_each_method_enters_with_its_published_recipe(tmp_path: Path) -> None:
    jobs = planned(tmp_path)
    for name, options in PUBLISHED.items():
        (point,) = jobs[name].points
        assert options.items() <= point.items(), name
    assert [name for name, job in jobs.items() if job.normalisation == "softmax"] == ["LEVI"]
    assert [name for name, job in jobs.items() if job.protocol.minimum_steps == 0] == ["LEVI", "LIBLE", "SMILE"]
    assert {name: job.key["hyperparameters"].get("normalisation") for name, job in jobs.items()} == {
        **dict.fromkeys(jobs), "LEVI": "softmax"
    }  # fmt: skip
    settings = config.load(tmp_path).recovery
    assert all(settings.recipes[name].source for name in settings.ranked)


def test_a_variant_departs_from_its_methods_recipe_where_it_says_so(tmp_path: Path) -> None:
    jobs = planned(
        tmp_path, '[methods."by sums"]\nbase = "LEVI"\nhidden = 7\nnormalisation = "sum"\nminimum_steps = 12\n'
    )
    own, (point,) = jobs["by sums"], jobs["by sums"].points
    assert (point["hidden"], point["latent"], own.normalisation, own.protocol.minimum_steps) == (7, 50, "sum", 12)
    with pytest.raises(UsageError, match="normalisation"):
        planned(tmp_path, '[methods."LEVI"]\nnormalisation = "max"\n')


def test_levis_degrees_become_a_distribution_by_softmax(tmp_path: Path) -> None:
    """Softmax of sigmoid(mean), as in its authors' main.py, and nothing else differs from the division by sums."""
    data = small_set(tmp_path)
    prepared = prepare_recovery(data, PROTOCOL, torch.device("cpu"))
    options = {**options_of("LEVI"), "hidden": 7}
    degrees = per_sample_tensors("LEVI", options, prepared, PROTOCOL, 0)["degrees"]
    assert ((degrees > 0) & (degrees < 1)).all()
    for how, expected in (("softmax", degrees.softmax(1)), ("sum", degrees / degrees.sum(1, keepdim=True))):
        _, found = recover("LEVI", options, data, prepared, PROTOCOL, 0, how)
        torch.testing.assert_close(found, expected)


def test_a_method_that_recovers_nothing_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="BCE recovers no label distribution"):
        recovered("BCE", {}, small_set(tmp_path))
