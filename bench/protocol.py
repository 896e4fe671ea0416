"""The protocol: what all variants share. Part of every record's key, and so apart from how bench.toml is read."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import msgspec


class Protocol(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings that all variants share: optimiser, batch, epochs, clip, selection, feature scaling."""

    epochs: int = 30
    minimum_steps: int = 0
    scaling: Literal["none", "minmax"] = "none"
    batch_size: int = 64
    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    amsgrad: bool = True
    weight_decay: float = 1e-4
    fidelity: Literal["official", "paper"] = "official"
    clip: Literal["joint", "separate", "none", "fidelity"] = "fidelity"
    selection: str = "hamming"
    """The validation metric, by its name in `list metrics`, that epochs and grid points are chosen by."""
    stack: int = 8
    threads: int = 1
    precision: Literal["float32", "tf32", "float64"] = "float32"
    """tf32: float32, but a GPU's matrix products in training may round their factors to 10 bits; metrics never do."""
    SHARED: ClassVar[frozenset[str]] = frozenset(
        {"scaling", "fidelity", "selection", "also_select", "select_every", "stack", "threads", "precision"}
    )
    """Settings that the data, the selection and the machine have to do with; the others are of the training."""
    also_select: tuple[str, ...] = ()
    """Further metrics; a training keeps the best epoch by each, and a grid its best point."""
    patience: int = 0
    """Epochs without a better value of the selecting metric after which a model stops; 0: it never does."""
    select_every: int = 1
    """Epochs from one evaluation of these metrics to the next, the last one included; Hamming loss has each epoch."""
    l2: float = 0.0
    """Penalty l2 ||W||^2 / (2 N c) on the classifier's weights, beside a mean loss over N rows and c labels: that of
    scikit-learn's logistic regression with C = 1 / l2. Side networks and biases have none."""
    LATER: ClassVar[frozenset[str]] = frozenset({"also_select", "patience", "select_every", "l2"})
    """Settings that came after the first records: a key leaves them out where they have their defaults."""

    @property
    def criteria(self) -> tuple[str, ...]:
        """The metrics to select by; the first one selects what the result is of."""
        return self.selection, *self.also_select

    @property
    def effective_clip(self) -> Literal["joint", "separate", "none"]:
        """The paper does not mention the clip, the released code has it on the joint norm."""
        if self.clip == "fidelity":
            return "joint" if self.fidelity == "official" else "none"
        return self.clip

    @property
    def bias_weight_decay(self) -> float:
        """The released code's bias group falls to AdamW's default 1e-2; "weight decay on weights" is the text's."""
        return 1e-2 if self.fidelity == "official" else 0.0

    def epochs_for(self, rows: int, epochs: int | None = None, batch_size: int | None = None) -> int:
        """Epochs that also give the minimum of steps; a recovery network has epochs and a batch size of its own."""
        epochs = self.epochs if epochs is None else epochs
        batch_size = self.batch_size if batch_size is None else batch_size
        batches = max(1, math.ceil(rows / batch_size) - (rows % batch_size == 1))
        return max(epochs, math.ceil(self.minimum_steps / batches))


TRAINING_SETTINGS = tuple(name for name in Protocol.__struct_fields__ if name not in Protocol.SHARED)
"""The settings that a variant may have of its own, and search."""


SETTING_WORDS = {
    "epochs": "{} epochs",
    "minimum_steps": "at least {} steps",
    "batch_size": "batch {}",
    "l2": "L2 penalty {}",
}


def setting_in_words(name: str, value: Any) -> str:
    """A setting of the protocol, such as "2 epochs" or "learning rate 0.01"."""
    if name == "minimum_steps" and value == 0:
        return "no minimum of steps"
    return SETTING_WORDS.get(name, name.replace("_", " ") + " {}").format(value_in_short(value))


def value_in_short(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "nothing"
    return f"{value:g}" if isinstance(value, float) else str(value)
