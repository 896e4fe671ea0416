"""Reading and unpacking of zip and tar archives: nothing is written outside its folder, and sizes are bounded."""

from __future__ import annotations

import gzip
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from bench.errors import UsageError
from bench.system import reading
from bench.system.writing import make_folder

LARGEST_MEMBER = 4 * 2**30
LARGEST_WHOLE = 64 * 2**30
GZIP = b"\x1f\x8b"


def members(path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """(name, content) of a folder's or an archive's files whose name ``wanted`` accepts, by name; nothing is unpacked.

    A folder's files may be gzipped: ``x.txt.gz`` is given as ``x.txt``.

    Raises
    ------
    UsageError: for an archive that is damaged, encrypted or packed in a way unknown here, or for too large a member.
    """
    if path.is_dir():
        for file in sorted(file for file in path.rglob("*") if file.is_file()):
            name = file.relative_to(path).as_posix().removesuffix(".gz")
            if wanted(name):
                yield name, reading.unpacked(file, LARGEST_MEMBER) if file.suffix == ".gz" else reading.content(file)
        return
    with _opened(path) as archive:
        if isinstance(archive, zipfile.ZipFile):
            for name in sorted(archive.namelist()):
                if wanted(_plain(name)):
                    _bounded(path, name, archive.getinfo(name).file_size, LARGEST_MEMBER)
                    yield _plain(name), archive.read(name)
        else:
            for member in sorted(archive.getmembers(), key=lambda member: member.name):
                stream = archive.extractfile(member) if member.isfile() and wanted(_plain(member.name)) else None
                if stream is not None:
                    _bounded(path, member.name, member.size, LARGEST_MEMBER)
                    yield _plain(member.name), stream.read()


def files(path: Path, wanted: Callable[[str], bool]) -> dict[str, bytes]:
    """{name without its folders: content} of :func:`members`.

    Raises
    ------
    UsageError: for two files of one name in different folders, of which nothing tells which counts.
    """
    found: dict[str, bytes] = {}
    for name, content in members(path, wanted):
        if bare(name) in found:
            raise UsageError(f"{path} has two files {bare(name)}, the second as {name}; leave one.")
        found[bare(name)] = content
    return found


def texts(path: Path, wanted: Callable[[str], bool]) -> dict[str, str]:
    """{name without its folders: content} of the UTF-8 files among :func:`members`.

    Raises
    ------
    UsageError: for a file that is not UTF-8, with its line, and for two of one name.
    """
    return {name: reading.decoded(content, f"{path}, {name}") for name, content in files(path, wanted).items()}


def bare(name: str) -> str:
    """A member's name without its folders."""
    return name.rsplit("/", 1)[-1]


def unpack(path: Path, folder: Path) -> None:
    """Unpack a tar or zip archive into ``folder``.

    Raises
    ------
    UsageError: for members that would be written outside the folder, links out of it, sizes beyond all reason, or a
        damaged archive; what was unpacked before stays and does no harm.
    """
    make_folder(folder)
    with _opened(path) as archive:
        if isinstance(archive, zipfile.ZipFile):
            _bounded(path, "unpacked it", sum(member.file_size for member in archive.infolist()), LARGEST_WHOLE)
            for info in archive.infolist():
                _inside(path, info.filename)
                archive.extract(info, folder)
        else:
            _bounded(path, "unpacked it", sum(member.size for member in archive.getmembers()), LARGEST_WHOLE)
            try:
                archive.extractall(folder, filter="data")
            except tarfile.FilterError as error:
                raise UsageError(f"{path} is refused: {error}.") from error


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """A ZipFile or a TarFile. A compressed tar is read to its end, where its checksum is, before anything is used."""
    with reading.opened(path) as raw, reading.reading(path, "an archive", "it may be damaged or no archive"):
        if reading.is_archive(path):
            with zipfile.ZipFile(raw) as archive:
                yield archive
            return
        if raw.read(2) == GZIP:
            raw.seek(0)
            _check_gzip(path, raw)
        raw.seek(0)
        with tarfile.open(fileobj=raw) as archive:
            yield archive


def _check_gzip(path: Path, raw: Any) -> None:
    size = 0
    with gzip.GzipFile(fileobj=raw) as stream:
        while block := stream.read(reading.BLOCK):
            size += len(block)
            _bounded(path, "unpacked it", size, LARGEST_WHOLE)


def _plain(name: str) -> str:
    return name.removeprefix("./")


def _inside(path: Path, name: str) -> None:
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or (len(name) > 1 and name[1] == ":"):
        raise UsageError(f"{path} is refused: its member {name!r} would be written outside the folder.")


def _bounded(path: Path, name: str, size: int, most: int) -> None:
    if size > most:
        raise UsageError(f"{path} is refused: {name} would be {size / 1e9:.1f} GB.")
