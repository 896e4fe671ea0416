"""A data set that is present, before it is loaded, or a file that cannot be one. Imports no torch."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path

from bench.datasets.dataset import Dataset
from bench.datasets.validation import printable
from bench.errors import UsageError
from bench.system import reading


@dataclass(frozen=True)
class Source:
    """Everything that a job needs to load a data set and to name its record. Picklable."""

    name: str
    extractor: str
    protocol: str
    files: tuple[Path, ...]
    reader: str
    """The project's module whose ``read(name, files)`` gives the data set."""

    @property
    def full_name(self) -> str:
        return f"{self.name}@{self.extractor}"

    def load(self) -> Dataset:
        """Read and check the data.

        Raises
        ------
        UsageError: one sentence for the first fault; whatever else a reader raises names the file and the reader.
        """
        with reading.reading(self.files[0], f"data of the reader {self.reader.rpartition('.')[2]}"):
            return importlib.import_module(self.reader).read(self.name, self.files)


@dataclass(frozen=True)
class Unreadable:
    """A file among the data that cannot be a set: it is named, and stops no other."""

    name: str
    fault: str
    """One sentence."""

    @classmethod
    def because(cls, name: str, error: UsageError) -> Unreadable:
        """A file of the name, both printable."""
        return cls(printable(name), printable(str(error)))
