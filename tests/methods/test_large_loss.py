"""Large-loss methods: values and gradients of the authors' code, the released traps, k, and corrections for good."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from bench import methods
from bench.job.fit_linear import fit_linear
from bench.job.inputs import Prepared
from bench.methods.api import Batch, LinearMethod, Problem, Split
from bench.methods.large_loss import PermanentCorrection, taken
from bench.protocol import Protocol
from bench.training import loop
from bench.training.checkpoint import Checkpoints
from bench.training.stack import Stack
from bench.training.step import LoopOptions
from tests.conftest import problem_of, random_split

NAMES = ("LL-R", "LL-Ct", "LL-Cp")
PARTLY = ("labels_observed", "labels_edge_observed", "labels_single", "labels_edge_single")
SETS = ("labels", "labels_edge", *PARTLY)
DELTAS = (0.001, 0.002, 0.003, 0.004, 0.005)
RELEASED = [
    *[f"{scheme}_delta0.1_epoch{epoch}" for scheme in ("ll_r", "ll_ct", "ll_cp") for epoch in (1, 2, 4)],
    "ll_r_delta0.002_epoch2",
    "ll_r_delta0.002_epoch10",
]
CHOSEN = [
    f"chosen_{scheme}_delta{delta}_epoch{epoch}"
    for scheme in ("ll_r", "ll_ct")
    for delta, epoch in ((0.1, 1), (0.1, 2), (0.1, 4), (0.3, 4))
]
TRAPS = [f"{scheme}_released_trap_all_observed" for scheme in ("ll_r", "ll_ct")]


def matrix(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def made(name: str, y: Tensor, delta: float) -> LinearMethod:
    method = methods.create(name, Problem("golden", len(y), 1, y.shape[1], y.sum(0)), delta=delta)
    assert isinstance(method, LinearMethod)
    return method.double()


def batch_of(y: Tensor, observed: Tensor | None, z: Tensor, epoch: int, epochs: int = 10) -> Batch:
    extra = {"row": torch.arange(len(y))} | ({} if observed is None else {"observed": observed})
    return Batch(x=z.new_zeros(len(y), 1), y=y, z=z, extra=extra, epoch=torch.tensor(float(epoch)), epochs=epochs)


def labels_and_mask(golden: dict, name: str) -> tuple[Tensor, Tensor]:
    labels, mask = golden["inputs"]["sets"][name]
    y = matrix(golden["inputs"][labels])
    known = torch.ones_like(y) if mask == "all ones" else matrix(golden["inputs"][mask])
    return y * known, known


def test_every_golden_case_is_here(golden_2026: dict) -> None:
    cases = [case for case in golden_2026["losses"] if case.startswith(("ll_", "chosen_ll_"))]
    assert sorted(cases) == sorted([*RELEASED, *CHOSEN, *TRAPS])


@pytest.mark.parametrize(
    ("case", "labels"),
    [*[(case, labels) for case in RELEASED for labels in PARTLY], *[(c, labels) for c in CHOSEN for labels in SETS]],
)
def test_value_and_gradient(golden_2026: dict, case: str, labels: str) -> None:
    entry = golden_2026["losses"][case]
    args, expected = entry["args"], entry["out"][labels]
    y, known = labels_and_mask(golden_2026, labels)
    z = matrix(golden_2026["inputs"]["logits"]).requires_grad_()
    method = made(args["mod_scheme"], y, args["delta_rel"])
    observed = None if bool(known.all()) and labels == "labels" else known  # with and without a mask of ones
    loss = method.objective(batch_of(y, observed, z, args["epoch"]))
    loss.backward()
    assert loss.item() == pytest.approx(expected["value"], abs=1e-9)
    torch.testing.assert_close(z.grad, matrix(expected["grad_logits"]), atol=1e-9, rtol=0)
    if "unobserved_loss" in expected:
        unknown = torch.where(known == 0, F.softplus(z.detach()), 0)
        torch.testing.assert_close(unknown, matrix(expected["unobserved_loss"]), atol=1e-9, rtol=0)
    if "kth_value" in expected and unknown.count_nonzero() >= expected["k"]:
        assert unknown.flatten().sort(descending=True).values[expected["k"] - 1].item() == pytest.approx(
            expected["kth_value"], abs=1e-9
        )
    if "correction_idx" in expected:
        for_good = method.corrected if isinstance(method, PermanentCorrection) else None
        rows, columns = expected["correction_idx"]
        assert for_good is None or for_good.nonzero().tolist() == [
            list(cell) for cell in zip(rows, columns, strict=True)
        ]


@pytest.mark.parametrize("labels", ["labels", "labels_edge"])
@pytest.mark.parametrize("case", TRAPS)
def test_known_labels_are_never_dropped_or_inverted(golden_2026: dict, case: str, labels: str) -> None:
    """The release does so where the batch has fewer unknown entries than k."""
    entry = golden_2026["losses"][case]
    assert entry["match"] is False
    y, known = labels_and_mask(golden_2026, labels)
    z = matrix(golden_2026["inputs"]["logits"])
    for observed in (None, known):
        loss = made(entry["args"]["mod_scheme"], y, 0.1).objective(batch_of(y, observed, z, 2))
        assert loss.item() == pytest.approx(F.binary_cross_entropy_with_logits(z, y).item(), abs=1e-12)
        assert loss.item() != pytest.approx(entry["out"][labels]["value"], abs=1e-3)


def naive_loss(name: str, y: Tensor, known: Tensor, z: Tensor, k: int) -> float:
    """Entry by entry: unknown ones sorted by their loss, the k-th and all that are not smaller changed."""
    rows, labels = y.shape
    cells = [(i, j) for i in range(rows) for j in range(labels)]
    loss = {(i, j): math.log1p(math.exp(z[i, j])) - y[i, j].item() * z[i, j].item() for i, j in cells}
    unknown = sorted((loss[cell] for cell in cells if known[cell] == 0), reverse=True)
    limit = unknown[min(k, len(unknown)) - 1] if k and unknown else math.inf
    for cell in cells:
        if known[cell] == 0 and loss[cell] >= limit:
            loss[cell] = 0 if name == "LL-R" else math.log1p(math.exp(-z[cell]))
    return sum(loss.values()) / len(cells)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["LL-R", "LL-Ct"])
def test_models_of_a_stack_each_have_their_own_k(name: str, seed: int) -> None:
    """Under vmap, with ties, against a naive loop; the last k is more than there are unknown labels."""
    torch.manual_seed(seed)
    y = (torch.rand(9, 4) < 0.4).double()
    known = (torch.rand(9, 4) < 0.5).double()
    y = y * known
    x = torch.randint(-2, 3, (9, 2)).double()
    deltas = (0.001, 0.05, 0.1, 0.5)
    modules = [made(name, y, delta) for delta in deltas]
    weight = torch.randint(-2, 3, (4, 2)).double()
    for module in modules:
        module.classifier = torch.nn.Linear(2, 4).double()
        with torch.no_grad():
            module.classifier.weight.copy_(weight)
            module.classifier.bias.zero_()
    stack = Stack(modules, linear=True, stackable=True, device=y.device, dtype=y.dtype, epochs=10)
    clock = torch.tensor(4.0), torch.zeros(())
    losses, gradients = stack.losses_and_gradients(x, y, {"observed": known}, clock)
    for number, delta in enumerate(deltas):
        k = math.ceil(Fraction(36 * 3) * Fraction(str(delta)))
        assert losses[number].item() == pytest.approx(naive_loss(name, y, known, x @ weight.T, k), abs=1e-12)
    assert all(bool(value.isfinite().all()) for value in gradients)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("epochs", [2, 10, 30, 77])
def test_k_is_the_exact_integer_for_all_sizes_and_epochs(epochs: int, dtype: torch.dtype) -> None:
    """In integers, for every batch of up to 20000 entries; delta is stored in the precision of training."""
    sizes = torch.arange(1, 20001)
    n = sizes.numpy()
    for thousandths, delta in enumerate(DELTAS, 1):
        for epoch in range(1, epochs + 1):
            given = torch.tensor(delta, dtype=dtype), sizes, epochs, torch.tensor(epoch - 1.0)
            found = taken(*given)  # type: ignore[arg-type]
            assert (found.numpy() == -(-n * (epoch - 1) * 9 * thousandths // (1000 * (epochs - 1)))).all()
    for size in (30, 320, 1280, 19999):
        for epoch in range(1, epochs + 1):
            d = Fraction("0.002") * 9 / (epochs - 1)
            assert _k(torch.tensor(0.002, dtype=dtype), size, epochs, torch.tensor(float(epoch))).item() == math.ceil(
                size * (epoch - 1) * d
            )


def _k(delta: Tensor, entries: int, epochs: int, epoch: Tensor) -> Tensor:
    return taken(delta, entries, epochs, epoch - 1)


def test_as_many_are_taken_in_the_last_epoch_as_in_the_papers_tenth() -> None:
    for epochs in (2, 10, 30, 100):
        for n in (320, 1280, 20000):
            for delta in DELTAS:
                last = _k(torch.tensor(delta), n, epochs, torch.tensor(float(epochs)))
                assert last.item() == _k(torch.tensor(delta), n, 10, torch.tensor(10.0)).item()
    assert _k(torch.tensor(0.002), 64 * 20, 30, torch.tensor(2.0)).item() == 1
    assert _k(torch.tensor(0.002), 64 * 20, 30, torch.tensor(1.0)).item() == 0
    assert _k(torch.tensor(0.002), 64 * 20, 1, torch.tensor(1.0)).item() == 0  # one epoch


def test_permanent_correction_takes_as_many_in_every_epoch_and_all_but_the_last_for_good() -> None:
    y, known = torch.zeros(5, 4).double(), torch.zeros(5, 4).double()
    y[0, 0] = known[0, 0] = 1
    z = torch.arange(20.0).reshape(5, 4).double()
    method = made("LL-Cp", y, 0.15)
    assert isinstance(method, PermanentCorrection)
    plain = F.binary_cross_entropy_with_logits(z, y).item()
    assert method.objective(batch_of(y, known, z, 1)).item() == plain
    assert not method.corrected.any()
    method.objective(batch_of(y, known, z, 2))  # three of the twenty
    assert method.corrected.nonzero().tolist() == [[4, 2], [4, 3]]
    corrected = y.clone()
    corrected[4] = torch.tensor([0, 1, 1, 1])  # the k-th of now are the three below those that are positive for good
    corrected[4, 0] = corrected[3, 3] = 1
    assert method.objective(batch_of(y, known, z, 9)).item() == pytest.approx(
        F.binary_cross_entropy_with_logits(z, corrected).item()
    )
    assert method.corrected.nonzero().tolist() == [[4, 0], [4, 1], [4, 2], [4, 3]]
    alone = made("LL-Cp", y, 0.05)  # k = 1
    alone.objective(batch_of(y, known, z, 2))
    assert not alone.corrected.any()  # type: ignore[union-attr]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("known", ["nothing", "everything"])
@pytest.mark.parametrize("kind", ["none", "full", "mixed"])
@pytest.mark.parametrize("rows", [1, 4])
def test_finite_in_every_corner(name: str, known: str, kind: str, rows: int) -> None:
    y = {"none": torch.zeros(rows, 3), "full": torch.ones(rows, 3), "mixed": torch.eye(4, 3)[:rows]}[kind].double()
    observed = torch.ones_like(y) if known == "everything" else torch.zeros_like(y)
    y = y * observed
    modules = [made(name, y, delta) for delta in ((0.3,) if name == "LL-Cp" else (0.3, 0.001))]
    stack = Stack(modules, linear=True, stackable=name != "LL-Cp", device=y.device, dtype=y.dtype, epochs=10)
    extra = {"row": torch.arange(rows), "observed": observed}
    for epoch in (1.0, 2.0, 10.0):
        clock = torch.tensor(epoch), torch.zeros(())
        losses, gradients = stack.losses_and_gradients(torch.full((rows, 1), 40.0).double(), y, extra, clock)
        assert all(bool(value.isfinite().all()) for value in (losses, *gradients))


def single_positive(rows: int = 200) -> Prepared:
    """Rows of which one positive is known, with validation rows that are wholly known."""
    data, validation = random_split(rows, 8, 6, 0), random_split(100, 8, 6, 1)
    drawn = data.y * torch.rand(data.y.shape, generator=torch.Generator().manual_seed(0))
    one = (drawn == drawn.amax(1, keepdim=True)) & (data.y > 0)
    return Prepared(problem_of(data), {"train": Split(data.x, data.y * one, one), "val": validation})


def test_the_loop_says_how_many_epochs_there_are() -> None:
    seen = []

    class Noted(LinearMethod):
        stackable = False

        def objective(self, batch: Batch) -> Tensor:
            seen.append((int(batch.epoch), batch.epochs))
            return F.binary_cross_entropy_with_logits(batch.z, batch.y)

    data = random_split(20, 3, 2, 0)
    loop.train([Noted(problem_of(data)).double()], data, None, LoopOptions(epochs=3, batch_size=20), 0)
    assert seen == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("name", NAMES)
def test_a_grid_trains_as_its_points_do_alone(name: str) -> None:
    """And without unknown labels as binary cross-entropy does."""
    data = single_positive()
    protocol = Protocol(epochs=8, batch_size=16, precision="float64")
    points = [{"delta": delta} for delta in (0.005, 0.02, 0.05)]
    together = fit_linear(name, points, data, protocol, 0)
    assert together.stacks == ([1, 1, 1] if name == "LL-Cp" else [3])
    losses = []
    for point, candidate in zip(points, together.candidates, strict=True):
        (alone,) = fit_linear(name, [point], data, protocol, 0).candidates
        assert alone.losses == pytest.approx(candidate.losses, abs=1e-10)
        losses.append(alone.losses)
    (plain,) = fit_linear("BCE", [{}], data, protocol, 0).candidates
    assert all(found[0] == pytest.approx(plain.losses[0]) for found in losses)
    assert all(found[-1] != pytest.approx(plain.losses[-1], abs=1e-4) for found in losses)
    whole = Prepared(data.problem, {"train": random_split(200, 8, 6, 0), "val": data.splits["val"]})
    (all_known,) = fit_linear(name, points[:1], whole, protocol, 0).candidates
    (plain,) = fit_linear("BCE", [{}], whole, protocol, 0).candidates
    assert all_known.losses == pytest.approx(plain.losses, abs=1e-10)


class Stopped(Exception):
    pass


@pytest.mark.parametrize("name", ["LL-Cp", "ROLE"])
def test_what_is_learned_of_the_rows_outlives_a_stop(name: str, tmp_path: Any) -> None:
    """Corrected labels and estimates are in the checkpoint: the training goes on to the same numbers."""
    data, protocol = single_positive(), Protocol(epochs=9, batch_size=16)
    point = dict(methods.info(name).defaults) | ({"delta": 0.05} if name == "LL-Cp" else {})
    whole = fit_linear(name, [point], data, protocol, 0).candidates[0]
    checkpoints = Checkpoints(tmp_path / "c", "identity", seconds=0)

    def stop(what: str, done: int, total: int) -> None:
        if done == 6:
            raise Stopped

    with pytest.raises(Stopped):
        fit_linear(name, [point], data, protocol, 0, stop, 1, checkpoints.of)
    epochs = []
    resumed = fit_linear(
        name, [point], data, protocol, 0, lambda what, done, total: epochs.append(done), 1, checkpoints.of
    ).candidates[0]
    assert epochs[0] == 6
    assert (resumed.losses, resumed.hamming, resumed.epoch) == (whole.losses, whole.hamming, whole.epoch)
    assert resumed.parameters.keys() == {"classifier.weight", "classifier.bias"}
    for key, value in whole.parameters.items():
        assert torch.equal(value, resumed.parameters[key])


def test_permanent_corrections_are_never_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    """A recording would hold the buffer's first values; stacked by force, the loop notices that it is written."""
    data = single_positive().splits["train"]
    x, y = data.x[:, :1], data.y.double()
    extra = {"row": torch.arange(len(y)), "observed": data.observed.double()}  # type: ignore[union-attr]
    for forced in (False, True):
        stack = Stack([made("LL-Cp", y, 0.05)], linear=True, stackable=forced, device=x.device, dtype=x.dtype)
        assert stack.records == forced
        for _ in range(5):
            stack.losses_and_gradients(x, y, extra, (torch.tensor(2.0), torch.zeros(())))
        assert not stack.records
        assert ("keeps state between steps" in capsys.readouterr().err) == forced
