"""Digests of source code and data files, the parts of a job's key. Imports no torch."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import io
import os
import tokenize
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from bench.errors import UsageError
from bench.system import reading, writing

DIGEST_LENGTH = 16

# --- source code ----------------------------------------------------------------------------------------------------


def source_digest(source: str) -> str:
    """Digest of a module's token stream without imports, comments, docstrings and layout, on every Python version."""
    state = hashlib.sha256()
    for token in _significant_tokens(source):
        state.update(token.encode() + b"\0")
    return state.hexdigest()[:DIGEST_LENGTH]


def _significant_tokens(source: str) -> Iterator[str]:
    """Token texts; block structure as INDENT/DEDENT; imports and statements that are only a string left out."""
    statement: list[str] = []
    only_string = True
    for kind, text in _merged_fstrings(source):
        if kind in (tokenize.COMMENT, tokenize.NL, tokenize.ENCODING):
            continue
        if kind in (tokenize.NEWLINE, tokenize.ENDMARKER):
            if statement and not only_string and statement[0] not in ("import", "from"):
                yield from statement
                yield "NEWLINE"
            statement, only_string = [], True
        elif kind == tokenize.INDENT:
            yield "INDENT"
        elif kind == tokenize.DEDENT:
            yield "DEDENT"
        else:
            statement.append(text)
            only_string = only_string and kind == tokenize.STRING


def _merged_fstrings(source: str) -> Iterator[tuple[int, str]]:
    """Tokens as Python 3.11 gives them: later versions split an f-string into parts, which are joined again."""
    start_kinds = {getattr(tokenize, name, -1) for name in ("FSTRING_START", "TSTRING_START")}
    end_kinds = {getattr(tokenize, name, -1) for name in ("FSTRING_END", "TSTRING_END")}
    lines = source.splitlines(keepends=True)
    depth, begin = 0, (0, 0)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in start_kinds:
            if depth == 0:
                begin = token.start
            depth += 1
        elif token.type in end_kinds:
            depth -= 1
            if depth == 0:
                yield tokenize.STRING, _between(lines, begin, token.end)
        elif depth == 0:
            yield token.type, token.string


def _between(lines: list[str], begin: tuple[int, int], end: tuple[int, int]) -> str:
    if begin[0] == end[0]:
        return lines[begin[0] - 1][begin[1] : end[1]]
    middle = lines[begin[0] : end[0] - 1]
    return "".join([lines[begin[0] - 1][begin[1] :], *middle, lines[end[0] - 1][: end[1]]])


@lru_cache(maxsize=256)
def code_digest(module: str, file: Path | None = None) -> str:
    """Digest of a module and of every project module it imports, directly or not, whatever they are called."""
    digests = sorted(_facts_of_source(path)[0] for path in _closure(module, file))
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()[:DIGEST_LENGTH]


def results_versions(loop: str, method: Path | None) -> dict[str, int]:
    """``RESULTS_VERSION``, which authors raise when results change in a way that probes cannot see: the largest of the
    loop's modules, and that of the method's file."""
    loop_version = max(_facts_of_source(path)[2] for path in _closure(loop))
    return {"loop": loop_version, "method": 1 if method is None else _facts_of_source(method)[2]}


@lru_cache(maxsize=512)
def _facts_of_source(path: Path) -> tuple[str, list[str], int]:
    """A file's digest, the project modules it imports and its ``RESULTS_VERSION`` (1 where it has none).

    They are remembered by size and time, as Python does with bytecode.
    """

    def facts() -> list:
        source = reading.text(path)
        with reading.reading(path, "Python", "mend it where it says"):
            tree = ast.parse(source)
        return [source_digest(source), _project_imports(tree), _results_version(tree)]

    digest, imports, version = _remembered(cache_folder() / "sources.json", (path,), facts, _own_digest())
    return digest, imports, version


@lru_cache(maxsize=1)
def _own_digest() -> str:
    """Digest of this module: what is remembered is forgotten when the code that computes it changes."""
    return reading.sha256(__file__)[:DIGEST_LENGTH]


def forget_sources() -> None:
    """Look at source files anew: they may have changed since this process read them."""
    for remembering in (code_digest, _facts_of_source, _closure):
        remembering.cache_clear()


