"""The folder of a site: written over an older one of its own, never over anything else."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bench.errors import UsageError
from bench.system import reading
from bench.system.writing import WriteError, make_folder, write

MANIFEST = "site-files.json"
OWN = re.compile(r"((datasets|methods)/)?[A-Za-z0-9@_-][A-Za-z0-9@._-]*")
"""Paths that a site's files may have."""


class SiteFiles(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The manifest of a site: the files that the harness wrote, by which it knows them as its own."""

    generator: str
    files: list[str]
    """Paths from the site's folder, with slashes."""


def check_folder(folder: Path) -> None:
    """Refuse a folder that is neither new, nor empty, nor an older site's.

    Entries that begin with a dot (``.git``, ``.nojekyll``) are left alone and do not count.

    Raises
    ------
    UsageError: one sentence with what is there.
    """
    make_folder(folder)
    found = sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
    if found and _own_files(folder) is None:
        shown = ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
        raise UsageError(
            f"{folder} holds {shown}, and no site of ours; name an empty folder, or one that is not there."
        )


def write_site(folder: Path, pages: Mapping[str, bytes]) -> int:
    """Write the pages and remove those of the site before that are no more; the number of these.

    Parameters
    ----------
    pages: {path from the folder, with slashes: content}.

    Raises
    ------
    UsageError: where a file is in the way that the site before did not write.
    """
    check_folder(folder)
    own = _own_files(folder) or set()
    if foreign := [path for path in pages if path not in own and os.path.lexists(folder / path)]:
        raise UsageError(
            f"{folder / foreign[0]} is no file of the site, and a page would take its place; move it away."
        )
    # What is about to be written is the site's own before it is there: a run that is cut short can be made again.
    _note(folder, own | pages.keys())
    for path, content in pages.items():
        write(folder / path, content)
    gone = sorted(own - pages.keys())
    for path in gone:
        _remove(folder / path)
    _note(folder, set(pages))
    return len(gone)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise WriteError(f"{path}, a page that is no more, cannot be removed: {error.strerror or error}.") from error


def _note(folder: Path, files: set[str]) -> None:
    manifest = SiteFiles("flem-bench", sorted(files))
    write(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")


def _own_files(folder: Path) -> set[str] | None:
    """The files that the manifest names; None without one.

    Raises
    ------
    UsageError: for a manifest that cannot be read, or that names what cannot be a site's file.
    """
    path = folder / MANIFEST
    if not path.exists():
        return None
    manifest: SiteFiles = reading.json(path, SiteFiles)
    if foreign := [name for name in manifest.files if not OWN.fullmatch(name)]:
        raise UsageError(f"{path} names {foreign[0]!r}, which is no file of a site; write the site to another folder.")
    return set(manifest.files)
