"""A row of a table as a scikit-learn classifier."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import msgspec
import numpy as np
from scipy.sparse import issparse
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from bench import model_file
from bench.classifier.labels import Labels, column_names
from bench.classifier.model import Kind, Model, fitted_again, kind_of_scores
from bench.classifier.rows import check_option, options_of, protocol_named, row_named, settings, with_options
from bench.classifier.training import trained
from bench.config import LINEAR
from bench.datasets.dataset import SplitArrays
from bench.datasets.validation import ROWS_AT_ONCE
from bench.errors import UsageError
from bench.model_file import TRAINING_X, WEIGHT
from bench.records.record import Metrics
from bench.system import reading
from bench.system.environment import version


def _gives_probabilities(classifier: MultiLabelClassifier) -> bool:
    if classifier._kind == "margins":
        raise AttributeError(
            f"the scores of {classifier.method!r} are margins, no probabilities; decision_function gives them, and "
            "scikit-learn's CalibratedClassifierCV makes probabilities of one label's"
        )
    return True


def _gives_decisions(classifier: MultiLabelClassifier) -> bool:
    if classifier._kind == "probabilities":
        raise AttributeError(f"the scores of {classifier.method!r} are probabilities; predict_proba gives them")
    return True


class MultiLabelClassifier(ClassifierMixin, BaseEstimator):
    """A method, or a row of bench.toml, trained and selected as a job of the harness trains it.

    Parameters
    ----------
    method: a registered method's name, or that of a row of bench.toml with its options, grid and settings.
    options: {option: value} of the method, or settings of training (``{"epochs": 5}``), over those of the row; one
        given here is not searched. Each is a parameter, too: ``set_params(k=5)``, ``GridSearchCV(model, {"k": [5]})``.
    protocol: the name of one of bench.toml's protocols: epochs, optimiser, feature scaling. "small" scales features and
        gives small sets enough steps; "paper" does neither.
    seed: of initial weights, batches and noise.
    device: auto, cpu, cuda or cuda:N.
    dataset: the data set's name, where it is one that a method has published constants for (R-FL and DB; otherwise
        nothing depends on it).
    classifier: the network that a gradient-trained method trains: "linear", "mlp", or another backbone. None: that of
        the row.
    classifier_options: {option: value} over the backbone's defaults.
    validation: the share of the rows given to ``fit`` on which epoch and grid point are chosen, by Hamming loss where
        the protocol has no other ``selection``. They are those of a data set without validation rows of its own: with
        .2 the classifier is trained as a job trains such a set. None: the method's options, where they are searched
        their defaults, are trained to the last epoch.

    Attributes
    ----------
    classes_: of one label given as a vector its two values; of a matrix the labels' numbers, as scikit-learn's
        MLPClassifier and OneVsRestClassifier have it, by which its scorers and ``cross_val_predict`` tell labels apart.
    one_label_: whether the labels were a vector; predictions are vectors then.
    options_: the options of the chosen grid point, with the settings of training that were searched.
    epoch_: the chosen epoch, from 1; None where there are none.
    threshold_: a label is predicted where its score exceeds this.
    validation_: {metric: value} of the choice on the validation rows; empty without.
    label_names_: the columns' names of a data frame of labels, else "label 0" and so on.
    """

    def __init__(
        self,
        method: str = "BCE",
        options: dict[str, Any] | None = None,
        *,
        protocol: str = "small",
        seed: int = 0,
        device: str = "cpu",
        dataset: str = "",
        classifier: str | None = None,
        classifier_options: dict[str, Any] | None = None,
        validation: float | None = None,
    ) -> None:
        self.method = method
        self.options = options
        self.protocol = protocol
        self.seed = seed
        self.device = device
        self.dataset = dataset
        self.classifier = classifier
        self.classifier_options = classifier_options
        self.validation = validation

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's parameters; ``deep``: and the options of the method, None where one is not given."""
        own: dict[str, Any] = super().get_params(deep)
        names = self._option_names() if deep else ()
        given = self.options if isinstance(self.options, dict) else {}
        return {name: given.get(name) for name in names} | own

    def set_params(self, **params: Any) -> Self:
        """Set parameters of the constructor, and options of the method by their own names; None takes one back.

        Raises
        ------
        ValueError: for a name that is neither, with a suggestion.
        """
        constructor = super().get_params(deep=False)
        super().set_params(**{name: value for name, value in params.items() if name in constructor})
        given = {name: value for name, value in params.items() if name not in constructor}
        for name in given:
            check_option(row_named(self.method), name)
        if any((self.options or {}).get(name) is not value for name, value in given.items()):
            merged = {**(self.options or {}), **given}
            self.options = {name: value for name, value in merged.items() if value is not None} or None
        return self

    def fit(self, X: Any, y: Any, X_val: Any = None, y_val: Any = None) -> Self:
        """Fit on features X [N, D] and labels y [N, c] of two values, of which the larger means "has the label"; a
        vector y is one label. Either may be an array, a sparse matrix or a data frame; sparse features are trained on
        as an array of float32, and predicted block by block.

        ``X_val`` and ``y_val`` are validation rows, in place of a share ``validation`` of the rows. A threshold that a
        method has fitted is fitted on the validation rows, without them on the training rows.
        """
        names = column_names(y)
        X, y = validate_data(self, X, y, accept_sparse="csr", multi_output=True, dtype=np.float32, order="C")
        if X.shape[0] < 2:
            raise ValueError(f"training needs at least two rows; there is 1 sample, n_samples={X.shape[0]}")
        if (X_val is None) != (y_val is None):
            raise ValueError("validation rows are X_val and y_val; one of them is missing")
        labels = Labels.of(y, names)
        splits = {"train": SplitArrays(_dense(X), labels.encoded(y, X.shape[0]))}
        if X_val is not None:
            held_out = self._checked(X_val)
            splits["val"] = SplitArrays(_dense(held_out), labels.encoded(y_val, held_out.shape[0]))
        elif self.validation is not None:
            splits = _divided(splits["train"], self.validation)
        row = with_options(row_named(self.method), self.options or {}, self.classifier, self.classifier_options)
        protocol = protocol_named(self.protocol)
        self._keep(trained(row, protocol, splits, self.dataset, self.seed, self.device), labels)
        return self

    @available_if(_gives_decisions)
    def decision_function(self, X: Any) -> np.ndarray:
        """[N, c] logits or margins, less the threshold: a label is predicted where they are positive."""
        scores = self._scores(X)
        return self._labels.as_given(scores - self.threshold_)

    @available_if(_gives_probabilities)
    def predict_proba(self, X: Any) -> np.ndarray:
        """[N, c] in [0, 1]: a method's own probabilities, or the sigmoids of its logits, uncalibrated.

        [N, 2] for one label given as a vector: of lacking and of having it. A method whose threshold is not 0 decides
        at another probability than 1/2, ASL .8 at .8.
        """
        scores = self._scores(X)
        having = scores if self._kind == "probabilities" else expit(scores)
        return np.hstack([1 - having, having]) if self.one_label_ else having

    def predict(self, X: Any) -> np.ndarray:
        """[N, c] of the values that ``fit`` was given, as an array."""
        having = self.has_label(X)
        return self._labels.as_given(self._labels.values[having])

    def has_label(self, X: Any) -> np.ndarray:
        """[N, c] of 0 and 1, whatever the values that ``fit`` was given."""
        return (self._scores(X) > self.threshold_).astype(np.int64)

    def evaluate(self, X: Any, y: Any) -> Metrics:
        """All metrics of docs/protocol.md on labelled rows, from the scores that a run computes."""
        check_is_fitted(self)
        X = self._checked(X)
        return self._model.evaluate(_dense(X), self._labels.encoded(y, X.shape[0]))

    def save(self, path: str | Path) -> None:
        """Write the fitted model as one safetensors file: arrays and a description, nothing that is executed."""
        check_is_fitted(self)
        model = self._model
        about = model_file.Description(
            version=version("flem-bench") or "",
            parameters=model_file.Parameters(**self.get_params(deep=False)),
            options=self.options_,
            epoch=self.epoch_,
            validation=self.validation_,
            threshold=self.threshold_,
            classes=tuple(self._labels.values.tolist()),
            one_label=self.one_label_,
            label_names=self.label_names_,
            feature_names=[str(name) for name in getattr(self, "feature_names_in_", [])],
            backbone=model.backbone if model.backbone != LINEAR else msgspec.UNSET,
            n_features=self.n_features_in_ if model.backbone != LINEAR else msgspec.UNSET,
            base=model.base if model.base != self.method else msgspec.UNSET,
            fidelity=model.fidelity or msgspec.UNSET,
        )
        model_file.save(Path(path), about, model.tensors)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        tags.input_tags.sparse = True
        return tags

    @property
    def _kind(self) -> Kind:
        try:
            return kind_of_scores(self._model.base if hasattr(self, "_model") else row_named(self.method).base)
        except (UsageError, ValueError) as error:
            raise AttributeError(str(error)) from error

    def _option_names(self) -> tuple[str, ...]:
        """None of what is no method: the parameters are looked at before they are used."""
        try:
            return options_of(row_named(self.method))
        except (UsageError, AttributeError, TypeError):
            return ()

    def _checked(self, X: Any) -> Any:
        return validate_data(self, X, accept_sparse="csr", dtype=np.float32, order="C", reset=False)

    def _scores(self, X: Any) -> np.ndarray:
        """[N, c]; of a sparse matrix block by block, so that it is never dense as a whole."""
        check_is_fitted(self)
        X = self._checked(X)
        if not issparse(X):
            return self._model.scores(X)
        starts = range(0, X.shape[0], ROWS_AT_ONCE)
        return np.concatenate([self._model.scores(X[start : start + ROWS_AT_ONCE].toarray()) for start in starts])

    def _keep(self, model: Model, labels: Labels) -> None:
        """Note what was fitted."""
        self._model, self._labels = model, labels
        self.options_, self.epoch_, self.threshold_ = model.options, model.epoch, model.threshold
        self.validation_, self.one_label_, self.label_names_ = model.validation, labels.vector, labels.names
        self.classes_ = labels.values if labels.vector else np.arange(len(labels.names))
        if not labels.vector and len(labels.names) <= 2:  # scorers would take these for the values of one label
            self.classes_ = np.tile([0, 1], (len(labels.names), 1))


