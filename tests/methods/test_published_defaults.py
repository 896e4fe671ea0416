"""Every default of every method, and every constant that is no option, is the published one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench import methods
from bench.methods import conle, flem, leic, levi, lible, linear_svm, losses, per_label, smile, valen
from bench.methods.api import Batch, Method, Problem, Split
from bench.methods.class_balanced import ClassBalanced
from bench.methods.enhancement.networks import BatchNorm, ResidualBlock
from bench.methods.glle import GLLE
from bench.methods.kernel_membership import KernelMembership
from bench.methods.large_loss import taken
from bench.training.loop import initialise_classifier
from tests.conftest import problem_of, random_split
from tests.published_defaults import CONSTANTS, DEFAULTS, GRIDS, WITHOUT_OPTIONS, Constant, Default

BUILT_IN = [name for name, info in methods.infos().items() if info.origin == "built-in"]


@pytest.mark.parametrize("row", DEFAULTS, ids=lambda row: f"{row.method} {row.option}")
def test_default_is_the_published_one(row: Default) -> None:
    found = methods.infos()[row.method].defaults[row.option]
    assert (found, type(found)) == (row.value, type(row.value))
    assert row.source


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_default_and_grid_is_in_the_table(name: str) -> None:
    listed = [row.option for row in DEFAULTS if row.method == name]
    assert len(listed) == len(set(listed))
    assert set(listed) == set(methods.infos()[name].defaults), f"{name}: tests/published_defaults.py lacks an option"
    assert (name in WITHOUT_OPTIONS) == (not listed)
    assert methods.infos()[name].grid == GRIDS.get(name, ({}, ""))[0]


def test_the_table_names_registered_methods_only() -> None:
    assert {row.method for row in DEFAULTS} | {*WITHOUT_OPTIONS, *GRIDS} == set(BUILT_IN)


# --- constants that are no options: measured where they bite ----------------------------------------------------------


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def double(*values: Any) -> Tensor:
    """A float64 tensor: a scalar of one number, a vector of several, a matrix of rows."""
    return torch.tensor(
        values[0] if len(values) == 1 and not isinstance(values[0], list) else values, dtype=torch.float64
    )


def problem(positives: list[float], dataset: str = "made", rows: int = 10, features: int = 2) -> Problem:
    return Problem(dataset, rows, features, len(positives), double(*positives))


def made(name: str, split: Split | None = None, **options: Any) -> Any:
    return methods.create(name, problem_of(split or random_split(20, 6, 5, seed=0)), **options)


def classifier() -> nn.Linear:
    module = methods.create("BCE", problem([1.0] * 50, features=400))
    assert isinstance(module, methods.method_class("BCE"))
    initialise_classifier(module, 0)
    return module.classifier


def thresholds_of_logits() -> float:
    own = {row.where for row in CONSTANTS if row.name == "threshold of its logits"}
    others = [name for name in BUILT_IN if methods.info(name).gradient and name not in own]
    (threshold,) = {methods.method_class(name).decision_threshold for name in others}
    return threshold


def least_probability() -> float:
    """From the loss on a positive whose probability is nearly 0."""
    batch = Batch(double([0.0]), double([1.0]), double([-1e3]))
    plain = made("APL", positive_linear=0.0, positive_quadratic=0.0)
    (loss,) = {float(method.double().objective(batch)) for method in (made("ASL"), plain)}
    return math.exp(-loss)


def class_balanced_count(n: float) -> float:
    """The n_j that a weight stands for, by solving w = (1 - .9) / (1 - .9^n)."""
    weight = float(losses.class_balanced_weight(double(n), 0.9))
    return math.log(1 - 0.1 / weight) / math.log(0.9)


def weight_of_an_empty_row() -> float:
    """From the loss on one row whose logits are 0: factor * weight * .5^gamma * ln 2."""
    method = methods.create("CB", problem([1.0, 5.0]), mode="average_w", gamma=0.0, factor=1.0, normalise=False)
    assert isinstance(method, ClassBalanced)
    zeros = torch.zeros(1, 2, dtype=torch.float64)
    return float(method.double().objective(Batch(zeros, zeros, zeros))) / math.log(2)


def rebalanced_count() -> float:
    """The n_j of a label without training positives beside one of 2: r = (1/n) / (1/n + 1/2), alpha = mu = 0."""
    y = torch.ones(1, 2, dtype=torch.float64)
    weight = losses.rebalanced_weight(y, double(0.0, 2.0), double(0.0), double(1.0), double(0.0))[0, 0]
    r = float(torch.logit(weight))
    return 2 / r - 2


def bias_odds(positives: float) -> float:
    """(N - n_j) / n_j that the bias stands for, N = 11."""
    return math.exp(-float(losses.negative_tolerant_bias(double(positives), 11, double(1.0))))


def clamp_of_interaction() -> float:
    """exp(-L_IN) where f and g are sure of the contrary of both labels, whose weights are 1 then."""
    method = made("FLEM-D").double()
    y, z = double([1.0, 0.0]), double([-100.0, 100.0])
    return math.exp(-float(method.interaction_loss(Batch(z, y, z), z)))


def slope_of_leaky_units() -> float:
    block = ResidualBlock(1, 1).double()
    with torch.no_grad():
        block.first.weight.fill_(1)
        block.second.weight.zero_()
        low, middle, high = block(double([-1e6], [0.0], [1e6])).flatten().tolist()
    return (middle - low) / (high - middle)


def epsilon_of_batch_normalisation() -> float:
    with torch.no_grad():
        out = float(BatchNorm(1).double()(double([-1e-3], [1e-3]))[1])
    return 1e-6 / out**2 - 1e-6


def fitted(name: str, split: Split, **options: Any) -> Any:
    method = methods.create(name, problem_of(split), **options)
    assert isinstance(method, Method)
    method.fit(split, seed=0)
    return method


def prior() -> float:
    y = torch.tensor([[1, 0]] * 3 + [[0, 1]] * 8, dtype=torch.int8)
    return float(fitted("ML-KNN", Split(torch.arange(22).view(11, 2).double(), y)).prior[0])


def rakel(**options: Any) -> list:
    return fitted("RAKEL", random_split(80, 5, 7, seed=0), **options).models


Fan = Callable[[nn.Linear], float]


def fan_in(layer: nn.Linear) -> float:
    return layer.in_features


def mean_fan(layer: nn.Linear) -> float:
    return (layer.in_features + layer.out_features) / 2


def scaled(layers: list[nn.Linear], fan: Fan) -> Tensor:
    """The weights of all layers, each times the square root of its fan."""
    return torch.cat([(layer.weight.detach() * math.sqrt(fan(layer))).flatten() for layer in layers])


def scaled_std(layers: list[nn.Linear], fan: Fan) -> float:
    return float(scaled(layers, fan).std())


def far_out(layers: list[nn.Linear], fan: Fan) -> float:
    """Share of the weights beyond two standard deviations."""
    weights = scaled(layers, fan)
    return float((weights.abs() > 2 * weights.std()).double().mean())


def linear_layers(module: nn.Module) -> list[nn.Linear]:
    return [layer for layer in module.modules() if isinstance(layer, nn.Linear)]


def latent_size(labels: int) -> int:
    return made("LEVI", random_split(20, 6, labels, seed=0)).network().decoder[0].in_features


def levi_bias() -> float:
    (bias,) = {float(value) for layer in linear_layers(made("LEVI").network()) for value in layer.bias.detach()}
    return round(bias, 9)  # a float32


def least_posterior_std() -> float:
    network = made("LEVI").network().double().eval()
    with torch.no_grad():
        network.encoder[-1].weight.zero_()
        network.encoder[-1].bias.fill_(-1e4)
        (std,) = set(network.encode(double([0.0] * 6), double([0.0] * 5))[1].flatten().tolist())
    return std


def kl_floor() -> float:
    """KL of mean 0 and standard deviation 0 is .5 (-log(floor) - 1)."""
    return math.exp(-2 * float(levi.gaussian_kl(double(0.0), double(0.0))) - 1)


def cross_entropy_floor() -> float:
    return math.exp(-float(valen.cross_entropy_to(double([0.0, 1.0]), double([2000.0, -2000.0]))))


def lible_decay() -> tuple[float, int]:
    rates = [float(lible.by_epoch(double(epoch), double(0.0))) for epoch in range(1, 50)]
    after = next(epoch for epoch, rate in enumerate(rates) if rate < 1)
    return rates[after], after


def conle_norm_floor() -> float:
    """One row: -cos / t of a vector of norm 1e-15, whose cosine with a unit vector is 1e-15 / floor."""
    return -2e-15 / float(conle.contrastive_loss(double([1e-15, 0.0]), double([1.0, 0.0]), double(0.5)))


def beta_addition() -> float:
    """The a whose released divergence from d = 0 is the one found: 1 / a and what is small beside it, by iteration."""
    found, a = float(smile.beta_kl(double(0.0), official=True)), 1e-3
    for _ in range(4):
        terms = math.lgamma(a) + (a - 1) * float(torch.special.digamma(double(a)))
        a = 1 / (found - (terms - 1 / a))
    return a


def kernel_membership_floor() -> float:
    """Two rows with one label, both at the largest squared distance s = (1 - exp(-1/2)) / 2 from their centre."""
    split = Split(double([0.0], [1.0]), torch.tensor([[1, 0], [1, 0]], dtype=torch.int8))
    method = made("KM", split)
    assert isinstance(method, KernelMembership)
    degrees = method.recover(split, None)[0]  # type: ignore[arg-type]
    degree = float((degrees[0] / degrees[1]).log())
    s = (1 - math.exp(-0.5)) / 2
    return s / (1 - degree) ** 2 - s


def glle_kernel() -> float:
    split = random_split(2, 3, 2, seed=0)
    method = made("GLLE", split)
    assert isinstance(method, GLLE)
    return float(method.kernel_and_laplacian(split.x)[0][0, 1])


def threshold_of(*names: str) -> float:
    (threshold,) = {methods.method_class(name).decision_threshold for name in names}
    return threshold


def forest_features() -> int:
    split = random_split(40, 100, 3, seed=0)
    forests = [fitted("RF", split, trees=1).forest, *fitted("BR-RF", split, trees=1).forests.learners]
    (found,) = {forest.estimators_[0].max_features_ for forest in forests}
    return found


def boosted(rows: int) -> Any:
    """The ensemble of one of two labels."""
    return fitted("HGB", random_split(rows, 2, 2, seed=0), iterations=1).ensembles.learners[0]


def lowest_prototype_score() -> float:
    split = random_split(80, 5, 7, seed=0)
    split.y[:, 2] = 0
    return float(fitted("Prototypes", split).scores(split.x)[0, 2])


def weight_of_unknown(labels: int) -> float:
    """Loss at probabilities of .5 where nothing is known, over that where all is."""
    method = methods.create("WAN", problem([1.0] * labels), epsilon=0.0)
    assert isinstance(method, methods.method_class("WAN"))
    zeros = torch.zeros(1, labels).double()
    unknown = Batch(zeros, zeros, zeros, {"observed": zeros})
    return float(method.objective(unknown) / method.objective(Batch(zeros, zeros, zeros)))


def two_way_loss(row: list[float]) -> float:
    method = methods.create("Two-way", problem([1.0] * len(row)))
    assert isinstance(method, methods.method_class("Two-way"))
    y = double(row, row)
    return float(method.double().objective(Batch(y, y, 3 * y)))


def published_mu(dataset: str) -> float:
    (mu,) = {methods.create(name, problem([1.0, 2.0], dataset)).mu.item() for name in ("R-FL", "DB")}  # type: ignore[union-attr]
    return mu


def published_lambda(dataset: str) -> float:
    return methods.create("DB", problem([1.0, 2.0], dataset)).negative_scale.item()  # type: ignore[union-attr]


def published_of_entropy(option: str, dataset: str) -> float:
    names = ("EM", "EM+APL") if option == "alpha" else ("EM+APL",)
    (value,) = {float(getattr(methods.create(name, problem([1.0], dataset)), option)) for name in names}
    return value


def first_estimates(observed: bool, draws: int = 1) -> Tensor:
    split = random_split(20, 6, 5, seed=0)
    known = torch.full(split.y.shape, observed)
    method = made("ROLE", split)
    given = [method.prepare(Split(split.x, split.y, known), None)["start"] for _ in range(draws)]
    return torch.cat(given).double().sigmoid()


def first_known_estimates() -> tuple[float, ...]:
    return tuple(first_estimates(True).unique().tolist())


def bounds_of_first_estimates() -> tuple[float, float]:
    drawn = first_estimates(False, draws=1000)
    return round(float(drawn.min()), 3), round(float(drawn.max()), 3)


def rate_of_the_estimates() -> float:
    """Of the movement of a logit to that of its parameter, by the gradient of both: here the logit starts at its value
    from the parameter, or from the start."""
    method = made("ROLE", positives_per_row=1.0).double()
    start = torch.zeros(20, 5, dtype=torch.float64, requires_grad=True)
    zeros = torch.zeros(20, 5, dtype=torch.float64)
    method.objective(Batch(zeros, zeros, zeros, {"row": torch.arange(20), "start": start})).backward()
    return float((method.estimate.grad / start.grad).mean())


def epochs_of_delta() -> int:
    """The number of epochs E with which epoch 2 takes just the delta: for 9 / (E - 1) is 1 then."""
    one = torch.tensor(1.0)
    return next(e for e in range(2, 99) if int(taken(torch.tensor(0.002), 10**6, e, one)) == 2000)


MEASURED: dict[tuple[str, str], Callable[[], Any]] = {
    ("every linear classifier", "initial standard deviation times sqrt(D)"): lambda: scaled_std([classifier()], fan_in),
    ("every linear classifier", "share of initial weights beyond two deviations"): lambda: far_out(
        [classifier()], fan_in
    ),
    ("every linear classifier", "initial bias"): lambda: float(classifier().bias.detach().abs().max()),
    ("every linear classifier", "threshold of its logits"): thresholds_of_logits,
    ("ASL .8", "threshold of its logits"): lambda: methods.method_class("ASL .8").decision_threshold,
    ("APL .8", "threshold of its logits"): lambda: methods.method_class("APL .8").decision_threshold,
    ("ASL and APL", "least probability in the logarithm"): least_probability,
    ("CB", "mean of the weights"): lambda: methods.create("CB", problem([1.0, 5.0, 100.0])).weight.mean().item(),  # type: ignore[union-attr]
    ("CB", "least n_j"): lambda: class_balanced_count(0.0),
    ("CB", "weight of a row without positives, average_w"): weight_of_an_empty_row,
    ("R-FL and DB", "least n_j of r"): rebalanced_count,
    ("R-FL and DB", "weight of a row without positives"): lambda: float(
        losses.rebalanced_weight(double([0.0, 0.0]), double(1.0, 2.0), double(0.1), double(10.0), double(0.2))[0, 0]
    ),
    ("DB", "least n_j of the bias"): lambda: 11 / (1 + bias_odds(0.0)),
    ("DB", "least N - n_j of the bias"): lambda: 11 - 11 / (1 + bias_odds(11.0)),
    ("FLEM", "clamp of the probabilities in L_IN"): clamp_of_interaction,
    ("FLEM", "width of g"): lambda: made("FLEM-D").estimator.features.first.out_features,
    ("FLEM", "initial standard deviation of g times sqrt(fan-in)"): lambda: scaled_std(
        linear_layers(flem.Estimator(300, 40, 128)), fan_in
    ),
    ("FLEM", "share of initial weights beyond two deviations"): lambda: far_out(
        linear_layers(flem.Estimator(300, 40, 128)), fan_in
    ),
    ("FLEM", "slope of g's leaky units"): slope_of_leaky_units,
    ("FLEM", "epsilon of g's batch normalisation"): epsilon_of_batch_normalisation,
    ("ML-KNN", "threshold of the posterior"): lambda: methods.method_class("ML-KNN").decision_threshold,
    ("ML-KNN", "prior of 3 positives in 11 rows"): prior,
    ("ROLE", "first estimates of known labels"): first_known_estimates,
    ("ROLE", "bounds of the first estimates of unknown labels"): bounds_of_first_estimates,
    ("ROLE", "learning rate of the estimates, to the classifier's"): rate_of_the_estimates,
    ("large loss", "epochs that delta is given for"): epochs_of_delta,
    ("RAKEL", "threshold of the score"): lambda: methods.method_class("RAKEL").decision_threshold,
    ("RAKEL", "overlapping sets of 7 labels"): lambda: len(rakel(variant="overlapping")),
    ("RAKEL", "variance added by naive Bayes"): lambda: rakel()[0][1].model.var_smoothing,
    ("BR and ECC", "threshold of the score"): lambda: {
        methods.method_class(name).decision_threshold for name in ("BR", "CC", "ECC")
    }.pop(),
    ("BR and ECC", "steps of logistic regression"): lambda: (
        fitted("BR", random_split(20, 3, 2, seed=0)).model.learners[0].max_iter
    ),
    ("SVM", "threshold of the decision value"): lambda: methods.method_class("SVM").decision_threshold,
    ("SVM", "iterations"): lambda: fitted("SVM", random_split(20, 3, 2, seed=0)).model.learners[0].max_iter,
    ("SVM", "size of the margin of a label of one class"): lambda: per_label.OneClass.margin,
    ("SVM micromacro", "folds of a label's rows"): lambda: linear_svm.FOLDS,
    ("LEVI", "width of the encoder"): lambda: made("LEVI").network().encoder[0].out_features,
    ("LEVI", "latent size at 5 and at 230 labels"): lambda: (latent_size(5), latent_size(230)),
    ("LEVI", "initial standard deviation times sqrt((fan-in + fan-out)/2)"): lambda: scaled_std(
        linear_layers(made("LEVI").network()), mean_fan
    ),
    ("LEVI", "share of initial weights beyond two deviations"): lambda: far_out(
        linear_layers(made("LEVI").network()), mean_fan
    ),
    ("LEVI", "initial bias"): levi_bias,
    ("LEVI", "least standard deviation of the posterior"): least_posterior_std,
    ("LEVI", "addition to the variance in the KL's logarithm"): kl_floor,
    ("VALEN", "bounds of alpha"): lambda: tuple(valen.concentration(double(-1e4, 1e4)).tolist()),
    ("VALEN", "divisor in alpha's exponent"): lambda: 1 / math.log(float(valen.concentration(double(1.0)))),
    ("VALEN", "addition to the sampling concentration"): lambda: float(
        valen.sampling_concentration(double([1.0, 2.0]), double([0.0, 0.0]))[0, 0]
    ),
    ("VALEN", "addition in the cross-entropy's logarithm"): cross_entropy_floor,
    ("VALEN", "width of the decoder at 600 features"): lambda: (
        valen.DirichletNetwork(600, 5, methods.info("VALEN").defaults["hidden"]).decoder[0].out_features
    ),
    ("LIBLE", "width before the outputs of the degrees and the gap"): lambda: (
        lible.GapNetwork(lible.Bottleneck(6, 5, 256), 5, methods.info("LIBLE").defaults["hidden"]).gap[-1].in_features
    ),
    ("LIBLE", "decay of the learning rate, and epochs to the next"): lible_decay,
    ("LIBLE", "least |g|"): lambda: math.exp(float(lible.gap_loss(double(1.0), double(0.0), double(1.0)))),
    ("ConLE", "slope of the leaky units"): lambda: -float(conle.leaky_layers(1, 1, 1)[1](torch.tensor(-1.0))),
    ("ConLE", "least norm in the cosine"): conle_norm_floor,
    ("LEIC", "clusters of 4 labels"): lambda: leic.ClusteringNetwork(3, 4, 2).clusters,
    ("LEIC", "least standard deviation and least concentration"): lambda: float(leic.positive(double(-1e3))),
    ("LEIC", "initial standard deviation of a graph convolution times sqrt(3 outputs)"): lambda: (
        float(leic.graph_convolution(400, 64).weight.detach().std()) * math.sqrt(3 * 64)
    ),
    ("LEIC", "rows at most"): lambda: leic.LARGEST,
    ("SMILE", "addition to the probability in the logarithms"): lambda: math.exp(
        -float(smile.assume_negative(double(0.0), double(1.0)))
    ),
    ("SMILE", "addition to both parameters of the divergence"): beta_addition,
    ("KM", "addition to the largest squared distance"): kernel_membership_floor,
    ("GLLE", "kernel at the mean distance"): glle_kernel,
    ("RF and BR-RF", "features tried at each split of 100"): forest_features,
    ("RF and BR-RF", "threshold of the score"): lambda: threshold_of("RF", "BR-RF"),
    ("HGB", "share of the rows held out of 10001"): lambda: float(boosted(10001).do_early_stopping_),
    ("HGB", "bins of a feature"): lambda: boosted(80).max_bins,
    ("BRkNN", "threshold of the share"): lambda: threshold_of("BRkNN"),
    ("Prototypes", "threshold of the logit"): lambda: threshold_of("Prototypes"),
    ("Prototypes", "score of a label without positives"): lowest_prototype_score,
    ("WAN", "weight of an unknown label among 5"): lambda: weight_of_unknown(5),
    ("WAN", "weight of an unknown label where there is one"): lambda: weight_of_unknown(1),
    ("Two-way", "loss of a batch without positives"): lambda: two_way_loss([0.0, 0.0]),
    ("Two-way", "loss of a full row"): lambda: two_way_loss([1.0, 1.0]),
    ("EM", "threshold of its logits"): lambda: methods.method_class("EM").decision_threshold,
    ("EM+APL", "threshold of its logits"): lambda: methods.method_class("EM+APL").decision_threshold,
}


DRAWN = 0.04
"""Tolerance of what is estimated from drawn weights."""


@pytest.mark.parametrize("row", CONSTANTS, ids=lambda row: f"{row.where}: {row.name}")
def test_constant_is_the_published_one(row: Constant) -> None:
    if row.name.startswith("mu on "):
        found = published_mu(row.name.removeprefix("mu on "))
    elif row.name.startswith("lambda on "):
        found = published_lambda(row.name.removeprefix("lambda on "))
    elif row.where.startswith("EM") and " on " in row.name:
        found = published_of_entropy(*row.name.split(" on "))
    else:
        found = MEASURED[row.where, row.name]()
    assert found == pytest.approx(row.value, rel=DRAWN if "deviation" in row.name and "initial" in row.name else 1e-6)
    assert row.source


def test_every_measured_constant_is_in_the_table() -> None:
    assert set(MEASURED) <= {(row.where, row.name) for row in CONSTANTS}
    published = {*losses.PUBLISHED_MU, *losses.PUBLISHED_NEGATIVE_SCALE}
    assert published <= {row.name.removeprefix("mu on ") for row in CONSTANTS}