@lru_cache(maxsize=128)
def _closure(module: str, file: Path | None = None) -> tuple[Path, ...]:
    found: dict[str, Path] = {}
    waiting = [(module, file or _file_of(module))]
    while waiting:
        name, path = waiting.pop()
        if path is None or name in found:
            continue
        found[name] = path
        waiting += [(imported, _file_of(imported)) for imported in _facts_of_source(path)[1]]
    # Packages' own __init__ files are registries, not computation.
    return tuple(found[name] for name in sorted(found) if found[name].name != "__init__.py" or name == module)


def _results_version(tree: ast.Module) -> int:
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="RESULTS_VERSION")], value=ast.Constant(value=int(version))):
                return version
    return 1


def _project_imports(tree: ast.Module) -> list[str]:
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [name for name in names if name.startswith("bench.")]


@lru_cache(maxsize=256)
def _file_of(module: str) -> Path | None:
    top, *rest = module.split(".")
    spec = importlib.util.find_spec(top)
    if spec is None or not spec.submodule_search_locations:
        return None
    base = Path(next(iter(spec.submodule_search_locations))).joinpath(*rest)
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


# --- data -----------------------------------------------------------------------------------------------------------


def data_digest(
    files: tuple[Path, ...], reader: str, digest: Callable[[], str], transforms: str = "", code: str = ""
) -> str:
    """``digest()`` of the arrays that the module ``reader`` and ``transforms`` of a data set make of the files.

    It is remembered beside the files (or in the user's cache) and trusted as long as their sizes, their modification
    times, the reader's code and the ``code`` of the transforms are what they were, unless :func:`verify` was called.

    Raises
    ------
    UsageError: when a file is missing.
    """
    missing = next((path for path in files if not path.is_file()), None)
    if missing is not None:
        raise UsageError(f"the data file {missing} is missing.")
    stamps = (code_digest(reader), code) if transforms else (code_digest(reader),)
    return str(_remembered(_memory_file(files[0]), files, digest, *stamps, suffix=transforms))[:DIGEST_LENGTH]


_verified: set[str] | None = None
"""Names of files, and of their transforms, whose digests were computed anew; None where remembered ones are trusted."""


def verify() -> None:
    """From now on, compute every digest of this process anew once, and trust no size and no modification time."""
    global _verified
    _verified = set()
    forget_sources()


def _remembered(memory: Path, files: tuple[Path, ...], compute: Callable[[], Any], *more: str, suffix: str = "") -> Any:
    """A value computed of files, remembered while their sizes, modification times and ``more`` are what they were; what
    has another ``suffix`` is another value of the same files."""
    with reading.reading(files[0], "a file"):
        stats = [path.stat() for path in files]
    stamp = [*([stat.st_size, stat.st_mtime_ns] for stat in stats), *more]
    name = str(files[0].resolve()) + suffix
    if _verified is None or name in _verified:
        match read_json(memory).get(name):
            case [*seen, value] if seen == stamp:
                return value
    value = compute()
    if _verified is not None:
        _verified.add(name)
    known = read_json(memory)
    if name not in known:  # it grows: what is known of files that are gone goes
        known = {one: of for one, of in known.items() if os.path.exists(one) or os.path.exists(one.partition("[")[0])}
    write_quietly(memory, {**known, name: [*stamp, value]})
    return value


def _memory_file(path: Path) -> Path:
    folder = path.resolve().parent
    inside_package = "site-packages" in folder.parts
    if not inside_package and folder.stat().st_mode & 0o222 and os.access(folder, os.W_OK):
        return folder / ".fingerprints.json"
    return cache_folder() / "fingerprints.json"


def cache_folder() -> Path:
    """Folder of what only saves time: one that cannot be made where the user has no home."""
    home = os.path.expanduser("~")  # "~" itself for a user without an entry in passwd
    given = os.environ.get("XDG_CACHE_HOME") or (os.devnull if home == "~" else f"{home}/.cache")
    return Path(given) / "flem-bench"


def read_json(path: Path) -> dict[str, Any]:
    """Values remembered in a file; none where it cannot be read."""
    try:
        stat = path.stat()
        return dict(_parsed_json(path, stat.st_ino, stat.st_mtime_ns, stat.st_size))
    except (OSError, UsageError):
        return {}


@lru_cache(maxsize=4)
def _parsed_json(path: Path, *stamp: int) -> dict[str, Any]:
    return reading.json(path, dict[str, Any])


def write_quietly(path: Path, value: dict[str, Any]) -> None:
    """A memory that cannot be written costs time later, nothing else."""
    text = msgspec.json.format(msgspec.json.encode(value, order="deterministic"), indent=0)
    writing.write_quietly(path, text)