def load(path: str | Path) -> MultiLabelClassifier:
    """Read a model that :meth:`MultiLabelClassifier.save` wrote.

    Raises
    ------
    UsageError: when it is not there, is no such file, or one of which not everything fits together.
    """
    about, tensors = model_file.load(path, settings().protocols)
    classifier = MultiLabelClassifier(**msgspec.structs.asdict(about.parameters))
    model = Model(
        base=about.method,
        tensors=tensors,
        options=about.options,
        threshold=about.threshold,
        n_labels=len(about.label_names),
        epoch=about.epoch,
        validation=about.validation,
        backbone=LINEAR if about.backbone is msgspec.UNSET else about.backbone,
        fidelity=None if about.fidelity is msgspec.UNSET else about.fidelity,
    )
    if TRAINING_X in tensors:
        with reading.reading(path, "a model", model_file.ADVICE):
            protocol = protocol_named(classifier.protocol)
            model = fitted_again(model, classifier.dataset, protocol, classifier.seed)
    classifier._keep(model, Labels(np.array(about.classes), about.label_names, about.one_label))
    if about.feature_names:
        classifier.feature_names_in_ = np.array(about.feature_names, dtype=object)
    if about.n_features is msgspec.UNSET:
        classifier.n_features_in_ = tensors[WEIGHT if WEIGHT in tensors else TRAINING_X].shape[1]
    else:
        classifier.n_features_in_ = about.n_features
    return classifier


