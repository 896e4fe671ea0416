"""Names of data sets with transforms: ``yeast[fold=2/5][observed=1]@resnet50`` is the set ``yeast`` and two of them.

They are folders' names too, so two characters that cannot stand in one are written otherwise: ``2/5`` as ``2of5``, a
colon before an option as a comma (``[fold=2/5:r2]`` is ``[fold=2of5,r2]``), and one between a word and its number not
at all (``[labels=min:10]`` is ``[labels=min10]``). Both spellings are understood; this one is kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

_TRANSFORM = re.compile(r"\[([a-z][a-z0-9-]*)=([^][=@\\]+)\]")
_NAME = re.compile(rf"(?P<base>.+?)(?P<transforms>(?:{_TRANSFORM.pattern})+)(?:@(?P<extractor>[^][@/\\]*))?", re.DOTALL)


@dataclass(frozen=True)
class DatasetName:
    """A data set's name in its parts."""

    base: str
    """The set itself, which all transforms of it share; or the path of a file."""
    transforms: tuple[tuple[str, str], ...] = ()
    """(transform, value) in their order of application: ("fold", "2of5")."""
    extractor: str = ""

    def __str__(self) -> str:
        return self.base + self.suffix + (f"@{self.extractor}" if self.extractor else "")

    @property
    def suffix(self) -> str:
        """The transforms as they stand in the name; empty where there are none."""
        return "".join(f"[{name}={value}]" for name, value in self.transforms)


def dataset_name(name: str) -> DatasetName:
    """The parts of a data set's name; brackets that are no transforms are part of its base."""
    found = _NAME.fullmatch(name)
    if found is None:
        base, _, extractor = name.partition("@")
        return DatasetName(base, (), extractor)
    transforms = tuple((kind, _safe(value)) for kind, value in _TRANSFORM.findall(found["transforms"]))
    return DatasetName(found["base"], transforms, found["extractor"] or "")


def plain_name(name: str) -> str:
    """A name without its transforms, with its extractor if it has one."""
    return str(replace(dataset_name(name), transforms=()))


def _safe(value: str) -> str:
    value = re.sub(r"(?<=\d)/(?=\d)", "of", value)
    return re.sub(r"^([a-z]+):(?=\d)", r"\1", value).replace(":", ",")
