"""The method contract.

A gradient-trained method is a :class:`LinearMethod`: an ordinary ``torch.nn.Module`` for ONE model that says what loss
to minimise. Stacking many models, the device, the optimiser, clipping, selection and records belong to the training
loop. A method that is not gradient-trained is a :class:`Method`.

Of this project, a method's file here imports ``bench.methods.api``, ``.losses``, ``.per_label`` and ``.enhancement``
only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, TypeVar

import torch
from torch import Tensor, nn

Fidelity = Literal["official", "paper"]
OBSERVED = "observed"
"""The per-sample tensor that says which labels are known; no method's ``prepare`` may give one of this name."""


@dataclass(frozen=True)
class Problem:
    """The data set as a method may know it before it sees a batch."""

    dataset: str
    """Name of the data set, without the extractor."""
    n_samples: int
    """N, training rows."""
    n_features: int
    """D."""
    n_labels: int
    """c."""
    positives: Tensor
    """[c] float64: n_j, training rows that carry label j."""
    fidelity: Fidelity = "official"
    """As the released code does, or as the paper's text says, where the two differ."""
    labels_per_row: float | None = None
    """Mean number of labels of the validation rows, of those that are wholly known; None where there are none."""


@dataclass(frozen=True)
class Split:
    """Features and labels of one split."""

    x: Tensor
    """[N, D] floating point."""
    y: Tensor
    """[N, c] int8 in {0, 1}."""
    observed: Tensor | None = None
    """[N, c] bool: whether the label is known; an unknown one is 0 in ``y``. None where all are known."""


@dataclass(frozen=True)
class Batch:
    """One batch, and the logits that ONE model gives on it."""

    x: Tensor
    """[B, D]."""
    y: Tensor
    """[B, c], 0.0 or 1.0."""
    z: Tensor
    """[B, c]: logits of the shared classifier, a linear one or another backbone."""
    extra: Mapping[str, Tensor] = field(default_factory=dict)
    """Rows of the per-sample tensors that ``prepare`` returned: {name: [B, ...]}."""
    epoch: Tensor = field(default_factory=lambda: torch.ones(()))
    """0-d: the epoch, from 1."""
    step: Tensor = field(default_factory=lambda: torch.zeros(()))
    """0-d: optimiser steps taken before this one. Schedules are computed of these two, not of Python's counters."""
    epochs: int = 1
    """Epochs of the whole training, for schedules that end with it."""

    @property
    def observed(self) -> Tensor | None:
        """[B, c]: 1.0 where the label is known, 0.0 where it is not, and ``y`` is 0; None where all are known."""
        return self.extra.get(OBSERVED)


Schedule = Callable[[Tensor, Tensor], Tensor]
"""(epoch from 1, optimiser steps taken), 0-d each -> 0-d factor of the learning rate, by operations of torch alone."""


class Fit(Protocol):
    """The shared loop for any module, given to :meth:`LinearMethod.prepare`."""

    def __call__(
        self,
        module: nn.Module,
        objective: Callable[[Batch], Tensor],
        *,
        epochs: int,
        batch_size: int,
        exact: bool = False,
        optimiser: Literal["adamw", "adam"] = "adamw",
        weight_decay: float | None = None,
        learning_rate: float | None = None,
        schedule: Schedule | None = None,
        extra: Mapping[str, Tensor] | None = None,
        records: bool = False,
    ) -> None:
        """Minimise ``objective(batch)`` over the module's parameters on the training split; the last epoch stays.

        Parameters
        ----------
        module: any module with parameters. It is in training mode while it is fitted and in evaluation mode after.
        objective: a scalar; ``batch.z`` is empty. Random operations draw from the loop's noise stream.
        epochs: at least as many; more where the protocol asks for a minimum of steps, unless they are ``exact``.
        optimiser: "adamw" is the protocol's AMSGrad-AdamW with its decay of weights and biases; "adam" is Adam without
            AMSGrad and with ``weight_decay`` in the gradient (L2). No clipping.
        learning_rate: the protocol's where None, times what the ``schedule`` gives for each step.
        extra: per-sample tensors {name: [N, ...]} served as ``batch.extra``.
        records: the objective depends on the batch, the parameters and random operations of torch alone, and reads no
            tensor's value: its steps are recorded, and captured on a GPU, as those of a stackable method are.

        Raises
        ------
        RuntimeError: when the loss is no longer finite; it names the epoch. It fails the job.
        """
        ...