def _divided(rows: SplitArrays, share: float) -> dict[str, SplitArrays]:
    """Training and validation rows, by the rule for a data set that has no validation rows."""
    if isinstance(share, bool) or not isinstance(share, float | int) or not 0 < share < 1:
        given = repr(share) if isinstance(share, float | int | str) else f"a {type(share).__name__}"
        raise ValueError(f"validation is a share of the rows, between 0 and 1, not {given}; rows are X_val and y_val")
    order = np.random.default_rng(0).permutation(len(rows.x))
    count = min(max(1, round(share * len(order))), len(order) - 1)
    return {"train": rows.rows(order[count:]), "val": rows.rows(order[:count])}


def _dense(x: Any) -> np.ndarray:
    """Training rows as an array: every epoch reads them in another order.

    Raises
    ------
    ValueError: where a sparse matrix would take more memory than is free.
    """
    if not issparse(x):
        return x
    if (size := x.shape[0] * x.shape[1] * x.dtype.itemsize) > (free := reading.free_memory()):
        raise ValueError(
            f"the sparse features [{x.shape[0]}, {x.shape[1]}] are trained on as an array of {size / 1e9:.1f} GB, and "
            f"{free / 1e9:.1f} GB are free; take fewer rows or features"
        )
    return x.toarray()
