"""Model files: a fitted classifier as arrays and a description, checked whole before anything is computed from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
from torch import Tensor

from bench import methods
from bench.backbones import built, options_of
from bench.config import Backbone
from bench.errors import UsageError, did_you_mean
from bench.protocol import TRAINING_SETTINGS, Protocol
from bench.system import reading
from bench.system.writing import write

PREFIX = "classifier."
"""Of the names of the classifier's parameters."""
KEY = "flem-bench"
"""Of the description among the file's metadata."""
LAYOUT = 3
"""Raised where a file can no longer be read as one of the layout before; 2 is that of models with a backbone, 3 of rows
of bench.toml and of models that held out a share of the rows."""
ADVICE = "give a file that `bench fit` or `save` wrote, or fit it anew"
WEIGHT, BIAS, RANGE, TRAINING_X, TRAINING_Y = (
    "classifier.weight",
    "classifier.bias",
    "range",
    "training.x",
    "training.y",
)
Value = bool | int | float | str


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Parameters that the classifier was made with."""

    method: str
    options: dict[str, Any] | None
    protocol: str
    seed: int
    device: str
    dataset: str
    classifier: str | None = None
    classifier_options: dict[str, Any] | None = None
    validation: float | None = None


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The fitted attributes of a classifier that are no arrays."""

    version: str
    """Of the package that wrote the file."""
    parameters: Parameters
    options: dict[str, Any]
    epoch: int | None
    validation: dict[str, float | None]
    threshold: float
    classes: tuple[Value, Value]
    one_label: bool = msgspec.field(name="one label")
    label_names: list[str]
    feature_names: list[str]
    layout: int = 1
    backbone: Backbone | msgspec.UnsetType = msgspec.UNSET
    """Of a network that is not linear, all its options."""
    n_features: int | msgspec.UnsetType = msgspec.UNSET
    """Of such a network."""
    base: str | msgspec.UnsetType = msgspec.UNSET
    """The registered method, where the classifier was made with the name of a row of bench.toml."""
    fidelity: Literal["official", "paper"] | msgspec.UnsetType = msgspec.UNSET
    """Of such a row, where it has one of its own."""

    @property
    def method(self) -> str:
        """The registered method."""
        return self.parameters.method if self.base is msgspec.UNSET else self.base

    @property
    def needed_layout(self) -> int:
        """The first layout that has everything the description holds."""
        if self.parameters.validation is not None or self.base is not msgspec.UNSET:
            return 3
        return 1 if self.backbone is msgspec.UNSET else 2


class _Layout(msgspec.Struct):
    version: str = "?"
    layout: int = 1


