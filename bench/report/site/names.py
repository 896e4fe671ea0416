"""File names of pages: safe on every file system and in every address, and one a name."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable

UNSAFE = re.compile(r"[^a-z0-9@._-]+")
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d|index)(\..*)?")
"""Names that Windows keeps for devices, and that of a folder's own page."""
LONGEST = 80
"""Characters of a name without the digest that may follow it."""


def file_names(names: Iterable[str]) -> dict[str, str]:
    """{name: its file's name without ending}: the name in lower case, where that is safe and no other's.

    Every other name has unsafe characters replaced and a digest of the whole name behind it, so that a page keeps its
    address whatever else there is, and no two differ in case alone.
    """
    names = list(dict.fromkeys(names))
    plain = {name: UNSAFE.sub("-", name.lower()).strip("._-")[:LONGEST].rstrip("._-") for name in names}
    many = Counter(plain.values())
    return {
        name: stem if many[stem] == 1 and stem == name.lower() and not RESERVED.fullmatch(stem) else _marked(stem, name)
        for name, stem in plain.items()
    }


def _marked(stem: str, name: str) -> str:
    digest = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:10]
    return f"{stem}-{digest}" if stem else digest
