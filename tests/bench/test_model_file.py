"""Model files: what does not fit together is refused with one sentence, before the first number."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import bench
from bench.errors import UsageError
from bench.model_file import BIAS, KEY, LAYOUT, RANGE, TRAINING_X, TRAINING_Y, WEIGHT
from tests.conftest import random_split

NAN, INF = float("nan"), float("inf")


@pytest.fixture(autouse=True, scope="module")
def _few_steps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A working folder in which training is short."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "bench.toml").write_text("[protocols.small]\nepochs = 30\nminimum_steps = 0\nlearning_rate = 0.1\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of each kind: of 5 features and 3 labels."""
    folder = tmp_path_factory.mktemp("models")
    split = random_split(40, 5, 3, seed=1)
    for name in ("BCE", "ML-KNN"):
        labels = pd.DataFrame(split.y.numpy(), columns=["sun", "rain", "snow"])
        bench.estimator(name).fit(split.x.numpy(), labels).save(folder / name)
    return folder


def parts_of(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    with safe_open(path, "pt") as archive:
        return json.loads(archive.metadata()[KEY]), {name: archive.get_tensor(name) for name in archive.keys()}  # noqa: SIM118


def refused(path: Path, about: Any, tensors: dict[str, torch.Tensor]) -> str:
    save_file(tensors, path, {KEY: about if isinstance(about, str) else json.dumps(about)})
    with pytest.raises(UsageError) as caught:
        bench.load(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


DESCRIPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"threshold": "0"}, "Expected `float`, got `str` - at `$.threshold`"),
    ({"threshold": None}, "Expected `float`, got `null` - at `$.threshold`"),
    ({"threshold": NAN}, "JSON is malformed"),
    ({"options": None}, "Expected `object`, got `null` - at `$.options`"),
    ({"options": {"k": 3}}, "the method 'BCE' has no option 'k'"),
    ({"classes": []}, "of length 2 - at `$.classes`"),
    ({"classes": [0]}, "of length 2 - at `$.classes`"),
    ({"classes": [[0], [1]]}, "got `array` - at `$.classes[0]`"),
    ({"classes": [1, 0]}, "its classes are 1 and 0, not two values in ascending order"),
    ({"classes": [0, "1"]}, "its classes are 0 and '1', not two values"),
    ({"label_names": 5}, "Expected `array`, got `int` - at `$.label_names`"),
    ({"label_names": ["sun"]}, f"{WEIGHT} has the shape (3, 5), not (1, 5)"),
    ({"label_names": list("abcd")}, f"{WEIGHT} has the shape (3, 5), not (4, 5)"),
    ({"label_names": ["sun", "sun", "snow"]}, "the label name 'sun' occurs twice"),
    ({"feature_names": ["a"]}, "it names 1 features of 5"),
    ({"feature_names": list("abcda")}, "two of its features have the same name"),
    ({"one label": True}, "it is of one label and names 3"),
    ({"colour": "red"}, "unknown field `colour`"),
    ({"base": "FLEMD"}, "there is no method 'FLEMD'; did you mean 'FLEM-D'?"),
    ({"base": "ML-KNN"}, "it has no matrix training.x"),
    ({"fidelity": "mine"}, "Invalid enum value 'mine' - at `$.fidelity`"),
    ({"layout": LAYOUT + 1, "version": "9.1", "colour": "red"}, "was written by flem-bench 9.1, a newer one"),
]
PARAMETERS: list[tuple[dict[str, Any], str]] = [
    ({"method": "FLEMD"}, "there is no method 'FLEMD'; did you mean 'FLEM-D'?"),
    ({"method": "../../x"}, "there is no method '../../x'"),
    ({"method": 5}, "Expected `str`, got `int` - at `$.parameters.method`"),
    ({"method": "ML-KNN"}, "it has no matrix training.x"),
    ({"protocol": "nope"}, "there is no protocol 'nope'"),
    ({"protocol": "paper"}, "it has an unknown array 'range'"),
    ({"validation": "x"}, "Expected `float | null`, got `str` - at `$.parameters.validation`"),
    ({"seed": "x"}, "Expected `int`, got `str` - at `$.parameters.seed`"),
    ({"future": 1}, "unknown field `future` - at `$.parameters`"),
]
Change = Callable[[torch.Tensor], torch.Tensor] | None
LINEAR: list[tuple[str, Change, str]] = [
    (WEIGHT, lambda old: old * NAN, f"{WEIGHT} has values that are no finite real numbers"),
    (WEIGHT, lambda old: old + INF, f"{WEIGHT} has values that are no finite real numbers"),
    (WEIGHT, lambda old: old.to(torch.int64), f"{WEIGHT} has values that are no finite real numbers"),
    (WEIGHT, lambda old: old.flatten(), f"it has no matrix {WEIGHT}"),
    (WEIGHT, lambda old: old[:2].clone(), f"{WEIGHT} has the shape (2, 5), not (3, 5)"),
    (WEIGHT, lambda old: old[:, :0].clone(), "it names 0 features of 0"),
    (WEIGHT, None, f"it has no matrix {WEIGHT}"),
    (BIAS, lambda old: old[:, None].clone(), f"{BIAS} has the shape (3, 1), not (3,)"),
    (BIAS, None, f"it has no array '{BIAS}'"),
    (RANGE, None, "it has no array 'range'"),
    (RANGE, lambda old: old[0].clone(), "range has the shape (5,), not (2, 5)"),
    (RANGE, lambda old: old.flip(0), "the range of a feature ends before it begins"),
]
NEIGHBOURS: list[tuple[str, Change, str]] = [
    (TRAINING_Y, lambda old: torch.full_like(old, 7), f"{TRAINING_Y} has values other than 0 and 1"),
    (TRAINING_Y, lambda old: old[:30].clone(), f"{TRAINING_Y} has the shape (30, 3), not (40, 3)"),
    (TRAINING_Y, None, f"it has no array '{TRAINING_Y}'"),
    (TRAINING_X, lambda old: old * NAN, f"{TRAINING_X} has values that are no finite real numbers"),
    ("other", lambda old: old, "it has an unknown array 'other'"),
]


