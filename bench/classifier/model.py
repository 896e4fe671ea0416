"""A trained model: arrays, and the scores that they give to rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from joblib import wrap_non_picklable_objects
from torch import Tensor

from bench import methods
from bench.config import LINEAR, Backbone
from bench.job.evaluation import scored
from bench.job.fit_linear import backbone_scores
from bench.job.inputs import minmax_scaled, problem_of
from bench.job.selection import Candidate
from bench.methods.api import Fidelity, LinearMethod, Method, Split
from bench.model_file import PREFIX, RANGE, TRAINING_X, TRAINING_Y
from bench.protocol import Protocol
from bench.records.record import Metrics
from bench.system.hardware import threads
from bench.training.seeding import stream_seed

Kind = Literal["logits", "margins", "probabilities"]


@dataclass(frozen=True)
class Model:
    """A method trained on arrays.

    A gradient-trained method is its network's parameters; another one its training rows, on which it is fitted again
    when it is loaded, to the same model.
    """

    base: str
    """The registered method."""
    tensors: Mapping[str, Tensor]
    options: dict[str, Any]
    """Of the chosen grid point, settings of training that were searched among them."""
    threshold: float
    n_labels: int
    epoch: int | None
    validation: Metrics
    """On the validation rows; empty where there are none."""
    backbone: Backbone = LINEAR
    fidelity: Fidelity | None = None
    """Of a row that has one of its own in place of the protocol's."""
    scorer: Callable[[Tensor], Tensor] | None = None
    """[N, D] -> [N, c] scores of a method that is not gradient-trained."""

    def scores(self, x: np.ndarray) -> np.ndarray:
        """[N, c] float64 scores of rows [N, D]; those of a network in double precision, so that a row's do not depend
        on the rows beside it.

        Raises
        ------
        ValueError: where one is not finite, which would be none of the labels, without a word.
        """
        rows = self._rows(x)
        scores = self._scores_of(rows.double() if self.scorer is None else rows).double().cpu().numpy()
        if not np.isfinite(scores).all():
            raise ValueError(f"the scores of row {np.argwhere(~np.isfinite(scores))[0][0]} are not finite")
        return scores

    def evaluate(self, x: np.ndarray, y: np.ndarray) -> Metrics:
        """All metrics on labelled rows, of the scores that a job computes, in its precision."""
        found = scored(
            Candidate(self._scores_of, self.threshold), Split(self._rows(x), torch.from_numpy(y).to(self._main.device))
        )
        assert found is not None
        return found[0]

    def __getstate__(self) -> dict[str, Any]:
        """As :mod:`pickle` keeps it: what was fitted may hold functions without a name, which it does not take."""
        scorer = self.scorer and wrap_non_picklable_objects(self.scorer, keep_wrapper=False)
        return vars(self) | {"scorer": scorer}

    @property
    def _main(self) -> Tensor:
        """An array that the model consists of: it has the model's precision and device."""
        return next(value for name, value in self.tensors.items() if name.startswith((PREFIX, TRAINING_X)))

    def _rows(self, x: np.ndarray) -> Tensor:
        """``x`` by the training rows' range, which two rows, the lowest and the highest values, have too."""
        span = self.tensors.get(RANGE)
        scaled = x if span is None else minmax_scaled({"train": span.numpy(), "rows": x})["rows"]
        return torch.from_numpy(scaled).to(self._main)

    def _scores_of(self, x: Tensor) -> Tensor:
        if self.scorer is not None:
            return self.scorer(x)
        own = {name: value.to(x) for name, value in self.tensors.items() if name != RANGE}
        return backbone_scores(self.backbone, self.n_labels, own, x)


def fitted_again(model: Model, dataset: str, protocol: Protocol, seed: int) -> Model:
    """The model of a method that is not gradient-trained, fitted on the training rows of its file as its job did."""
    train = Split(model.tensors[TRAINING_X], model.tensors[TRAINING_Y])
    problem = problem_of(dataset, {"train": train}, model.fidelity or protocol.fidelity)
    method = methods.create(model.base, problem, **model.options)
    assert isinstance(method, Method)
    with threads(protocol.threads):
        method.fit(train, stream_seed(seed, "fit") % 2**32)
    return replace(model, scorer=method.scores)


def kind_of_scores(base: str) -> Kind:
    """The meaning of a registered method's scores: logits, whose sigmoids are probabilities; probabilities; or margins.

    A network whose threshold is fitted has margins: a constant added to all its logits changes nothing for its loss.
    """
    cls = methods.method_class(base)
    if issubclass(cls, LinearMethod):
        return "margins" if cls.fits_threshold else "logits"
    return "probabilities" if 0 < cls.decision_threshold < 1 else "margins"
