"""Searching data folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

SEARCH_DEPTH = 4


def walk(top: Path) -> Iterator[Path]:
    for root, folders, _ in os.walk(top):
        folders.sort()
        if len(Path(root).relative_to(top).parts) >= SEARCH_DEPTH:
            folders.clear()
        yield Path(root)
