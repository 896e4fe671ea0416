"""The shared loop: clipping, stacking, tracing, selection, noise, determinism."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from functools import cache

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench import methods
from bench.job.fit_linear import fit_linear, stacked_positions
from bench.job.inputs import Prepared
from bench.job.selection import select
from bench.methods.api import Batch, LinearMethod, Problem, Split
from bench.protocol import Protocol
from bench.training import loop
from bench.training import stack as stacking
from bench.training import step as training_step
from bench.training.clipping import NormQueue
from bench.training.seeding import Streams, stream_seed
from tests.conftest import problem_of, random_split

OPTIONS = training_step.LoopOptions(epochs=6, batch_size=16)
CLOCK = torch.ones(()), torch.zeros(())


def models(name: str, data: Split, points: list[dict], seed: int = 0) -> list[LinearMethod]:
    made = []
    for point in points:
        torch.manual_seed(seed)
        module = methods.create(name, problem_of(data), **point)
        assert isinstance(module, LinearMethod)
        loop.initialise_classifier(module, seed)
        made.append(module.double())
    return made


@pytest.fixture
def data() -> Split:
    return random_split(100, 8, 6, 0)


@pytest.fixture
def validation() -> Split:
    return random_split(40, 8, 6, 1)


def test_clip_equals_the_released_queue() -> None:
    """Against a plain deque and torch's own clip factor, model by model."""
    generator = torch.Generator().manual_seed(0)
    norms = torch.rand(40, 3, generator=generator, dtype=torch.float64) * torch.tensor([0.01, 1.0, 50.0])
    queue = NormQueue(3, torch.device("cpu"), torch.float64)
    plain = [deque([float("inf")], maxlen=5) for _ in range(3)]
    for step in norms:
        factor = queue.scale(step)
        for k in range(3):
            largest = max(plain[k])
            expected = min(1.0, 5 * largest / (step[k].item() + 1e-6))
            assert factor[k].item() == pytest.approx(expected)
            plain[k].append(min(step[k].item(), 2 * largest, 1.0))
            assert sorted(plain[k])[: len(plain[k])] == pytest.approx(
                sorted(value for value in queue.norms[k].tolist() if value > -float("inf"))
            )


def plain_training(
    module: LinearMethod,
    data: Split,
    validation: Split,
    options: training_step.LoopOptions,
    seed: int,
    extra: dict[str, torch.Tensor],
) -> dict:
    """The same protocol in plain PyTorch: one model, torch's default AdamW, clip_grad_norm_, a deque."""
    weights = [value for name, value in module.named_parameters() if "bias" not in name]
    biases = [value for name, value in module.named_parameters() if "bias" in name]
    optimiser = torch.optim.AdamW(
        [{"params": weights, "weight_decay": 1e-4}, {"params": biases, "weight_decay": 1e-2}],
        lr=1e-3,
        amsgrad=True,
        foreach=False,
    )
    queue: deque = deque([float("inf")], maxlen=5)
    best, kept, chosen = 1.0, None, 0
    for epoch in range(1, options.epochs + 1):
        for index in Streams(seed, "classifier").shuffled_batches(len(data.x), options.batch_size, epoch):
            x, y = data.x[index], data.y[index].to(data.x.dtype)
            optimiser.zero_grad()
            rows = {name: value[index] for name, value in extra.items()}
            module.objective(Batch(x, y, module.classifier(x), rows)).backward()
            parameters = [value for value in module.parameters() if value.grad is not None]
            norm = nn.utils.clip_grad_norm_(parameters, 5 * max(queue))
            queue.append(min(float(norm), 2 * max(queue), 1.0))
            optimiser.step()
        logits = module.classifier(data.x).detach()
        for name, renewed in module.after_epoch(data, extra, logits, epoch, options.epochs).items():
            module.register_buffer(name, renewed)
        predicted = module.classifier(validation.x) > module.decision_threshold
        wrong = (predicted != (validation.y > 0)).double().mean().item()
        if wrong < best:
            best, chosen = wrong, epoch
            kept = {name: value.detach().clone() for name, value in module.named_parameters()}
    assert kept is not None
    return {"parameters": kept, "epoch": chosen, "hamming": best}


