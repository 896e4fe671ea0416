"""Names of data sets with transforms: ``yeast[fold=2/5][observed=1]@resnet50`` is the set ``yeast`` and two of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bench.errors import UsageError

_TRANSFORM = re.compile(r"\[([a-z][a-z0-9-]*)=([^][=/\\]+(?:/[0-9]+)?)\]")


@dataclass(frozen=True)
class DatasetName:
    """A data set's name in its parts."""

    base: str
    """The set itself, which all transforms of it share."""
    transforms: tuple[tuple[str, str], ...] = ()
    """(transform, value) in their order of application: ("fold", "2/5")."""
    extractor: str = ""

    def __str__(self) -> str:
        parts = "".join(f"[{name}={value}]" for name, value in self.transforms)
        return self.base + parts + (f"@{self.extractor}" if self.extractor else "")


def dataset_name(name: str) -> DatasetName:
    """The parts of a data set's name.

    Raises
    ------
    UsageError: for brackets that are no transforms.
    """
    text, _, extractor = name.partition("@")
    base, bracket, _ = text.partition("[")
    transforms = tuple(_TRANSFORM.findall(text[len(base) :]))
    made = DatasetName(base, transforms, extractor)
    if bracket and (not base or str(made) != name):
        raise UsageError(f"{name!r} is no data set with transforms; write them like yeast[fold=2/5][observed=1].")
    return made
