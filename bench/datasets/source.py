"""A data set that is present, before it is loaded, or a file that cannot be one. Imports no torch."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from bench.dataset_name import DatasetName, dataset_name
from bench.datasets.dataset import Dataset
from bench.datasets.transforming import transformed
from bench.errors import UsageError
from bench.system import reading
from bench.text import shown


@dataclass(frozen=True)
class Source:
    """Everything that a job needs to load a data set and to name its record. Picklable."""

    name: str
    """With its transforms, if it has any."""
    extractor: str
    protocol: str
    files: tuple[Path, ...]
    reader: str
    """The project's module whose ``read(name, files)`` gives the data set."""

    @property
    def full_name(self) -> str:
        return f"{self.name}@{self.extractor}"

    @property
    def parts(self) -> DatasetName:
        """The name's parts: the set itself, and its transforms."""
        return dataset_name(self.name)

    def load(self) -> Dataset:
        """Read and check the data, and make the transforms. Of one set with several transforms the files are read once,
        for the last such set stays in memory until another is loaded.

        Raises
        ------
        UsageError: one sentence for the first fault; whatever else a reader raises names the file and the reader.
        TransformError: for a transform that cannot be made of the set.
        """
        parts = self.parts
        if parts.transforms:
            return transformed(_last_read(self.reader, parts.base, self.files, *reading.stamps(self.files)), parts)
        _last_read.cache_clear()
        return _read(self.reader, self.name, self.files)


def _read(reader: str, name: str, files: tuple[Path, ...]) -> Dataset:
    with reading.reading(files[0], f"data of the reader {reader.rpartition('.')[2]}"):
        return importlib.import_module(reader).read(name, files)


@lru_cache(maxsize=1)
def _last_read(reader: str, name: str, files: tuple[Path, ...], *stamps: tuple[int, ...]) -> Dataset:
    return _read(reader, name, files)


@dataclass(frozen=True)
class Unreadable:
    """A file among the data that cannot be a set: it is named, and stops no other."""

    name: str
    fault: str
    """One sentence."""

    @classmethod
    def because(cls, name: str, error: UsageError) -> Unreadable:
        """A file of the name, both printable."""
        return cls(shown(name), shown(str(error)))