@pytest.mark.parametrize("name", ["BCE", "R-FL", "DB", "BS", "FLEM-D", "FLEM-T", "FLEM-S", "EM+APL"])
def test_loop_equals_plain_pytorch(name: str, data: Split, validation: Split) -> None:
    # In g some bias before a batch normalisation can have a gradient of exactly zero, whose rounding Adam blows up to
    # full steps: FLEM's trajectories are compared in the classifier, and less tightly.
    tolerance = 1e-6 if name.startswith("FLEM") else 1e-12
    observed = {}
    if methods.info(name).family == "partial labels":
        known = torch.rand(data.y.shape, generator=torch.Generator().manual_seed(5)) < 0.4
        data, observed = Split(data.x, data.y * known, known), {"observed": known.double()}
    made = models(name, data, [{}, {}])
    extra = made[0].prepare(data, None)  # type: ignore[arg-type]
    trained = loop.train(made, data, validation, OPTIONS, seed=4, extra=extra)
    for k, module in enumerate(models(name, data, [{}, {}])):
        plain = plain_training(module, data, validation, OPTIONS, seed=4, extra=extra | observed)
        assert trained.epochs[k] == plain["epoch"]
        assert trained.values[k] == plain["hamming"]
        for key in ("classifier.weight", "classifier.bias"):
            torch.testing.assert_close(trained.parameters[key][k], plain["parameters"][key], atol=tolerance, rtol=0)


@pytest.mark.parametrize("name", [name for name in methods.names() if methods.info(name).gradient])
@pytest.mark.parametrize("traced", [False, True])
def test_one_step_of_a_stack_is_autograd_on_each_module(
    name: str, traced: bool, data: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stacking, "CALLS_BEFORE_RECORDING", 0 if traced else 10**9)
    numeric = {key: value for key, value in methods.info(name).defaults.items() if isinstance(value, float)}
    points = [{}, {key: 1.3 * value + 0.02 for key, value in numeric.items()}, {}]
    made = models(name, data, points)
    stack = stacking.Stack(made, linear=True, stackable=True, device=data.x.device, dtype=data.x.dtype)
    y = data.y.double()
    # what a method's prepare would return
    noise = torch.Generator().manual_seed(4)
    names = ("target", "weight", "start")
    extra = {name: torch.rand(y.shape, generator=noise, dtype=y.dtype) for name in names}
    extra["row"] = torch.arange(len(y))
    losses, gradients = stack.losses_and_gradients(data.x, y, extra, CLOCK)
    for k, module in enumerate(made):
        module.zero_grad()
        loss = module.objective(Batch(data.x, y, module.classifier(data.x), extra))
        loss.backward()
        assert losses[k].item() == pytest.approx(loss.item(), abs=1e-12)
        for gradient, parameter in zip(gradients, module.parameters(), strict=True):
            expected = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            torch.testing.assert_close(gradient[k], expected, atol=1e-12, rtol=1e-9)


GRID = [{"alpha": a, "beta": b} for a in (1e-4, 1e-3, 1e-2, 1e-1) for b in (1e-4, 1e-3, 1e-2, 1e-1)]


SHORT = replace(OPTIONS, epochs=3)


@cache
def grid_of_16(labels: int) -> loop.Trained:
    """The grid trained in one stack."""
    data, validation = random_split(100, 8, labels, 0), random_split(40, 8, labels, 1)
    return loop.train(models("FLEM-D", data, GRID), data, validation, SHORT, seed=0)


@pytest.mark.parametrize("labels", [6, 8])
@pytest.mark.parametrize("size", [1, 2, 5, 16])
def test_grid_of_16_whatever_the_stack_size(labels: int, size: int) -> None:
    data, validation = random_split(100, 8, labels, 0), random_split(40, 8, labels, 1)
    if not rounds_alike(size, data):
        pytest.skip("this processor's products round by a stack's size, which training FLEM magnifies")
    whole = grid_of_16(labels)
    for start in range(0, 16, size):
        part = loop.train(models("FLEM-D", data, GRID[start : start + size]), data, validation, SHORT, seed=0)
        for k in range(len(part.epochs)):
            assert part.epochs[k] == whole.epochs[start + k]
            one, other = part.parameters, whole.parameters
            first = F.linear(validation.x, one["classifier.weight"][k], one["classifier.bias"][k])
            second = F.linear(validation.x, other["classifier.weight"][start + k], other["classifier.bias"][start + k])
            torch.testing.assert_close(first, second, atol=1e-10, rtol=0)