@pytest.mark.parametrize(("change", "message"), DESCRIPTIONS)
def test_a_description_is_checked(models: Path, tmp_path: Path, change: dict[str, Any], message: str) -> None:
    about, tensors = parts_of(models / "BCE")
    assert message in refused(tmp_path / "m", {**about, **change}, tensors)


@pytest.mark.parametrize(("change", "message"), PARAMETERS)
def test_the_parameters_are_checked(models: Path, tmp_path: Path, change: dict[str, Any], message: str) -> None:
    about, tensors = parts_of(models / "BCE")
    about["parameters"].update(change)
    assert message in refused(tmp_path / "m", about, tensors)


def test_every_field_but_the_layout_is_needed(models: Path, tmp_path: Path) -> None:
    about, tensors = parts_of(models / "BCE")
    for name in about.keys() - {"layout"}:
        rest = {key: value for key, value in about.items() if key != name}
        assert f"missing required field `{name}`" in refused(tmp_path / "m", rest, tensors)


@pytest.mark.parametrize("text", ["[1]", "5", "[" * 100_000, '{"version":'])
def test_a_description_that_is_no_description_is_refused(models: Path, tmp_path: Path, text: str) -> None:
    assert "cannot be read as JSON" in refused(tmp_path / "m", text, parts_of(models / "BCE")[1])


@pytest.mark.parametrize(
    ("model", "array", "change", "message"),
    [("BCE", *case) for case in LINEAR] + [("ML-KNN", *case) for case in NEIGHBOURS],
)
def test_the_arrays_are_checked(
    models: Path, tmp_path: Path, model: str, array: str, change: Change, message: str
) -> None:
    about, tensors = parts_of(models / model)
    old = tensors.pop(array, torch.zeros(1))
    if change:
        tensors[array] = change(old).contiguous()
    assert message in refused(tmp_path / "m", about, tensors)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "k must be at least 1"),
        ({"k": 10**9}, "needs more than k"),
        ({"k": "x"}, "must be like its default 10"),
        ({"zzz": 1}, "no option 'zzz'"),
    ],
)
def test_a_method_that_is_fitted_again_sees_its_options_checked(
    models: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    about, tensors = parts_of(models / "ML-KNN")
    about["options"].update(options)
    assert message in refused(tmp_path / "m", about, tensors)


@pytest.mark.parametrize(
    ("made", "layout"),
    [
        ({}, 1),
        ({"options": {"epochs": 1}}, 1),
        ({"classifier": "mlp"}, 2),
        ({"validation": 0.5}, 3),
        ({"method": "AN"}, 3),
    ],
)
def test_a_file_has_the_first_layout_that_can_hold_it(made: dict[str, Any], layout: int, tmp_path: Path) -> None:
    split = random_split(40, 5, 3, seed=1)
    given = {"method": "BCE", "options": {"epochs": 1}, **made}
    bench.estimator(**given).fit(split.x.numpy(), split.y.numpy()).save(tmp_path / "m")
    assert parts_of(tmp_path / "m")[0]["layout"] == layout
    assert bench.load(tmp_path / "m").get_params()["method"] == given["method"]


def test_a_file_of_something_else_is_refused(models: Path, tmp_path: Path) -> None:
    save_file({"x": torch.zeros(2)}, tmp_path / "m", {"format": "pt"})
    with pytest.raises(UsageError, match="m is no model; give a file that `bench fit` or `save` wrote"):
        bench.load(tmp_path / "m")
    (tmp_path / "cut").write_bytes((models / "BCE").read_bytes()[:-20])
    with pytest.raises(UsageError, match="cut cannot be read as a safetensors file"):
        bench.load(tmp_path / "cut")


@pytest.mark.parametrize("values", [(0, 1), (-1, 1), (0.0, 2.5), ("no", "yes"), (False, True)])
def test_the_values_of_the_labels_come_back(tmp_path: Path, values: tuple[Any, Any]) -> None:
    split = random_split(40, 5, 3, seed=1)
    y = np.array(values)[split.y.numpy()]
    fitted = bench.estimator("BCE", {}, seed=np.int64(3)).fit(split.x.numpy(), y)  # a number of NumPy's, as of a grid
    fitted.save(tmp_path / "m")
    again = bench.load(tmp_path / "m")
    assert again.predict(split.x.numpy()).tolist() == fitted.predict(split.x.numpy()).tolist()
    assert set(np.unique(again.predict(split.x.numpy())).tolist()) == set(values)
