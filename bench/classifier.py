"""Every method as a scikit-learn classifier, saved and loaded without code in the file: ``bench.estimator("FLEM-D")``.

What is fitted is what the tables compare: the same loop, grid and selection. A linear method is saved as its weights; a
method that is no linear classifier as its training rows, and fitted again when loaded, to the same model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import msgspec
import numpy as np
import torch
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from bench import config, methods, model_file
from bench.config import LINEAR, Variant, with_settings
from bench.job.evaluation import choice, scored
from bench.job.fit_direct import fit_method
from bench.job.fit_linear import backbone_scores, fit_linear
from bench.job.inputs import Prepared, minmax_scaled, problem_of
from bench.job.recipe import Recipe, recipe
from bench.job.selection import Candidate, Fitted
from bench.methods.api import Method, Split
from bench.model_file import RANGE, TRAINING_X, TRAINING_Y, WEIGHT
from bench.protocol import Protocol
from bench.records.record import Metrics
from bench.system import hardware, reading
from bench.system.environment import version
from bench.system.hardware import threads
from bench.training.seeding import stream_seed


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
    classifier: the network that a gradient-trained method trains: "linear", "mlp", or another backbone.
    classifier_options: {option: value} over the backbone's defaults.

    Attributes
    ----------
    classes_: of one label given as a vector the value that stands for "lacks the label" and the one for "has it"; of a
        matrix the labels' numbers, as scikit-learn's MLPClassifier has it, by which its scorers tell labels apart.
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
        classifier: str = LINEAR.name,
        classifier_options: dict[str, Any] | None = None,
    ) -> None:
        self.method = method
        self.options = options
        self.protocol = protocol
        self.seed = seed
        self.device = device
        self.dataset = dataset
        self.classifier = classifier
        self.classifier_options = classifier_options

    def fit(
        self, X: Any, y: Any, validation: float | tuple[Any, Any] | None = None, label_names: list[str] | None = None
    ) -> Self:
        """Fit on features X [N, D] and labels y [N, c] of two values, of which the larger means "has the label"; a
        vector y is one label.

        ``validation`` is a pair (X, y), or the share of the rows that is held out at random: epoch and grid point are
        chosen on it, by Hamming loss where the protocol has no other ``selection``. Without it the method's default
        options are trained to the last epoch. A threshold that a method has fitted is fitted on the same rows, without
        them on the training rows.
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
        names = list(label_names or ()) or [f"label {j}" for j in range(y.shape[1])]
        model_file.check_label_names(names, y.shape[1])
        self._name_labels(names, values)
        self._fit(train, held_out)
        return self

    @available_if(_has_logits)
    def decision_function(self, X: Any) -> np.ndarray:
        """[N, c] logits of a linear classifier, less its threshold: a label is predicted where they are positive."""
        return self._as_given(self._scores(X) - self.threshold_)

    def predict_proba(self, X: Any) -> np.ndarray:
        """[N, c] in [0, 1]: posteriors where a method's scores are that, else the sigmoid of its logits less its
        threshold, uncalibrated.

        [N, 2] for one label given as a vector: of lacking and of having it.
        """
        scores = self._scores(X)
        posteriors = self._scorer is not None and self.threshold_ != 0
        having = scores if posteriors else expit(scores - self.threshold_)
        return np.hstack([1 - having, having]) if self.one_label_ else having

    def predict(self, X: Any) -> np.ndarray:
        """[N, c] of the values that ``fit`` was given."""
        having = self.has_label(X)
        return self._as_given(self._values[having])

    def has_label(self, X: Any) -> np.ndarray:
        """[N, c] of 0 and 1, whatever the values that ``fit`` was given."""
        return (self._scores(X) > self.threshold_).astype(np.int64)

    def evaluate(self, X: Any, y: Any) -> Metrics:
        """All metrics of docs/protocol.md on labelled rows, from the scores that a run computes."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, order="C", reset=False)
        y = torch.from_numpy(self._labels_like(y, len(X), len(self.label_names_), self._values))
        rows = Split(self._scaled(X).to(self._main), y.to(self._main.device))
        found = scored(Candidate(self._scores_of, self.threshold_), rows)
        assert found is not None
        return found[0]

    def save(self, path: str | Path) -> None:
        """Write the fitted model as one safetensors file: arrays and a description, nothing that is executed."""
        check_is_fitted(self)
        other = self._backbone != LINEAR
        about = model_file.Description(
            version=version("flem-bench") or "",
            parameters=model_file.Parameters(**self.get_params()),
            options=self.options_,
            epoch=self.epoch_,
            validation=self.validation_,
            threshold=self.threshold_,
            classes=tuple(self._values.tolist()),
            one_label=self.one_label_,
            label_names=list(self.label_names_),
            feature_names=[str(name) for name in getattr(self, "feature_names_in_", [])],
            layout=model_file.LAYOUT if other else 1,
            backbone=self._backbone if other else msgspec.UNSET,
            n_features=self.n_features_in_ if other else msgspec.UNSET,
        )
        model_file.save(Path(path), about, self._tensors)

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
            split: Split(_by_range(x, tensors.get(RANGE)).to(device, dtype), torch.from_numpy(y).to(device))
            for split, (x, y) in splits.items()
        }
        options = dict(self.options or {})
        made = recipe(
            Variant(
                name=self.method,
                base=self.method,
                options=options,
                classifier=self.classifier,
                classifier_options=dict(self.classifier_options or {}),
            )
        )
        self._backbone = made.backbone
        protocol = with_settings(protocol, made.settings)
        points = made.points if validation else [made.options]
        inputs = Prepared(problem_of(self.dataset, prepared, protocol.fidelity), prepared)
        fitted = _fitted(made, points, inputs, protocol, self.seed)
        chosen, self.validation_ = 0, {}
        if validation:
            chosen, found = choice(fitted, inputs)
            self.validation_ = (found[chosen] or ({},))[0]
        best = fitted.candidates[chosen]
        self.options_, self.epoch_, self.threshold_ = points[chosen], best.epoch, best.threshold
        if made.info.gradient:
            own = {name: value for name, value in best.parameters.items() if name.startswith(model_file.PREFIX)}
            tensors |= {name: value.detach().cpu() for name, value in own.items()}
        else:
            tensors |= {TRAINING_X: prepared["train"].x, TRAINING_Y: prepared["train"].y}  # where the model is
        self._tensors = tensors
        self._scorer = None if made.info.gradient else best.scores

    def _scores(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, order="C", reset=False)
        x = self._scaled(X).to(self._main)
        # In double precision, so that a row's scores do not depend on the rows beside it.
        scores = self._scores_of(x.double() if self._scorer is None else x).double().cpu().numpy()
        if not np.isfinite(scores).all():  # which would be none of the labels, without a word
            raise ValueError(f"the scores of row {np.argwhere(~np.isfinite(scores))[0][0]} are not finite")
        return scores

    @property
    def _main(self) -> Tensor:
        """An array that the model consists of: it has the model's precision and device."""
        return next(value for name, value in self._tensors.items() if name.startswith((model_file.PREFIX, TRAINING_X)))

    def _scores_of(self, x: Tensor) -> Tensor:
        """[N, c] scores of scaled rows, in their precision."""
        if self._scorer is not None:
            return self._scorer(x)
        own = {name: value.to(x) for name, value in self._tensors.items() if name != RANGE}
        return backbone_scores(self._backbone, len(self.label_names_), own, x)

    def _scaled(self, x: np.ndarray) -> Tensor:
        return _by_range(x, self._tensors.get(RANGE))

    def _fit_again(self) -> None:
        """The model of a method that is no linear classifier, from its training rows: the same as before."""
        train = Split(self._tensors[TRAINING_X], self._tensors[TRAINING_Y])
        problem = problem_of(self.dataset, {"train": train}, self._protocol().fidelity)
        model = methods.create(self.method, problem, **self.options_)
        assert isinstance(model, Method)
        with threads(self._protocol().threads):
            model.fit(train, stream_seed(self.seed, "fit") % 2**32)
        self._scorer = model.scores

    def _name_labels(self, names: list[str], values: np.ndarray) -> None:
        """Note the labels' names, and the values for lacking and for having one."""
        self.label_names_, self._values = names, values
        self.classes_ = values if self.one_label_ else np.arange(len(names))
        if not self.one_label_ and len(names) == 2:  # scorers would take 0 and 1 for the values of one label
            self.classes_ = np.array([[0, 1], [0, 1]])

    def _as_given(self, columns: np.ndarray) -> np.ndarray:
        return columns[:, 0] if self.one_label_ else columns

    def _protocol(self) -> Protocol:
        protocols = _settings().protocols
        if self.protocol not in protocols:
            raise ValueError(f"there is no protocol {self.protocol!r}; bench.toml has {', '.join(protocols)}")
        return msgspec.structs.replace(protocols[self.protocol], also_select=())

    def _labels_like(self, y: Any, rows: int, labels: int, values: np.ndarray) -> np.ndarray:
        y = np.asarray(y).reshape(len(y), -1)
        if y.shape != (rows, labels):
            raise ValueError(f"the labels have the shape {y.shape}; {(rows, labels)} is needed")
        if not np.isin(y, values).all():
            raise ValueError(f"the labels hold values other than the training labels' {values.tolist()}")
        return (y == values[1]).astype(np.int8)