def rounds_alike(size: int, data: Split) -> bool:
    """Whether this machine gives stacks of ``size`` classifiers the bits that it gives all 16 in one.

    MKL does on Intel's processors; on AMD's only where the rows are a multiple of four, and not always to a model
    alone, whose gradient lies transposed in memory.
    """
    weight = torch.randn(16, data.y.shape[1], data.x.shape[1], dtype=data.x.dtype)
    batches = data.x.split(OPTIONS.batch_size)
    parts = weight.split(size)
    return all(
        torch.equal(torch.cat(found), expected)
        for x in batches
        for found, expected in zip(
            zip(*(product_and_gradient(part, x) for part in parts), strict=True),
            product_and_gradient(weight, x),
            strict=True,
        )
    )


def product_and_gradient(weight: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    weight = weight.clone().requires_grad_()
    logits = stacking.stacked_linear(weight, None, x)
    (gradient,) = torch.autograd.grad(logits.sigmoid().square().sum(), weight)
    return logits, gradient


def test_traced_steps_equal_untraced_ones(data: Split, validation: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    points = [{"alpha": 0.1}, {"alpha": 0.01}]
    results = []
    for calls in (0, 10**9):
        monkeypatch.setattr(stacking, "CALLS_BEFORE_RECORDING", calls)
        results.append(loop.train(models("FLEM-T", data, points), data, validation, OPTIONS, seed=0))
    for key, value in results[0].parameters.items():
        assert torch.equal(value, results[1].parameters[key])


@pytest.mark.parametrize("optimiser", ["adamw", "adam"])
def test_the_fit_that_methods_get_is_torchs_optimiser_without_clipping(optimiser: str, data: Split) -> None:
    """On whole batches, so that their order does not matter; the gradients are large enough for a clip to show, and at
    the end small enough for AMSGrad to."""
    from bench.job.build import shared_fit
    from bench.protocol import Protocol

    torch.manual_seed(0)
    network, plain = (torch.nn.Linear(data.x.shape[1], 3).double() for _ in range(2))
    plain.load_state_dict(network.state_dict())
    scales = [*torch.linspace(1, 9, 8).tolist(), *[1e-4] * 4]
    step = {"ours": 0, "plain": 0}

    def loss(module: torch.nn.Module, x: torch.Tensor, side: str) -> torch.Tensor:
        step[side] += 1
        return 100 * scales[step[side] - 1] * module(x).square().mean()

    fit = shared_fit(data, Protocol(precision="float64"), 0)
    decay = {"weight_decay": 0.3} if optimiser == "adam" else {}
    fit(network, lambda b: loss(network, b.x, "ours"), epochs=12, batch_size=len(data.x), optimiser=optimiser, **decay)
    assert not network.training
    if optimiser == "adam":
        reference = torch.optim.Adam(plain.parameters(), lr=1e-3, weight_decay=0.3)
    else:
        groups = [
            {"params": [plain.weight], "weight_decay": 1e-4},
            {"params": [plain.bias], "weight_decay": 1e-2},
        ]
        reference = torch.optim.AdamW(groups, lr=1e-3, amsgrad=True)
    for _ in range(12):
        reference.zero_grad()
        loss(plain, data.x, "plain").backward()
        reference.step()
    for one, other in zip(network.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=0)


@pytest.mark.parametrize("counted", ["epochs", "steps"])
def test_the_fits_learning_rate_and_its_schedule_are_torchs(counted: str, data: Split) -> None:
    """A rate of the network's own, which falls every 3 epochs, or every 3 of the 2 steps an epoch has."""
    from bench.job.build import shared_fit
    from bench.protocol import Protocol

    torch.manual_seed(0)
    network, plain = (torch.nn.Linear(data.x.shape[1], 3).double() for _ in range(2))
    plain.load_state_dict(network.state_dict())
    reference = torch.optim.Adam(plain.parameters(), lr=0.02)
    decay = torch.optim.lr_scheduler.StepLR(reference, 3, 0.5)
    half = (len(data.x) + 1) // 2
    steps = 0

    def objective(batch: Batch) -> torch.Tensor:
        """As a side effect, the same step of torch's optimiser on the same rows."""
        nonlocal steps
        reference.zero_grad()
        plain(batch.x).square().mean().backward()
        reference.step()
        steps += 1
        if counted == "steps" or steps % 2 == 0:
            decay.step()
        return network(batch.x).square().mean()

    def schedule(epoch: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
        return 0.5 ** ((epoch - 1 if counted == "epochs" else step) / 3).floor()

    fit = shared_fit(data, Protocol(precision="float64"), 0)
    fit(
        network,
        objective,
        epochs=9,
        batch_size=half,
        optimiser="adam",
        weight_decay=0.0,
        learning_rate=0.02,
        schedule=schedule,
    )
    assert steps == 18
    for one, other in zip(network.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-7, rtol=0)  # the rate is a float32 times a power of .5


def test_the_fit_keeps_the_methods_batch_size_and_the_protocols_minimum_of_steps(data: Split) -> None:
    from bench.job.build import shared_fit
    from bench.protocol import Protocol

    network = torch.nn.Linear(data.x.shape[1], 1).double()
    sizes: list[int] = []

    def objective(batch: Batch) -> torch.Tensor:
        sizes.append(len(batch.x))
        return network(batch.x).square().mean()

    rows = len(data.x)
    shared_fit(data, Protocol(), 0)(network, objective, epochs=2, batch_size=10)
    assert max(sizes) == 10
    assert sum(sizes) in (2 * rows, 2 * (rows - 1))
    sizes.clear()
    shared_fit(data, Protocol(minimum_steps=100), 0)(network, objective, epochs=2, batch_size=10)
    assert len(sizes) >= 100
    sizes.clear()
    shared_fit(data, Protocol(minimum_steps=100), 0)(network, objective, epochs=2, batch_size=rows, exact=True)
    assert sizes == [rows] * 2


class Noisy(LinearMethod):
    """A method that draws random numbers: dropout on a side network's input."""

    def __init__(self, problem: Problem, **hyperparameters: float) -> None:
        super().__init__(problem, **hyperparameters)
        self.side = nn.Linear(problem.n_features, problem.n_labels)

    def objective(self, batch: Batch) -> Tensor:
        guess = self.side(F.dropout(batch.x, 0.5, training=True))
        noisy = batch.z + self.strength * torch.randn_like(batch.y)
        return F.binary_cross_entropy_with_logits(noisy + guess, batch.y)


def test_noise_is_what_a_model_draws_alone(data: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stacked or alone, traced or not: the same draws, from a stream of the seed, the epoch and the step."""

    def trained(strengths: list[float], seed: int) -> dict[str, Tensor]:
        made = []
        for strength in strengths:
            torch.manual_seed(0)
            made.append(Noisy(problem_of(data), strength=strength).double())
        return loop.train(made, data, None, OPTIONS, seed=seed).parameters

    both = trained([0.5, 2.0], 0)
    for k, strength in enumerate((0.5, 2.0)):
        for key, value in trained([strength], 0).items():
            torch.testing.assert_close(both[key][k], value[0], atol=1e-10, rtol=0)
    torch.manual_seed(123)  # what went before does not matter
    monkeypatch.setattr(stacking, "CALLS_BEFORE_RECORDING", 0)
    for key, value in trained([0.5, 2.0], 0).items():
        assert torch.equal(both[key], value)
    assert not torch.equal(both["side.weight"], trained([0.5, 2.0], 1)["side.weight"])


class Deep(LinearMethod):
    """Linear layers in every shape: on the shared input, on a model's own values, on three dimensions, without bias."""

    def __init__(self, problem: Problem, **hyperparameters: float) -> None:
        super().__init__(problem, **hyperparameters)
        self.shared = nn.Linear(problem.n_features, 4)
        self.own = nn.Linear(4, problem.n_labels, bias=False)
        self.slots = nn.Linear(2, 3)

    def objective(self, batch: Batch) -> Tensor:
        guess = self.own(torch.tanh(self.shared(batch.x)))
        slots = self.slots(batch.x.reshape(len(batch.x), -1, 2)).sum((1, 2)).unsqueeze(1)
        return F.binary_cross_entropy_with_logits(batch.z + self.weight * (guess + slots), batch.y)


def test_linear_layers_of_every_shape_are_folded_rightly(data: Split) -> None:
    made = []
    for k in range(3):
        torch.manual_seed(k)
        made.append(Deep(problem_of(data), weight=0.5 + k).double())
    stack = stacking.Stack(made, linear=True, stackable=True, device=data.x.device, dtype=data.x.dtype)
    _, gradients = stack.losses_and_gradients(data.x, data.y.double(), {}, CLOCK)
    for k, module in enumerate(made):
        module.objective(Batch(data.x, data.y.double(), module.classifier(data.x))).backward()
        for gradient, parameter in zip(gradients, module.parameters(), strict=True):
            torch.testing.assert_close(gradient[k], parameter.grad, atol=1e-12, rtol=1e-9)


class Alone(LinearMethod):
    """A method with a branch on data, which cannot be stacked."""

    stackable = False

    def objective(self, batch: Batch) -> Tensor:
        loss = F.binary_cross_entropy_with_logits(batch.z, batch.y)
        return loss * 2 if loss.item() > 0.5 else loss


def test_methods_that_cannot_be_stacked_train_alone(data: Split, validation: Split) -> None:
    made = Alone(problem_of(data)).double()
    loop.initialise_classifier(made, 0)
    trained = loop.train([made], data, validation, OPTIONS, seed=0)
    assert trained.epochs[0] > 0
    with pytest.raises(ValueError, match="cannot be stacked"):
        loop.train([made, made], data, validation, OPTIONS, seed=0)


def test_flem_i_with_separate_clip_is_bce_bit_for_bit(data: Split, validation: Split) -> None:
    for clip in ("separate", "none"):
        options = training_step.LoopOptions(epochs=20, batch_size=16, clip=clip)
        bce = loop.train(models("BCE", data, [{}]), data, validation, options, seed=0)
        flem = loop.train(models("FLEM-I", data, [{}]), data, validation, options, seed=0)
        assert bce.epochs == flem.epochs
        for key in ("classifier.weight", "classifier.bias"):
            assert torch.equal(bce.parameters[key], flem.parameters[key])


def test_joint_clip_couples_the_networks(data: Split) -> None:
    """With the summed threshold loss g's norm is large and clips f's step: then FLEM-I's kind of run is not BCE."""
    options = training_step.LoopOptions(epochs=10, batch_size=16, clip="joint")
    point = {"alpha": 0.5, "beta": 0.0}
    bce = loop.train(models("BCE", data, [{}]), data, None, options, seed=0)
    flem = loop.train(models("FLEM-T", data, [point]), data, None, options, seed=0)
    assert not torch.equal(bce.parameters["classifier.weight"], flem.parameters["classifier.weight"])


def test_parameters_of_training_rows_are_in_no_group_of_the_clip() -> None:
    names = ["estimate", "classifier.weight", "classifier.bias", "side.weight"]
    assert training_step.clip_groups(names, "joint", ("estimate",)) == [[1, 2, 3]]
    assert training_step.clip_groups(names, "separate", ("estimate",)) == [[1, 2], [3]]
    assert training_step.clip_groups(names, "none", ("estimate",)) == []
    assert training_step.clip_groups(names, "joint") == [[0, 1, 2, 3]]


def test_last_batch_of_one_row_is_dropped() -> None:
    sizes = [len(batch) for batch in Streams(0, "classifier").shuffled_batches(129, 64, 1)]
    assert sizes == [64, 64]
    assert [len(batch) for batch in Streams(0, "classifier").shuffled_batches(130, 64, 1)] == [64, 64, 2]
    assert [len(batch) for batch in Streams(0, "classifier").shuffled_batches(1, 64, 1)] == [1]
    whole = torch.cat(Streams(0, "classifier").shuffled_batches(130, 64, 1))
    assert sorted(whole.tolist()) == list(range(130))
    assert not torch.equal(whole, torch.cat(Streams(0, "classifier").shuffled_batches(130, 64, 2)))


def test_streams_are_fixed_numbers() -> None:
    """Records of different versions of the harness are comparable only while these stay."""
    assert stream_seed(0, "classifier", "initialisation") == 8400843437865340767
    assert stream_seed(1, "classifier", "shuffle", 1) == 4224600067466384653


def test_every_batch_of_every_epoch_draws_other_noise() -> None:
    def noise(epoch: int, number: int, seed: int = 0, stage: str = "classifier") -> float:
        with torch.random.fork_rng(devices=[]):
            Streams(seed, stage).seed_noise(epoch, number, torch.device("cpu"))
            return float(torch.rand(()))

    drawn = [noise(1, 0), noise(1, 1), noise(2, 0), noise(1, 0, seed=1), noise(1, 0, stage="recovery network")]
    assert len(set(drawn)) == 5
    assert noise(1, 1) == drawn[1]


def test_divergence_names_the_epoch(data: Split, validation: Split) -> None:
    class Diverging(LinearMethod):
        def objective(self, batch: Batch) -> Tensor:
            return self.scale * F.binary_cross_entropy_with_logits(batch.z, batch.y)

    with pytest.raises(loop.DivergedError, match="no longer finite in epoch 1 of 6"):
        loop.train([Diverging(problem_of(data), scale=float("nan")).double()], data, validation, OPTIONS, seed=0)
    healthy = loop.train(
        [Diverging(problem_of(data), scale=scale).double() for scale in (1.0, float("nan"))],
        data,
        validation,
        OPTIONS,
        seed=0,
    )
    assert healthy.diverged == [None, 1]
    assert healthy.epochs[1] == 0


def test_a_loss_that_is_not_finite_is_divergence_though_the_gradients_are_finite(data: Split) -> None:
    class Infinite(LinearMethod):
        def objective(self, batch: Batch) -> Tensor:
            return F.binary_cross_entropy_with_logits(batch.z, batch.y) + self.offset

    made = [Infinite(problem_of(data), offset=offset).double() for offset in (0.0, float("inf"))]
    assert loop.train(made, data, None, OPTIONS, seed=0).diverged == [None, 1]


def test_a_late_divergence_keeps_what_was_good_alone_or_in_company(data: Split, validation: Split) -> None:
    class Late(LinearMethod):
        """Breaks when a batch's loss falls below a limit."""

        def objective(self, batch: Batch) -> Tensor:
            loss = F.binary_cross_entropy_with_logits(batch.z, batch.y)
            return loss / (loss >= self.limit).to(loss.dtype)

    def trained(limits: list[float]) -> loop.Trained:
        made = [Late(problem_of(data), limit=limit).double() for limit in limits]
        for module in made:
            loop.initialise_classifier(module, 0)
        return loop.train(made, data, validation, training_step.LoopOptions(epochs=60, batch_size=100), seed=0)

    limit = trained([0.0]).losses[0][30]
    both, alone = trained([limit, 0.0]), trained([limit])
    assert both.diverged[0] is not None
    assert both.diverged[1] is None
    assert 0 < both.epochs[0] == alone.epochs[0] < both.diverged[0]
    for key, value in alone.parameters.items():
        assert value.isfinite().all()
        torch.testing.assert_close(both.parameters[key][0], value[0], atol=1e-10, rtol=0)


def test_side_networks_train_by_the_same_loop(data: Split) -> None:
    torch.manual_seed(0)
    network = nn.Linear(8, 6).double()

    def objective(batch: Batch) -> Tensor:
        return F.mse_loss(network(batch.x), batch.y)

    def loss() -> float:
        return F.mse_loss(network(data.x), data.y.double()).item()

    before = loss()
    loop.train_module(
        network, objective, data, training_step.LoopOptions(epochs=30, clip="none"), Streams(0, "recovery")
    )
    assert loss() < before


def test_stacks_side_by_side_equal_one_after_another(data: Split, validation: Split) -> None:
    prepared = Prepared(problem_of(data), {"train": data, "val": validation})
    points = [methods.options("FL", methods.info("FL").defaults, {"gamma": gamma}) for gamma in (0.0, 1.0, 2.0)]
    protocol = Protocol(epochs=3, batch_size=16, stack=2, precision="float64")
    alone, together = (fit_linear("FL", points, prepared, protocol, 0, processes=count) for count in (1, 2))
    assert alone.stacks == together.stacks == [2, 1]
    for first, second in zip(alone.candidates, together.candidates, strict=True):
        assert first.losses == second.losses
        assert torch.equal(first.parameters["classifier.weight"], second.parameters["classifier.weight"])


def test_selection_breaks_ties_by_ranking_loss_then_order() -> None:
    values = [
        {"hamming": 0.2, "ranking": 0.1},
        {"hamming": 0.1, "ranking": 0.3},
        {"hamming": 0.1, "ranking": 0.2},
        {"hamming": 0.1, "ranking": 0.2},
    ]
    assert select(values, [True] * 4) == 2
    assert select(values, [True, True, False, False]) == 1


def test_points_that_differ_in_text_are_not_stacked() -> None:
    points = [{"a": 1.0, "mode": "x"}, {"a": 2.0, "mode": "y"}, {"a": 3.0, "mode": "x"}, {"a": 4.0, "mode": "x"}]
    assert stacked_positions(points, 16) == [[0, 2, 3], [1]]
    assert stacked_positions(points, 2) == [[0, 2], [3], [1]]
