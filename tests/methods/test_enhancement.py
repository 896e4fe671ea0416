"""Label enhancement by graphs, kernels and clusters: golden values of PyLDL where there are any, naive derivations
where there are none, the second stage that all share, and sizes that are refused before memory is taken."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bench import methods
from bench.job.fit_linear import fit_linear
from bench.job.inputs import Prepared
from bench.methods import manifold_learning
from bench.methods.api import Batch, Problem, Split
from bench.methods.enhancement import neighbours
from bench.methods.enhancement.two_stage import TwoStage, stretched
from bench.methods.fuzzy_clustering import centres, max_product, memberships
from bench.methods.glle import GLLE, objective, standardised
from bench.protocol import Protocol
from tests.conftest import problem_of, random_split

TWO_STAGE = ["FCM", "KM", "LP", "ML", "GLLE", "LEVI", "VALEN", "LIBLE", "ConLE", "LEIC", "SMILE"]


def no_fit(*arguments: Any, **options: Any) -> None:
    raise AssertionError("this method trains no network")


def recover(name: str, split: Split, **options: Any) -> Tensor:
    method = methods.create(name, problem_of(split), **options)
    assert isinstance(method, TwoStage)
    return method.recover(split, no_fit)


@pytest.mark.parametrize("name", ["LP", "KM", "ML"])
def test_recovered_distribution_is_pyldls(name: str, golden: dict) -> None:
    """PyLDL computes in float32."""
    case = golden["label_enhancement_pyldl"]
    split = Split(torch.tensor(case["X"], dtype=torch.float64), torch.tensor(case["L"]).to(torch.int8))
    expected = torch.tensor(case["methods"][name], dtype=torch.float64)
    torch.testing.assert_close(recover(name, split), expected, atol=1e-6, rtol=0)


def test_every_golden_method_is_checked(golden: dict) -> None:
    assert set(golden["label_enhancement_pyldl"]["methods"]) == {"LP", "KM", "ML"}


def test_manifold_weights_are_those_of_each_row_in_blocks_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an equation written for one row; above so many neighbours blocks go by their bytes."""
    x, near = random_split(9, 3, 2, seed=0).x, torch.randint(0, 9, (9, 4), generator=torch.Generator().manual_seed(2))
    for many, most in ((1000, 1), (3, 1), (3, 2 * 8 * 4 * 7), (3, 2**20)):  # blocks of all rows, of 1, of 2, of all
        monkeypatch.setattr(manifold_learning, "MANY", many)
        monkeypatch.setattr(manifold_learning, "BYTES_PER_BLOCK", most)
        found = manifold_learning.barycentre_weights(x, near, 1e-3)
        for i in range(9):
            gram = torch.stack([torch.stack([(x[a] - x[i]) @ (x[b] - x[i]) for b in near[i]]) for a in near[i]])
            solved = torch.linalg.inv(gram + 1e-3 * gram.trace() * torch.eye(4, dtype=x.dtype)).sum(1)
            torch.testing.assert_close(found[i], solved / solved.sum(), rtol=1e-7, atol=1e-9)


