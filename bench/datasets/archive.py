"""Reading and unpacking what comes from outside: nothing is written outside its folder, and sizes are bounded."""

from __future__ import annotations

import gzip
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from bench.errors import UsageError

LARGEST_MEMBER = 4 * 2**30
LARGEST_WHOLE = 64 * 2**30


def members(path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """(name, content) of a folder's or an archive's files whose name ``wanted`` accepts, by name; nothing is unpacked.

    A folder's files may be gzipped: ``x.txt.gz`` is given as ``x.txt``.
    """
    if path.is_dir():
        for file in sorted(file for file in path.rglob("*") if file.is_file()):
            name = file.relative_to(path).as_posix().removesuffix(".gz")
            if wanted(name):
                yield name, (_gunzipped(file) if file.suffix == ".gz" else file.read_bytes())
        return
    if not path.is_file():
        raise UsageError(f"{path} does not exist.")
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for name in sorted(archive.namelist()):
                    if wanted(_plain(name)):
                        _bounded(path, name, archive.getinfo(name).file_size)
                        yield _plain(name), archive.read(name)
        else:
            with tarfile.open(path) as archive:
                for member in sorted(archive.getmembers(), key=lambda member: member.name):
                    stream = archive.extractfile(member) if member.isfile() and wanted(_plain(member.name)) else None
                    if stream is not None:
                        _bounded(path, member.name, member.size)
                        yield _plain(member.name), stream.read()
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, gzip.BadGzipFile) as error:
        raise UsageError(f"{path} cannot be read as an archive ({error}); it may be damaged or no archive.") from error


def texts(path: Path, wanted: Callable[[str], bool], errors: str = "strict") -> dict[str, str]:
    """{name without its folders: content} of the UTF-8 files among :func:`members`; ``errors`` as in bytes.decode.

    Raises
    ------
    UsageError: for a file that is not UTF-8.
    """
    contents = {}
    for name, content in members(path, wanted):
        try:
            contents[bare(name)] = content.decode("utf-8", errors)
        except UnicodeDecodeError as error:
            raise UsageError(f"{path}, {name} is not UTF-8 ({error}); it may be damaged.") from error
    return contents


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
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                _bounded_whole(path, sum(member.file_size for member in archive.infolist()))
                for info in archive.infolist():
                    _inside(path, info.filename)
                    archive.extract(info, folder)
        else:
            with tarfile.open(path) as archive:
                _bounded_whole(path, sum(member.size for member in archive.getmembers()))
                archive.extractall(folder, filter="data")
    except tarfile.FilterError as error:
        raise UsageError(f"{path} is refused: {error}.") from error
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise UsageError(f"{path} cannot be unpacked ({error}); it may be damaged or no archive.") from error


def _gunzipped(path: Path) -> bytes:
    try:
        with gzip.open(path) as stream:
            content = stream.read(LARGEST_MEMBER + 1)
    except (OSError, EOFError) as error:
        raise UsageError(f"{path} cannot be unpacked ({error}); it may be damaged.") from error
    _bounded(path, path.name, len(content))
    return content


def _plain(name: str) -> str:
    return name.removeprefix("./")


def _inside(path: Path, name: str) -> None:
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or (len(name) > 1 and name[1] == ":"):
        raise UsageError(f"{path} is refused: its member {name!r} would be written outside the folder.")


def _bounded(path: Path, name: str, size: int) -> None:
    if size > LARGEST_MEMBER:
        raise UsageError(f"{path} is refused: {name} would be {size / 1e9:.1f} GB.")


def _bounded_whole(path: Path, size: int) -> None:
    if size > LARGEST_WHOLE:
        raise UsageError(f"{path} is refused: unpacked it would be {size / 1e9:.1f} GB.")
