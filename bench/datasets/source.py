"""A data set that is present, before it is loaded. Imports no torch."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path

from bench.datasets.dataset import Dataset


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
        UsageError: one sentence for the first fault.
        """
        return importlib.import_module(self.reader).read(self.name, self.files)