def test_fuzzy_memberships_and_centres_are_bezdeks() -> None:
    """u_ik = 1 / sum_j (d_ik / d_ij)^(2/(m-1)); centres are means weighed by u^m; written as loops."""
    x = random_split(15, 3, 4, seed=0).x
    start = torch.rand(15, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    centre = centres(x, start, 1.7)
    for k in range(4):
        weight = [float(start[i, k]) ** 1.7 for i in range(15)]
        naive = sum(w * x[i] for i, w in enumerate(weight)) / sum(weight)
        torch.testing.assert_close(centre[k], naive, atol=1e-12, rtol=0)
    found = memberships(x, centre, 1.7)
    for i in range(15):
        distance = [float((x[i] - centre[k]).norm()) for k in range(4)]
        for k in range(4):
            naive_u = 1 / sum((distance[k] / other) ** (2 / 0.7) for other in distance)
            assert float(found[i, k]) == pytest.approx(naive_u, abs=1e-10)


def test_composition_is_max_product() -> None:
    generator = torch.Generator().manual_seed(3)
    member, mass = torch.rand(7, 4, generator=generator), torch.rand(3, 4, generator=generator)
    found = max_product(member, mass)
    for i in range(7):
        for j in range(3):
            assert float(found[i, j]) == max(float(member[i, k] * mass[j, k]) for k in range(4))


def test_fuzzy_clustering_composes_memberships_and_label_masses() -> None:
    """Three tight, distant clusters with one label each: the degrees of a row are those of its own cluster."""
    generator = torch.Generator().manual_seed(0)
    cluster = torch.arange(30) % 3
    x = torch.eye(3, dtype=torch.float64)[cluster] * 50 + 0.01 * torch.rand(30, 3, generator=generator).double()
    y = torch.nn.functional.one_hot(cluster, 3).to(torch.int8)
    torch.manual_seed(0)
    degrees = recover("FCM", Split(x, y), clusters=3)
    assert (degrees.argmax(1) == cluster).all()
    # u = 1 in its own cluster, mass 10 of its label there: softmax of (10, 0, 0)
    expected = torch.tensor([10.0, 0, 0], dtype=torch.float64).softmax(0)
    torch.testing.assert_close(degrees[0], expected, atol=1e-3, rtol=0)


def test_glle_gradient_and_value() -> None:
    """The gradient is autograd's; the graph joins rows where one is among the other's neighbours, with full weight
    (GLLE.m); the Laplacian's quadratic form is the sum over edges of w |d_i - d_j|^2 / 2."""
    split = random_split(30, 4, 3, seed=0)
    method = methods.create("GLLE", problem_of(split), neighbours=5)
    assert isinstance(method, GLLE)
    x = standardised(split.x)
    phi, laplacian = method.kernel_and_laplacian(x)
    y = split.y.double()
    weight = torch.randn(31, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    value, gradient = objective(phi, laplacian.to_dense(), weight, y, 0.01)
    (expected,) = torch.autograd.grad(value, weight)
    torch.testing.assert_close(gradient, expected, atol=1e-9, rtol=0)
    sparse_value, sparse_gradient = objective(phi, laplacian, weight.detach(), y, 0.01)
    assert float(sparse_value.detach()) == pytest.approx(float(value.detach()), abs=1e-9)
    torch.testing.assert_close(sparse_gradient, gradient.detach(), atol=1e-9, rtol=0)

    pairwise = torch.cdist(x, x)
    near = [set(pairwise[i].argsort()[:5].tolist()) for i in range(30)]  # a row is the nearest of itself
    assert all(i in near[i] for i in range(30))
    assert any((i in near[j]) != (j in near[i]) for i in range(30) for j in range(30))
    graph = torch.zeros(30, 30, dtype=torch.float64)
    for i in range(30):
        for j in range(30):
            if i != j and (j in near[i] or i in near[j]):
                graph[i, j] = math.exp(-(float(pairwise[i, j]) ** 2) / 200)
    torch.testing.assert_close(laplacian.to_dense(), torch.diag(graph.sum(1)) - graph, atol=1e-9, rtol=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "is_cuda", True)
        _, dense = method.kernel_and_laplacian(x)
    assert not dense.is_sparse
    torch.testing.assert_close(dense, laplacian.to_dense(), atol=1e-12, rtol=0)
    degrees = (phi @ weight).detach()
    edges = sum(
        float(graph[i, j]) * float((degrees[i] - degrees[j]).square().sum()) / 2 for i in range(30) for j in range(30)
    )
    smooth = float((degrees * (laplacian.to_dense() @ degrees)).sum())
    assert smooth == pytest.approx(edges, rel=1e-6)
    width = 2 * float(pairwise.sum() / (30 * 29)) ** 2
    torch.testing.assert_close(phi[:, :30], (-(pairwise**2) / width).exp(), atol=1e-6, rtol=0)
    assert (phi[:, 30] == 1).all()


def test_glle_lowers_its_objective_towards_the_smoothed_labels() -> None:
    """With as many kernel functions as rows the minimum is softmax((I + lambda G)^-1 y)."""
    split = random_split(40, 8, 3, seed=0)
    method = methods.create("GLLE", problem_of(split))
    assert isinstance(method, GLLE)
    _, laplacian = method.kernel_and_laplacian(standardised(split.x))
    system = torch.eye(40, dtype=torch.float64) + 0.01 * laplacian.to_dense()
    minimum = torch.linalg.solve(system, split.y.double()).softmax(1)
    torch.testing.assert_close(recover("GLLE", split, iterations=10000), minimum, atol=0.001, rtol=0)


def test_glle_by_default_goes_300_iterations_down_from_a_random_start() -> None:
    """Early stopping is part of the method (MaxIter and rand of its authors): more iterations lower the objective."""
    split = random_split(60, 8, 3, seed=0)
    method = methods.create("GLLE", problem_of(split))
    assert isinstance(method, GLLE)

    def from_seed(seed: int, **options: Any) -> Tensor:
        torch.manual_seed(seed)
        return recover("GLLE", split, **options)

    values = {iterations: from_seed(0, iterations=iterations) for iterations in (20, 300, 2000)}
    assert all(torch.allclose(found.sum(1), torch.ones(60, dtype=torch.float64)) for found in values.values())
    torch.testing.assert_close(from_seed(0), values[300], atol=0, rtol=0)
    assert not torch.equal(from_seed(1), values[300])
    assert not torch.equal(values[20], values[300])
    assert not torch.equal(values[300], values[2000])


@pytest.mark.parametrize("name", TWO_STAGE)
@pytest.mark.parametrize("case", ["rows without labels", "constant features", "equal rows", "a label without rows"])
def test_awkward_data_give_finite_degrees(name: str, case: str) -> None:
    split = random_split(60, 6, 5, seed=0)
    x, y = split.x.clone(), split.y.clone()
    if case == "rows without labels":
        y[:20] = 0
    if case == "constant features":
        x[:, 2:] = 0.5
    if case == "equal rows":
        x[:] = x[0]
    if case == "a label without rows":
        y[:, 3] = 0
    split = Split(x, y)
    defaults = methods.info(name).defaults
    short = {option: 2 for option in ("epochs", "pretraining_epochs") if option in defaults}
    point = methods.options(name, defaults, short)
    fitted = fit_linear(
        name, [point], Prepared(problem_of(split), {"train": split}), Protocol(epochs=2, precision="float64"), 0
    )
    degrees = fitted.candidates[0].distribution()
    assert degrees is not None
    assert degrees.shape == (60, 5)
    assert torch.isfinite(degrees).all()
    assert (degrees >= 0).all()
    cls = methods.method_class(name)
    assert issubclass(cls, TwoStage)
    if cls.degrees_sum_to_one:
        torch.testing.assert_close(degrees.sum(1), torch.ones(60, dtype=degrees.dtype), atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", ["LP", "GLLE"])
def test_what_does_not_fit_into_memory_is_refused_before_it_is_made(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "free_memory", lambda device: 20_000)
    with pytest.raises(ValueError, match=rf"{name} works on 1 matrices of 60 x 60, .* GB of free memory"):
        recover(name, random_split(60, 4, 3, seed=0))


# --- the second stage -----------------------------------------------------------------------------------------------


class Given(TwoStage):
    """Degrees that the test gives."""

    given: Tensor

    def recover(self, train: Split, fit: Any) -> Tensor:
        return self.given


def given(degrees: Tensor, sums_to_one: bool, **options: Any) -> tuple[Given, dict[str, Tensor]]:
    y = torch.zeros(degrees.shape, dtype=torch.int8)
    split = Split(torch.zeros(len(degrees), 2, dtype=torch.float64), y)
    problem: Problem = problem_of(split)
    cls = type("Case", (Given,), {"degrees_sum_to_one": sums_to_one, "given": degrees})
    method = cls(problem, **{**TwoStage.shared_defaults, **options}).double()
    return method, method.prepare(split, no_fit)


def test_soft_targets_mix_degrees_and_labels() -> None:
    degrees = torch.tensor([[0.2, 0.7, 0.9], [0.4, 0.4, 0.4]], dtype=torch.float64)
    method, extra = given(degrees, False, mix=0.3)
    y = torch.tensor([[0.0, 1, 1], [1, 0, 0]], dtype=torch.float64)
    z = torch.tensor([[-1.0, 0.5, 2], [0.1, 0.2, -0.3]], dtype=torch.float64)
    p = 1 / (1 + (-z).exp())
    target = 0.3 * degrees + 0.7 * y
    naive = -(target * p.log() + (1 - target) * (1 - p).log()).mean()
    loss = method.objective(Batch(torch.zeros(2, 2), y, z, extra))
    assert float(loss) == pytest.approx(float(naive), abs=1e-12)


def test_degrees_that_sum_to_one_are_stretched_row_by_row() -> None:
    degrees = torch.tensor([[0.5, 0.3, 0.2], [1 / 3, 1 / 3, 1 / 3]], dtype=torch.float64)
    _, extra = given(degrees, True)
    expected = torch.tensor([[1.0, 1 / 3, 0.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(extra["target"], expected, atol=1e-12, rtol=0)
    assert torch.equal(extra["degrees"], degrees)
    torch.testing.assert_close(stretched(degrees), expected, atol=1e-12, rtol=0)


def test_svr_is_the_released_codes_objective_on_a_linear_model() -> None:
    degrees = torch.tensor([[0.2, 0.7, 0.9], [0.4, 0.4, 0.4]], dtype=torch.float64)
    method, extra = given(degrees, False, predictor="svr")
    z = torch.tensor([[0.5, 0.5, 2], [0.1, 0.2, -0.3]], dtype=torch.float64)
    sigmoid = 1 / (1 + np.exp(-degrees[0].numpy()))
    t = np.stack([2 * (sigmoid - sigmoid.min()) / (sigmoid.max() - sigmoid.min()) - 1, np.zeros(3)])
    np.testing.assert_allclose(extra["target"].numpy(), t, atol=1e-12)
    total = 0.0
    for i in range(2):
        u = np.sqrt(((t[i] - z[i].numpy()) ** 2).sum())
        total += 0.5 * max(u - 1e-3, 0) ** 2 + 0.1 * sum(max(0, -np.sign(t[i, j]) * float(z[i, j])) for j in range(3))
    loss = method.objective(Batch(torch.zeros(2, 2), torch.zeros(2, 3), z, extra))
    assert float(loss) == pytest.approx(total / 2, abs=1e-12)


def test_rows_that_are_constant_up_to_rounding_are_stretched_to_zeros() -> None:
    """In float32 too, where the sigmoids of different small degrees are equal."""
    degrees = torch.tensor([[1e-9, 3e-9, 2e-8], [0.2, 0.2 + 1.5e-8, 0.2], [0.1, 0.2, 0.3]])
    _, extra = given(degrees, False, predictor="svr")
    assert (extra["target"][:2] == 0).all()
    torch.testing.assert_close(extra["target"][2].float(), torch.tensor([-1.0, 0.0, 1.0]), atol=0.02, rtol=0)
    assert (stretched(degrees)[1] == 0).all()


def test_svr_trains_where_the_prediction_meets_the_target() -> None:
    """The distance has no gradient at 0; the loss's is 0 there, not NaN."""
    degrees = torch.tensor([[0.2, 0.7, 0.9]], dtype=torch.float64)
    method, extra = given(degrees, False, predictor="svr")
    z = extra["target"].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(method.objective(Batch(torch.zeros(1, 2), torch.zeros(1, 3), z, extra)), z)
    assert (gradient == 0).all()


def test_a_grid_shares_what_prepare_returns_where_it_may_and_not_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mixing weights are one stack on one recovery; a weight of the recovery's own loss means another recovery."""
    split = random_split(40, 6, 5, seed=0)
    data = Prepared(problem_of(split), {"train": split, "val": random_split(20, 6, 5, seed=1)})
    cls = methods.method_class("LEVI")
    calls = []
    original = cls.recover
    monkeypatch.setattr(cls, "recover", lambda *given: calls.append(1) or original(*given))
    base = methods.options("LEVI", methods.info("LEVI").defaults, {"hidden": 7, "epochs": 2})
    protocol = Protocol(epochs=2, precision="float64")
    together = fit_linear("LEVI", [{**base, "mix": mix} for mix in (0.1, 0.5, 1.0)], data, protocol, 0)
    assert (len(calls), together.stacks) == (1, [3])
    calls.clear()
    points = [{**base, "kl_weight": weight} for weight in (0.01, 5.0)]
    apart = fit_linear("LEVI", points, data, protocol, 0)
    assert (len(calls), apart.stacks) == (2, [1, 1])
    alone = fit_linear("LEVI", points[1:], data, protocol, 0)
    x = split.x
    assert torch.equal(apart.candidates[1].scores(x), alone.candidates[0].scores(x))
    assert not torch.equal(apart.candidates[0].scores(x), apart.candidates[1].scores(x))


def test_flem_gives_its_estimators_softmax_on_the_whole_training_set() -> None:
    split = random_split(50, 6, 5, seed=0)
    data = Prepared(problem_of(split), {"train": split, "val": random_split(20, 6, 5, seed=1)})
    point = methods.options("FLEM-D", methods.info("FLEM-D").defaults, {"hidden": 6})
    fitted = fit_linear("FLEM-D", [point], data, Protocol(epochs=3, precision="float64"), 0)
    candidate = fitted.candidates[0]
    p = {name.removeprefix("estimator."): value for name, value in candidate.parameters.items()}

    def block(name: str, value: Tensor) -> Tensor:
        a = value @ p[f"{name}.first.weight"].T + p[f"{name}.first.bias"]
        a = torch.where(a > 0, a, 0.01 * a)
        a = (a - a.mean(0)) / (a.var(0, unbiased=False) + 1e-5).sqrt()
        a = a * p[f"{name}.norm.weight"] + p[f"{name}.norm.bias"]
        return a + a @ p[f"{name}.second.weight"].T + p[f"{name}.second.bias"]

    joined = torch.cat([block("features", split.x), block("labels", split.y.double())], 1)
    found = candidate.distribution()
    assert found is not None
    torch.testing.assert_close(found, block("decoder", joined).softmax(1), atol=1e-10, rtol=0)


def test_other_methods_recover_nothing() -> None:
    split = random_split(50, 6, 5, seed=0)
    data = Prepared(problem_of(split), {"train": split, "val": split})
    fitted = fit_linear("BCE", [{}], data, Protocol(epochs=1, precision="float64"), 0)
    assert fitted.candidates[0].distribution() is None
