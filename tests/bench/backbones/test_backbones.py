"""Backbones: the loop against plain PyTorch, stacks against single models, every method with every backbone, files."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open
from sklearn import metrics
from torch import Tensor, nn

import bench
from bench import config, methods
from bench.backbones import BACKBONES, built, options_of
from bench.config import LINEAR, Backbone, Variant
from bench.errors import UsageError
from bench.job.evaluation import artifacts_of
from bench.job.fit_linear import fit_linear
from bench.job.inputs import Prepared
from bench.job.recipe import recipe
from bench.job.selection import Fitted
from bench.methods.api import Batch, LinearMethod, Split
from bench.plan.tracks import CLASSIFICATION
from bench.plan.variants import departures
from bench.protocol import Protocol
from bench.training import loop
from bench.training import stack as stacking
from bench.training.checkpoint import Checkpoints
from bench.training.seeding import Streams
from bench.training.step import LoopOptions
from tests.conftest import problem_of, random_split
from tests.methods.test_contract import defaults

GRADIENT = [name for name in methods.names() if methods.info(name).gradient]
OTHERS = [name for name in BACKBONES.components() if name != "linear"]
PROTOCOL = Protocol(epochs=4, batch_size=16, stack=16, precision="float64")
OPTIONS = LoopOptions(epochs=6, batch_size=16)


def mlp(dropout: float = 0.5) -> Backbone:
    return Backbone("mlp", {"width": 8, "dropout": dropout})


def prepared(labels: int = 8) -> Prepared:
    splits = {name: random_split(rows, 6, labels, seed) for seed, (name, rows) in enumerate(SIZES.items())}
    return Prepared(problem_of(splits["train"]), splits)


SIZES = {"train": 70, "val": 30, "test": 20}


def fit(name: str, points: list[dict], backbone: Backbone, stack: int = 16, stages: Any = None) -> Fitted:
    protocol = msgspec.structs.replace(PROTOCOL, stack=stack)
    return fit_linear(name, points, prepared(), protocol, 0, checkpoints=stages, backbone=backbone)


def models(name: str, data: Split, backbone: Backbone, count: int) -> list[LinearMethod]:
    made = []
    for _ in range(count):
        torch.manual_seed(0)
        module = methods.create(name, problem_of(data))
        assert isinstance(module, LinearMethod)
        loop.initialise_classifier(module, 4, backbone)
        made.append(module.double())
    return made


def plain_training(module: LinearMethod, data: Split, validation: Split, dropout: float) -> tuple[dict, int, float]:
    """One model in plain PyTorch, its network written out with torch's own dropout."""
    network = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, 6)).double()
    network.load_state_dict(module.classifier.state_dict())
    named = [*network.named_parameters(), *((n, v) for n, v in module.named_parameters() if "classifier" not in n)]
    groups = [[value for name, value in named if ("bias" in name) == bias] for bias in (False, True)]
    optimiser = torch.optim.AdamW(
        [{"params": groups[0], "weight_decay": 1e-4}, {"params": groups[1], "weight_decay": 1e-2}],
        lr=1e-3,
        amsgrad=True,
        foreach=False,
    )
    queue: deque = deque([float("inf")], maxlen=5)
    best, kept, chosen = 1.0, {}, 0
    streams = Streams(4, "classifier")
    for epoch in range(1, OPTIONS.epochs + 1):
        network.train()
        for number, index in enumerate(streams.shuffled_batches(len(data.x), OPTIONS.batch_size, epoch)):
            torch.manual_seed(0)
            streams.seed_noise(epoch, number, torch.device("cpu"))
            x, y = data.x[index], data.y[index].to(data.x.dtype)
            optimiser.zero_grad()
            module.objective(Batch(x, y, network(x))).backward()
            norm = nn.utils.clip_grad_norm_([value for _, value in named], 5 * max(queue))
            queue.append(min(float(norm), 2 * max(queue), 1.0))
            optimiser.step()
        wrong = ((network.eval()(validation.x) > 0) != (validation.y > 0)).double().mean().item()
        if wrong < best:
            best, chosen = wrong, epoch
            kept = {name: value.detach().clone() for name, value in network.named_parameters()}
    return kept, chosen, best


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize(("name", "tolerance"), [("BCE", 1e-12), ("BS", 1e-12), ("FLEM-D", 1e-6)])
def test_the_loop_equals_plain_pytorch(name: str, tolerance: float, dropout: float) -> None:
    data, validation = random_split(100, 8, 6, 0), random_split(40, 8, 6, 1)
    trained = loop.train(models(name, data, mlp(dropout), 2), data, validation, OPTIONS, seed=4)
    kept, epoch, hamming = plain_training(models(name, data, mlp(dropout), 1)[0], data, validation, dropout)
    for k in range(2):
        assert (trained.epochs[k], trained.values[k]) == (epoch, hamming)
        for key, value in kept.items():
            torch.testing.assert_close(trained.parameters[f"classifier.{key}"][k], value, atol=tolerance, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dropout_draws_what_torch_draws(dtype: torch.dtype) -> None:
    x = torch.randn(33, 17, dtype=dtype)
    for p in (0.0, 0.2, 0.5):
        found = []
        for function in (stacking.dropout, F.dropout):
            torch.manual_seed(3)
            found.append(function(x, p, True))
        assert torch.equal(*found)
    assert torch.equal(stacking.dropout(x, 0.5, False), x)


def test_the_linear_classifier_starts_as_its_formula_says() -> None:
    from bench.training.seeding import generator

    module = methods.create("BCE", prepared().problem)
    assert isinstance(module, LinearMethod)
    loop.initialise_classifier(module, 3)
    noise = torch.randn(8, 6, generator=generator(3, "classifier", "initialisation"), dtype=torch.float64)
    assert torch.equal(module.classifier.weight, (noise * (2 / 6) ** 0.5).float())  # type: ignore[arg-type]
    assert not module.classifier.bias.any()  # type: ignore[union-attr, operator]


@pytest.mark.parametrize("backbone", OTHERS)
@pytest.mark.parametrize("name", GRADIENT)
def test_every_method_trains_every_backbone(name: str, backbone: str) -> None:
    used = Backbone(backbone, options_of(backbone, {"width": 8}))
    x = prepared().splits["test"].x
    first, second = (fit(name, [defaults(name)], used).candidates[0] for _ in range(2))
    scores = first.scores(x)
    assert scores.shape == (20, 8)
    assert torch.isfinite(scores).all()
    assert torch.equal(scores, second.scores(x))
    assert torch.equal(scores, first.scores(x))  # evaluation mode: nothing is drawn
    assert all(torch.isfinite(value).all() for value in first.parameters.values())
    assert not any(name in ("classifier.weight", "classifier.bias") for name in first.parameters)


@pytest.mark.parametrize("name", ["FL", "FLEM-D", "FLEM-T", "LEVI"])
def test_a_stack_gives_each_model_what_it_gets_alone(name: str) -> None:
    numeric = [option for option, value in defaults(name).items() if isinstance(value, float)][:2]
    points = [defaults(name)] + [{**defaults(name), option: defaults(name)[option] * 1.5 + 0.01} for option in numeric]
    together, alone = (fit(name, points, mlp(), stack) for stack in (16, 1))
    assert together.stacks == [3]
    x = prepared().splits["test"].x
    for one, other in zip(together.candidates, alone.candidates, strict=True):
        assert one.epoch == other.epoch
        torch.testing.assert_close(one.scores(x), other.scores(x), atol=1e-10, rtol=0)


def test_steps_with_dropout_are_recorded_and_their_replays_draw_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    data = random_split(100, 8, 6, 0)
    recorded = loop.train(models("FLEM-D", data, mlp(), 3), data, None, OPTIONS, seed=4)
    monkeypatch.setattr(stacking, "CALLS_BEFORE_RECORDING", 10**9)
    plain = loop.train(models("FLEM-D", data, mlp(), 3), data, None, OPTIONS, seed=4)
    for key, value in recorded.parameters.items():
        assert torch.equal(value, plain.parameters[key]), key


@pytest.mark.parametrize("criteria", [("ranking", "micro-f1"), ("micro-f1", "hamming", "ranking")])
def test_epochs_are_chosen_by_any_metric_of_the_network_in_evaluation_mode(criteria: tuple[str, ...]) -> None:
    data, validation = random_split(100, 8, 6, 0), random_split(40, 8, 6, 1)
    options = replace(OPTIONS, criteria=criteria, learning_rate=0.05)
    trained = loop.train(models("FL", data, mlp(), 2), data, validation, options, seed=4)
    y = validation.y.numpy()
    rules: dict[str, Any] = {
        "hamming": lambda scores: metrics.hamming_loss(y, scores > 0),
        "ranking": lambda scores: metrics.label_ranking_loss(y, scores),
        "micro-f1": lambda scores: metrics.f1_score(y, scores > 0, average="micro"),
    }
    network = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 6)).double().eval()
    for option in criteria:
        kept = trained.also.get(option, trained)
        for k in range(2):
            own = {name: kept.parameters[f"classifier.{name}"][k] for name in network.state_dict()}
            network.load_state_dict(own)
            with torch.no_grad():
                scores = network(validation.x).numpy()
            assert kept.values[k] == pytest.approx(rules[option](scores), abs=1e-9), option