def save(path: Path, about: Description, tensors: Mapping[str, Tensor]) -> None:
    """Write one safetensors file: arrays and a description, nothing that is executed."""
    from safetensors.torch import save as encoded

    about = msgspec.structs.replace(about, layout=about.needed_layout)
    description = msgspec.json.encode(about, enc_hook=lambda value: value.item()).decode()  # of NumPy's numbers
    write(path, encoded({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, {KEY: description}))


def load(path: Path | str, protocols: Mapping[str, Protocol]) -> tuple[Description, dict[str, Tensor]]:
    """The description and the arrays of a file that :func:`save` wrote.

    Raises
    ------
    UsageError: one sentence with the file and the first fault; whatever is given back fits together.
    """
    metadata, tensors = reading.tensors(path, ADVICE)
    if KEY not in metadata:
        raise UsageError(f"{path} is no model; {_as_kept(tensors)}{ADVICE}.")
    where = f"the description in the model {path}"
    written: _Layout = reading.decoded_json(metadata[KEY], where, _Layout)
    if written.layout > LAYOUT:
        raise UsageError(f"the model {path} was written by flem-bench {written.version}, a newer one; upgrade to it.")
    about: Description = reading.decoded_json(metadata[KEY], where, Description)
    with reading.reading(path, "a model", ADVICE):
        _check_description(about)
        _check_arrays(about, tensors, protocols)
    return about, tensors


def _as_kept(tensors: Mapping[str, Tensor]) -> str:
    """The reason why what `--keep model` keeps predicts nothing, where the arrays are that."""
    if not any(name.startswith(PREFIX) for name in tensors):
        return ""
    return (
        "it holds a run's trained parameters alone, as `bench run --keep model` keeps them, without the scaling of the "
        "features and the names of the labels: `bench fit DATASET METHOD --model FILE` makes the same model whole; or "
    )


def check_label_names(names: Sequence[str], labels: int) -> None:
    """Refuse names of which there is not one of its own for every label.

    Raises
    ------
    ValueError: with what is wrong.
    """
    if len(names) != labels:
        raise ValueError(f"there are {len(names)} label names for {labels} labels")
    if len(set(names)) != labels:
        raise ValueError(f"the label name {next(name for name in names if list(names).count(name) > 1)!r} occurs twice")


def _check_description(about: Description) -> None:
    name = about.method
    if name not in methods.infos():
        raise ValueError(f"there is no method {name!r}; {did_you_mean(name, methods.infos())}")
    defaults = methods.info(name).defaults
    for options in (about.options, about.parameters.options or {}):
        own = {
            option: value
            for option, value in options.items()
            if option in defaults or option.removeprefix("training.") not in TRAINING_SETTINGS
        }
        methods.options(name, defaults, own)
    lacking, having = about.classes
    if type(lacking) is not type(having) or not lacking < having:  # type: ignore[operator]
        raise ValueError(f"its classes are {lacking!r} and {having!r}, not two values in ascending order")
    if about.one_label and len(about.label_names) != 1:
        raise ValueError(f"it is of one label and names {len(about.label_names)}")
    check_label_names(about.label_names, len(about.label_names) or 1)


def _check_arrays(about: Description, tensors: Mapping[str, Tensor], protocols: Mapping[str, Protocol]) -> None:
    if (protocol := about.parameters.protocol) not in protocols:
        raise ValueError(f"there is no protocol {protocol!r}; bench.toml has {', '.join(protocols)}")
    if about.backbone is not msgspec.UNSET:
        _check_backbone(about, about.backbone, tensors, protocols[protocol].scaling)
        return
    linear = methods.info(about.method).gradient
    main = WEIGHT if linear else TRAINING_X
    if main not in tensors or tensors[main].ndim != 2:
        raise ValueError(f"it has no matrix {main}")
    labels, (rows, features) = len(about.label_names), tensors[main].shape
    shapes: dict[str, tuple[int, ...]] = (
        {WEIGHT: (labels, features), BIAS: (labels,)}
        if linear
        else {TRAINING_X: (rows, features), TRAINING_Y: (rows, labels)}
    )
    if protocols[protocol].scaling == "minmax":
        shapes[RANGE] = (2, features)
    _check_shapes(about, tensors, shapes, features)


def _check_backbone(about: Description, backbone: Backbone, tensors: Mapping[str, Tensor], scaling: str) -> None:
    """Check arrays that are the parameters of a network which is not linear."""
    features = about.n_features
    if features is msgspec.UNSET or features < 1:
        raise ValueError("it does not say how many features there are")
    try:
        if options_of(backbone.name, backbone.options) != backbone.options:
            raise ValueError(f"it does not give all options of the backbone {backbone.name!r}")
        network = built(backbone, features, len(about.label_names))
    except UsageError as error:
        raise ValueError(str(error).rstrip(".")) from error
    shapes = {PREFIX + name: tuple(value.shape) for name, value in network.named_parameters()}
    _check_shapes(about, tensors, shapes | ({RANGE: (2, features)} if scaling == "minmax" else {}), features)


def _check_shapes(
    about: Description, tensors: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]], features: int
) -> None:
    if different := sorted(shapes.keys() ^ tensors.keys()):
        states = " and ".join(f"{'no' if name in shapes else 'an unknown'} array {name!r}" for name in different)
        raise ValueError(f"it has {states}")
    if not features or len(about.feature_names) not in (0, features):
        raise ValueError(f"it names {len(about.feature_names)} features of {features}")
    if len(set(about.feature_names)) != len(about.feature_names):
        raise ValueError("two of its features have the same name")
    for name, shape in shapes.items():
        tensor = tensors[name]
        if tuple(tensor.shape) != shape:
            raise ValueError(f"{name} has the shape {tuple(tensor.shape)}, not {shape}")
        if name == TRAINING_Y:
            if ((tensor != 0) & (tensor != 1)).any():
                raise ValueError(f"{name} has values other than 0 and 1")
        elif not tensor.is_floating_point() or not tensor.isfinite().all():
            raise ValueError(f"{name} has values that are no finite real numbers")
    if RANGE in shapes and (tensors[RANGE][0] > tensors[RANGE][1]).any():
        raise ValueError("the range of a feature ends before it begins")