def load(path: str | Path) -> MultiLabelClassifier:
    """Read a model that :meth:`MultiLabelClassifier.save` wrote.

    Raises
    ------
    UsageError: when it is not there, is no such file, or one of which not everything fits together.
    """
    about, tensors = model_file.load(path, _settings().protocols)
    model = MultiLabelClassifier(**msgspec.structs.asdict(about.parameters))
    model.options_, model.epoch_, model.threshold_ = about.options, about.epoch, about.threshold
    model.validation_, model.one_label_ = about.validation, about.one_label
    model._name_labels(about.label_names, np.array(about.classes))
    if about.feature_names:
        model.feature_names_in_ = np.array(about.feature_names, dtype=object)
    model._tensors, model._scorer = tensors, None
    model._backbone = LINEAR if about.backbone is msgspec.UNSET else about.backbone
    if about.n_features is msgspec.UNSET:
        model.n_features_in_ = tensors[WEIGHT if WEIGHT in tensors else TRAINING_X].shape[1]
    else:
        model.n_features_in_ = about.n_features
    if TRAINING_X in tensors:
        with reading.reading(path, "a model", model_file.ADVICE):
            model._fit_again()
    return model


def _fitted(made: Recipe, points: list[dict[str, Any]], prepared: Prepared, protocol: Protocol, seed: int) -> Fitted:
    with threads(protocol.threads):
        if made.info.gradient:
            return fit_linear(made.info.name, points, prepared, protocol, seed, backbone=made.backbone)
        return fit_method(made.info.name, points, prepared, seed, protocol.criteria)


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


def _by_range(x: np.ndarray, span: Tensor | None) -> Tensor:
    """``x`` by the training rows' range, which two rows, the lowest and the highest values, have too."""
    return torch.from_numpy(x if span is None else minmax_scaled({"train": span.numpy(), "rows": x})["rows"])