@pytest.mark.parametrize("name", ["BCE", "FLEM-D"])
def test_models_of_a_stack_may_differ_in_settings_of_training(name: str) -> None:
    training: list[dict[str, Any]] = [{"learning_rate": 1e-3}, {"learning_rate": 0.03, "weight_decay": 0.1}]
    points = [defaults(name)] * 2
    together = fit_linear(name, points, prepared(), PROTOCOL, 0, training=training, backbone=mlp())
    assert together.stacks == [2]
    x = prepared().splits["test"].x
    for one, own in zip(together.candidates, training, strict=True):
        protocol = msgspec.structs.replace(PROTOCOL, **own)
        alone = fit_linear(name, points[:1], prepared(), protocol, 0, backbone=mlp()).candidates[0]
        assert one.epoch == alone.epoch
        torch.testing.assert_close(one.scores(x), alone.scores(x), atol=1e-9, rtol=0)


def test_a_stopped_training_goes_on_to_the_same_model(tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def checkpoints() -> Any:
        return Checkpoints(tmp_path, {}, 0.0).of

    whole = fit("FLEM-D", [defaults("FLEM-D")] * 2, mlp())
    seen = []

    def progress(what: str, done: int, total: int) -> None:
        seen.append(done)
        if len(seen) == 2:
            raise Stopped

    points = [defaults("FLEM-D")] * 2
    with pytest.raises(Stopped):
        fit_linear("FLEM-D", points, prepared(), PROTOCOL, 0, progress, 1, checkpoints(), backbone=mlp())
    again = fit_linear("FLEM-D", points, prepared(), PROTOCOL, 0, None, 1, checkpoints(), backbone=mlp())
    for one, other in zip(whole.candidates, again.candidates, strict=True):
        assert (one.epoch, one.losses, one.hamming) == (other.epoch, other.losses, other.hamming)
        assert all(torch.equal(value, other.parameters[key]) for key, value in one.parameters.items())


# --- variants, keys ---------------------------------------------------------------------------------------------------


def made(**settings: Any) -> Any:
    return recipe(Variant(**{"name": "It", "base": "BCE", **settings}))


def test_a_key_has_the_backbone_where_it_is_not_linear() -> None:
    plain, other = (CLASSIFICATION.key(one, PROTOCOL, 0, "") for one in (made(), made(classifier="mlp")))
    assert "classifier" not in plain["hyperparameters"]
    assert made(classifier="linear").backbone == LINEAR
    found = other["hyperparameters"].pop("classifier")
    assert (found["name"], found["options"]) == ("mlp", {"width": 512, "dropout": 0.5})
    assert found["code"]
    assert plain == other


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"classifier": "mpl"}, "there is no backbone 'mpl'; did you mean 'mlp'"),
        ({"classifier": "mlp", "classifier_options": {"wdth": 4}}, "the backbone 'mlp' has no option 'wdth'"),
        ({"classifier": "mlp", "classifier_options": {"width": "4"}}, "must be like its default 512, not '4'"),
        ({"classifier_options": {"width": 4}}, "the backbone 'linear' has no option 'width'"),
        ({"base": "ML-KNN", "classifier": "mlp"}, "ML-KNN is not trained by gradients and has no classifier"),
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match="variant 'It'") as caught:
        made(**settings)
    assert message in str(caught.value)