class LinearMethod(nn.Module):
    """A linear classifier D -> c trained by minimising :meth:`objective`.

    Numeric hyper-parameters (floats) become 0-d buffers of the same name, so that inside ``objective`` they are 0-d
    tensors and a grid of them is one stack. Other hyper-parameters (text, integers, booleans) are plain attributes,
    constant within a stack.

    The loop evaluates ``objective`` for all models of a stack at once under ``torch.vmap``: no branch on data, no
    boolean-mask indexing, no ``.item()``; ``torch.where`` and ``masked_fill`` do it. Steps
    are recorded and replayed, so an objective keeps no state between them: schedules are computed of ``batch.epoch``
    and ``batch.step``. One that counts its calls, draws from Python's or NumPy's random numbers or updates buffers
    (running statistics) is noticed, and runs without a recording.
    """

    decision_threshold: float = 0.0
    """A label is predicted where its score exceeds this."""
    fits_threshold: ClassVar[bool] = False
    """True: one threshold for all labels, the one of largest micro-F1 on the validation rows (on the training rows
    where there are none), in place of ``decision_threshold``; of equally good ones the nearest to that is taken."""
    stackable: bool = True
    """False: train the models of a grid one by one, without vmap."""
    shared_defaults: ClassVar[Mapping[str, Any]] = {}
    """Options that every name registered for the class has, with their defaults; a literal."""
    per_sample: ClassVar[tuple[str, ...]] = ()
    """Parameters [N, ...] that belong to the training rows: neither clipped nor decayed, no part of a kept model."""
    prepare_ignores: ClassVar[tuple[str, ...]] = ()
    """Options that ``prepare`` does not read: grid points that differ in these alone share what it returns."""

    def __init__(self, problem: Problem, **hyperparameters: Any) -> None:
        super().__init__()
        self.problem = problem
        for name, value in hyperparameters.items():
            if isinstance(value, float):
                self.register_buffer(name, torch.tensor(value, dtype=torch.float64))
            else:
                setattr(self, name, value)
        self.classifier: nn.Module = nn.Linear(problem.n_features, problem.n_labels)

    def prepare(self, train: Split, fit: Fit) -> dict[str, Tensor]:
        """Per-sample tensors {name: [N, ...]} computed once per job; the loop serves them as ``batch.extra[name]``."""
        return {}

    def distribution(self, train: Split, extra: Mapping[str, Tensor]) -> Tensor | None:
        """[N, c] degrees of the training rows' labels, not negative, that the trained method has recovered.

        Called with the kept epoch's parameters; ``extra`` is what ``prepare`` returned. None: it recovers none.
        """
        return None

    def after_epoch(
        self, train: Split, extra: Mapping[str, Tensor], logits: Tensor, epoch: int, epochs: int
    ) -> dict[str, Tensor]:
        """New values of registered buffers, {name: tensor}, after an epoch's training and before its validation.

        Called for one model at a time, outside of ``torch.vmap`` and of recordings, and only where it is overridden;
        no more once the model has diverged or run out of patience. Checkpoints keep the buffers.

        Parameters
        ----------
        extra: what ``prepare`` returned.
        logits: [N, c] of all training rows by the parameters of now, the classifier in evaluation mode.
        epoch, epochs: this one, from 1, and how many there are to be.
        """
        return {}

    def objective(self, batch: Batch) -> Tensor:
        """The scalar to minimise on one batch."""
        raise NotImplementedError(f"{type(self).__name__} has no objective")

    def forward(self, batch: Batch) -> Tensor:
        return self.objective(batch)


class Method(ABC):
    """A method that is not gradient-trained."""

    decision_threshold: float = 0.5
    shared_defaults: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, problem: Problem, **hyperparameters: Any) -> None:
        self.problem = problem
        for name, value in hyperparameters.items():
            setattr(self, name, value)

    @abstractmethod
    def fit(self, train: Split, seed: int) -> None:
        """Learn from the training split. ``seed`` is the job's; equal seeds give equal models."""

    @abstractmethod
    def scores(self, x: Tensor) -> Tensor:
        """[N, c] real-valued scores of the rows ``x`` [N, D]; positive iff > ``decision_threshold``."""


@dataclass(frozen=True)
class Registration:
    name: str
    method: type[Method] | type[LinearMethod]
    defaults: dict[str, Any]


REGISTERED: dict[tuple[str, str], Registration] = {}
"""By module and name; filled by ``@register`` as method files are imported. Which module a name belongs to, the listing
says."""

Class = TypeVar("Class", bound="type[Method] | type[LinearMethod]")


def register(
    name: str,
    *,
    family: str,
    paper: str,
    aliases: Sequence[str] = (),
    grid: Mapping[str, Any] | None = None,
    **defaults: Any,
) -> Callable[[Class], Class]:
    """Register a class under ``name``. All arguments must be literals: the listing reads them without importing.

    Parameters
    ----------
    family: the group the method is listed under, and named by: ``--methods @losses``.
    paper: where it was published, with the year.
    aliases: other names of the same formula, by which it may be asked for.
    grid: {option: values} searched on validation data; the product of all options is one job's grid.
    defaults: the method's options and their default values.
    """

    def add(cls: Class) -> Class:
        if not issubclass(cls, Method | LinearMethod):
            raise TypeError(f"{name!r} is registered for {cls.__name__}, which is neither a LinearMethod nor a Method")
        known = REGISTERED.get((cls.__module__, name))
        if known and known.method.__qualname__ != cls.__qualname__:
            raise ValueError(f"the method name {name!r} is registered twice: by {known.method} and {cls}")
        REGISTERED[cls.__module__, name] = Registration(name, cls, {**cls.shared_defaults, **defaults})
        return cls

    return add
