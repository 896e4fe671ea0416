"""Every method as a scikit-learn classifier, saved and loaded without code in the file: ``bench.estimator("FLEM-D")``.

What is fitted is what the tables compare: the same loop, grid and selection. A linear method is saved as its weights; a
method that is no linear classifier as its training rows, and fitted again when loaded, to the same model.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from bench import config, methods
from bench.config import Variant
from bench.errors import UsageError
from bench.job.fit_direct import fit_method
from bench.job.fit_linear import fit_linear
from bench.job.inputs import Prepared, minmax_scaled, problem_of
from bench.job.recipe import recipe
from bench.job.selection import Fitted, select
from bench.methods.api import Method, Split
from bench.metrics.classification import evaluate
from bench.protocol import Protocol
from bench.system import hardware
from bench.system.environment import version
from bench.system.hardware import threads
from bench.system.writing import write
from bench.training.seeding import stream_seed

FORMAT = "flem-bench"
WEIGHT, BIAS, RANGE, TRAINING_X, TRAINING_Y = (
    "classifier.weight",
    "classifier.bias",
    "range",
    "training.x",
    "training.y",
)


def _has_logits(classifier: MultiLabelClassifier) -> bool:
    _settings()
    return methods.info(classifier.method).gradient


def _settings() -> config.Config:
    """The configuration, the methods of its folders being known."""
    settings = config.load()
    methods.add_folders(settings.method_folders)
    return settings


class MultiLabelClassifier(ClassifierMixin, BaseEstimator):
    """One method, fitted as a job of the harness fits it.

    Parameters
    ----------
    method: a registered method's name.
    options: {option: value} over the method's defaults; an option given here is not searched.
    protocol: the name of one of bench.toml's protocols: epochs, optimiser, feature scaling. "small" scales features and
        gives small sets enough steps; "paper" does neither.
    seed: of initial weights, batches, noise and of the rows held out for validation.
    device: auto, cpu, cuda or cuda:N.
    dataset: the data set's name, where it is one that a method has published constants for (R-FL and DB; otherwise
        nothing depends on it).

    Attributes
    ----------
    classes_: the value that stands for "lacks the label" and the one for "has it".
    one_label_: whether the labels were a vector; predictions are vectors then.
    options_: the options of the chosen grid point.
    epoch_: the chosen epoch, from 1; None where there are none.
    validation_: {metric: value} of the choice on the validation rows; empty without.
    label_names_: names of the labels, for whoever writes predictions down.
    """

    def __init__(
        self,
        method: str = "BCE",
        options: dict[str, Any] | None = None,
        protocol: str = "small",
        seed: int = 0,
        device: str = "cpu",
        dataset: str = "",
    ) -> None:
        self.method = method
        self.options = options
        self.protocol = protocol
        self.seed = seed
        self.device = device
        self.dataset = dataset

    def fit(
        self, X: Any, y: Any, validation: float | tuple[Any, Any] | None = None, label_names: list[str] | None = None
    ) -> Self:
        """Fit on features X [N, D] and labels y [N, c] of two values, of which the larger means "has the label"; a
        vector y is one label.

        ``validation`` is a pair (X, y), or the share of the rows that is held out at random: epoch and grid point are
        chosen by its Hamming loss. Without it the method's default options are trained to the last epoch.
        """
        X, y = validate_data(self, X, y, multi_output=True, dtype=np.float32, order="C")
        values = _two_values(y)
        self.one_label_ = y.ndim == 1
        y = y.reshape(len(y), -1)
        train = X, (y == values[1]).astype(np.int8)
        held_out = None
        if isinstance(validation, tuple):
            other = validate_data(self, validation[0], dtype=np.float32, order="C", reset=False)
            held_out = other, self._labels_like(validation[1], len(other), y.shape[1], values)
        elif validation is not None:
            train, held_out = self._split(*train, validation)
        self.classes_ = values
        self.label_names_ = label_names or [f"label {j}" for j in range(y.shape[1])]
        self._fit(train, held_out)
        return self

    @available_if(_has_logits)
    def decision_function(self, X: Any) -> np.ndarray:
        """[N, c] logits of a linear classifier: a label is predicted where they are positive."""
        return self._as_given(self._scores(X))

    def predict_proba(self, X: Any) -> np.ndarray:
        """[N, c] in [0, 1]: posteriors where a method's scores are that, else the sigmoid of its logits, uncalibrated.

        [N, 2] for one label given as a vector: of lacking and of having it.
        """
        scores = self._scores(X)
        having = scores if self.threshold_ else 1 / (1 + np.exp(-scores))
        return np.hstack([1 - having, having]) if self.one_label_ else having

    def predict(self, X: Any) -> np.ndarray:
        """[N, c] of the values that ``fit`` was given."""
        having = self._scores(X) > self.threshold_
        return self._as_given(self.classes_[having.astype(int)])

    def save(self, path: str | Path) -> None:
        """Write the fitted model as one safetensors file: arrays and a description, nothing that is executed."""
        from safetensors.torch import save

        check_is_fitted(self)
        about = {
            "version": version("flem-bench") or "",
            "parameters": self.get_params(),
            "options": self.options_,
            "epoch": self.epoch_,
            "validation": self.validation_,
            "threshold": self.threshold_,
            "classes": self.classes_.tolist(),
            "one label": self.one_label_,
            "label_names": self.label_names_,
            "feature_names": [str(name) for name in getattr(self, "feature_names_in_", [])],
        }
        content = save({k: v.contiguous() for k, v in self._tensors.items()}, {FORMAT: json.dumps(about)})
        write(Path(path), content)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        return tags

    def _split(self, x: np.ndarray, y: np.ndarray, share: float) -> tuple[tuple, tuple]:
        if not 0 < share < 1:
            raise ValueError(f"validation is a pair (X, y) or a share between 0 and 1, not {share!r}")
        order = np.random.default_rng(stream_seed(self.seed, "validation")).permutation(len(x))
        count = max(1, round(share * len(x)))
        held_out, rest = order[:count], order[count:]
        return (x[rest], y[rest]), (x[held_out], y[held_out])

    def _fit(self, train: tuple[np.ndarray, np.ndarray], validation: tuple[np.ndarray, np.ndarray] | None) -> None:
        if len(train[0]) < 2:
            raise ValueError(f"training needs at least two rows; there is 1 sample, n_samples={len(train[0])}")
        protocol = self._protocol()
        tensors: dict[str, Tensor] = {}
        splits = {"train": train} | ({"val": validation} if validation else {})
        if protocol.scaling == "minmax":
            tensors[RANGE] = torch.from_numpy(np.stack([train[0].min(0), train[0].max(0)]))
        dtype = torch.float64 if protocol.precision == "float64" else torch.float32
        device = torch.device(hardware.best_device(self.device))
        prepared = {
            split: Split(_scaled(x, tensors.get(RANGE)).to(device, dtype), torch.from_numpy(y).to(device))
            for split, (x, y) in splits.items()
        }
        options = dict(self.options or {})
        made = recipe(Variant(name=self.method, base=self.method, options=options))
        points = made.points if validation else [made.options]
        problem = problem_of(self.dataset, prepared["train"], protocol.fidelity)
        fitted = _fitted(self.method, points, Prepared(problem, prepared), protocol, self.seed, made.info.gradient)
        chosen, self.validation_ = _chosen(fitted, prepared.get("val"))
        best = fitted.candidates[chosen]
        self.options_, self.epoch_, self.threshold_ = points[chosen], best.epoch, fitted.threshold
        if made.info.gradient:
            tensors |= {key: best.parameters[key].detach().cpu() for key in (WEIGHT, BIAS)}
        else:
            tensors |= {TRAINING_X: prepared["train"].x.cpu(), TRAINING_Y: prepared["train"].y.cpu()}
        self._tensors = tensors
        self._scorer = None if made.info.gradient else best.scores

    def _scores(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, order="C", reset=False)
        x = _scaled(X, self._tensors.get(RANGE))
        if self._scorer is None:
            weight, bias = self._tensors[WEIGHT].double(), self._tensors[BIAS].double()
            scores = torch.nn.functional.linear(x.double(), weight, bias)
        else:
            scores = self._scorer(x.to(self._tensors[TRAINING_X]))
        return scores.double().cpu().numpy()

    def _fit_again(self) -> None:
        """The model of a method that is no linear classifier, from its training rows: the same as before."""
        train = Split(self._tensors[TRAINING_X], self._tensors[TRAINING_Y])
        problem = problem_of(self.dataset, train, self._protocol().fidelity)
        model = methods.create(self.method, problem, **self.options_)
        assert isinstance(model, Method)
        with threads(self._protocol().threads):
            model.fit(train, stream_seed(self.seed, "fit") % 2**32)
        self._scorer = model.scores

    def _as_given(self, columns: np.ndarray) -> np.ndarray:
        return columns[:, 0] if self.one_label_ else columns

    def _protocol(self) -> Protocol:
        protocols = _settings().protocols
        if self.protocol not in protocols:
            raise ValueError(f"there is no protocol {self.protocol!r}; bench.toml has {', '.join(protocols)}")
        return protocols[self.protocol]

    def _labels_like(self, y: Any, rows: int, labels: int, values: np.ndarray) -> np.ndarray:
        y = np.asarray(y).reshape(len(y), -1)
        if y.shape != (rows, labels):
            raise ValueError(f"validation labels have the shape {y.shape}; {(rows, labels)} is needed")
        if not np.isin(y, values).all():
            raise ValueError(f"validation labels hold values other than the training labels' {values.tolist()}")
        return (y == values[1]).astype(np.int8)


def load(path: str | Path) -> MultiLabelClassifier:
    """Read a model that :meth:`MultiLabelClassifier.save` wrote.

    Raises
    ------
    UsageError: when it is not there or is no such file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as archive:
            about = json.loads((archive.metadata() or {})[FORMAT])
            tensors = {name: archive.get_tensor(name) for name in archive.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise UsageError(f"the model {path} is missing.") from error
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise UsageError(f"{path} is no model that `bench fit` or `save` wrote.") from error
    model = MultiLabelClassifier(**about["parameters"])
    model.options_, model.epoch_, model.threshold_ = about["options"], about["epoch"], about["threshold"]
    model.validation_, model.label_names_ = about["validation"], about["label_names"]
    model.classes_, model.one_label_ = np.array(about["classes"]), about["one label"]
    if names := about.get("feature_names"):
        model.feature_names_in_ = np.array(names, dtype=object)
    model.n_features_in_ = tensors[WEIGHT if WEIGHT in tensors else TRAINING_X].shape[1]
    model._tensors, model._scorer = tensors, None
    if WEIGHT not in tensors:
        model._fit_again()
    return model


def _fitted(
    name: str, points: list[dict[str, Any]], prepared: Prepared, protocol: Protocol, seed: int, gradient: bool
) -> Fitted:
    with threads(protocol.threads):
        if gradient:
            return fit_linear(name, points, prepared, protocol, seed)
        return fit_method(name, points, prepared, seed)


def _chosen(fitted: Fitted, validation: Split | None) -> tuple[int, dict[str, float | None]]:
    """The grid point with the lowest validation Hamming loss, as in a run, and its metrics."""
    if validation is None:
        return 0, {}
    usable = [candidate.usable for candidate in fitted.candidates]
    found: list[dict[str, Any]] = [
        evaluate(validation.y, candidate.scores(validation.x), fitted.threshold) if use else {}
        for candidate, use in zip(fitted.candidates, usable, strict=True)
    ]
    chosen = select(found, usable)
    return chosen, found[chosen]


def _two_values(y: np.ndarray) -> np.ndarray:
    """The value for "lacks the label" and the one for "has it"."""
    if y.ndim > 2:
        raise ValueError(f"Unknown label type: y must be a matrix [rows, labels]; its shape is {y.shape}")
    values = np.unique(y)
    if len(values) > 2:
        raise ValueError(
            "Only binary classification is supported. The type of the target is "
            f"{type_of_target(y, raise_unknown=True)}: {len(values)} values where each label is had or not"
        )
    if len(values) == 2:
        return values
    only = values[0]  # no label anywhere, or all of them
    return np.array([only, only + 1] if only <= 0 else [only - 1, only])


def _scaled(x: np.ndarray, span: Tensor | None) -> Tensor:
    """``x`` by the training rows' range, which two rows, the lowest and the highest values, have too."""
    return torch.from_numpy(x if span is None else minmax_scaled({"train": span.numpy(), "rows": x})["rows"])