def test_a_table_of_bench_toml_names_a_backbone(tmp_path: Path) -> None:
    text = '[methods.Deep]\nbase = "BCE"\nclassifier = "mlp"\nclassifier_options = { width = 16 }\n'
    (tmp_path / "bench.toml").write_text(text)
    variant = config.load(tmp_path).variants["Deep"]
    assert recipe(variant).backbone == Backbone("mlp", {"width": 16, "dropout": 0.5})
    assert departures(variant) == ["the classifier mlp (width 16, dropout 0.5)"]


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_kept_model_says_its_backbone() -> None:
    for backbone, about in ((mlp(), {"name": "mlp", "options": mlp().options}), (LINEAR, None)):
        chosen = fit("BCE", [{}], backbone).candidates[0]
        data = prepared()
        files = artifacts_of(["model"], None, data, None, chosen)  # type: ignore[arg-type]
        length = int.from_bytes(files["model.safetensors"][:8], "little")
        header = msgspec.json.decode(files["model.safetensors"][8 : 8 + length])
        found = header.get("__metadata__", {}).get("classifier")
        assert (found and msgspec.json.decode(found)) == about


def test_a_saved_model_comes_back(tmp_path: Path) -> None:
    split = random_split(80, 8, 4, seed=1)
    x, y = split.x.numpy().astype("float32"), split.y.numpy()
    fitted = bench.estimator(
        "FLEM-D", {"alpha": 0.1, "beta": 0.1}, classifier="mlp", classifier_options={"width": 8}, protocol="paper"
    )
    fitted.fit(x[:60], y[:60], x[60:], y[60:])
    path = tmp_path / "mlp.safetensors"
    fitted.save(path)
    again = bench.load(path)
    assert again.get_params() == fitted.get_params()
    assert again.n_features_in_ == 8
    assert (again.decision_function(x) == fitted.decision_function(x)).all()
    with safe_open(path, "pt") as file:
        about = msgspec.json.decode(file.metadata()["flem-bench"])
    assert about["backbone"] == {"name": "mlp", "options": {"width": 8, "dropout": 0.5}}
    assert about["layout"] == 2


def test_a_saved_linear_model_is_as_before(tmp_path: Path) -> None:
    split = random_split(80, 8, 4, seed=1)
    bench.estimator("BCE", protocol="paper").fit(split.x.numpy().astype("float32"), split.y.numpy()).save(
        tmp_path / "m"
    )
    with safe_open(tmp_path / "m", "pt") as file:
        about = msgspec.json.decode(file.metadata()["flem-bench"])
    assert about["layout"] == 1
    assert not {"backbone", "n_features"} & about.keys()
    assert "classifier" not in about["parameters"]


FAULTY = {
    "running": ("nn.Sequential(nn.Linear(n_features, n_labels), nn.BatchNorm1d(n_labels))", "it keeps the buffer"),
    "narrow": ("nn.Linear(n_features, 1)", "it gives [2, 1] for 2 rows and 4 labels, not [2, 4]"),
    "nothing": ("None", "build must return an nn.Module with parameters, not NoneType"),
    "failing": ("nn.Linear(n_features)", "the backbone 'failing' cannot be built: "),
}


@pytest.mark.parametrize("name", FAULTY)
def test_a_faulty_file_is_told_in_a_sentence(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "backbones").mkdir()
    source = f'"""It."""\nfrom torch import nn\n\n\ndef build(n_features, n_labels):\n    return {FAULTY[name][0]}\n'
    (tmp_path / f"backbones/{name}.py").write_text(source)
    monkeypatch.setattr(methods, "_folders", [tmp_path])
    with pytest.raises(UsageError) as caught:
        built(Backbone(name), 5, 4)
    assert FAULTY[name][1] in str(caught.value)


def test_scores_are_those_of_the_network_in_evaluation_mode() -> None:
    chosen = fit("BCE", [{}], mlp()).candidates[0]
    p: dict[str, Tensor] = chosen.parameters
    x = prepared().splits["test"].x
    hidden = (x @ p["classifier.0.weight"].T + p["classifier.0.bias"]).clamp(min=0)
    expected = hidden @ p["classifier.3.weight"].T + p["classifier.3.bias"]
    torch.testing.assert_close(chosen.scores(x), expected, atol=1e-12, rtol=0)
