"""Fingerprints of code, data and the machine: what a record's key and environment are made of. Imports no torch."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import io
import json
import os
import platform
import subprocess
import tokenize
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from bench.errors import UsageError

DIGEST_LENGTH = 16
LIBRARIES = ("torch", "numpy", "scipy", "scikit-learn", "scikit-multilearn-ng")

# --- source code ----------------------------------------------------------------------------------------------------


def source_digest(source: str) -> str:
    """Digest of a module's token stream without comments, docstrings and layout; equal on every Python version."""
    state = hashlib.sha256()
    for token in _significant_tokens(source):
        state.update(token.encode() + b"\0")
    return state.hexdigest()[:DIGEST_LENGTH]


def _significant_tokens(source: str) -> Iterator[str]:
    """Token texts; block structure as INDENT/DEDENT; statements that are only a string (docstrings) left out."""
    statement: list[str] = []
    only_string = True
    for kind, text in _merged_fstrings(source):
        if kind in (tokenize.COMMENT, tokenize.NL, tokenize.ENCODING):
            continue
        if kind in (tokenize.NEWLINE, tokenize.ENDMARKER):
            if statement and not only_string:
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
    """Digest of a module and of every project module it imports, directly or not."""
    return _combined(_facts_of_source(path)[0] for path in _closure(module, file))


@lru_cache(maxsize=512)
def _facts_of_source(path: Path) -> tuple[str, list[str]]:
    """A file's digest and the project modules it imports; remembered by size and time, as Python does with bytecode."""

    def facts() -> list:
        source = path.read_text(encoding="utf-8")
        return [source_digest(source), _project_imports(source)]

    digest, imports = _remembered(_cache_folder() / "sources.json", path, facts, _own_digest())
    return digest, imports


@lru_cache(maxsize=1)
def _own_digest() -> str:
    """What is remembered is forgotten when the code that computes it changes."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:DIGEST_LENGTH]


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


def _project_imports(source: str) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(source)):
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


def _combined(digests: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()[:DIGEST_LENGTH]


# --- data -----------------------------------------------------------------------------------------------------------


def data_fingerprint(files: tuple[Path, ...], reader: str) -> str:
    """Digest of a data set's files and of the code that reads and splits them; file digests are computed once."""
    missing = next((path for path in files if not path.is_file()), None)
    if missing is not None:
        raise UsageError(f"the data file {missing} is missing.")
    return _combined([*(file_digest(path) for path in files), code_digest(reader)])


def file_digest(path: Path) -> str:
    """SHA-256 of a file, remembered with its size and modification time beside it (or in the user's cache)."""
    return str(_remembered(_memory_file(path), path.resolve(), lambda: sha256(path)))


def _remembered(memory: Path, path: Path, compute: Callable[[], Any], *more: str) -> Any:
    """What was computed of the file, as long as its size, its modification time and ``more`` are what they were."""
    stat = path.stat()
    stamp = [stat.st_size, stat.st_mtime_ns, *more]
    known = _read_json(memory)
    match known.get(str(path)):
        case [*seen, value] if seen == stamp:
            return value
    value = compute()
    known[str(path)] = [*stamp, value]
    _write_quietly(memory, known)
    return value


def sha256(path: Path) -> str:
    state = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 22):
            state.update(block)
    return state.hexdigest()


def _memory_file(path: Path) -> Path:
    folder = path.resolve().parent
    inside_package = "site-packages" in folder.parts
    if not inside_package and folder.stat().st_mode & 0o222 and os.access(folder, os.W_OK):
        return folder / ".fingerprints.json"
    return _cache_folder() / "fingerprints.json"


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flem-bench"


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _write_quietly(path: Path, value: dict[str, Any]) -> None:
    """A memory that cannot be written costs time later, nothing else."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(value, indent=0, sort_keys=True), encoding="utf-8")
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)


# --- environment ----------------------------------------------------------------------------------------------------


def environment(device: str) -> dict[str, Any]:
    """Where a job ran: not part of its key."""
    return {
        "bench": version("flem-bench"),
        "commit": commit(),
        "python": platform.python_version(),
        "libraries": versions(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "device": device,
        "host": platform.node(),
    }


def versions() -> dict[str, str | None]:
    return {name: version(name) for name in LIBRARIES}


@lru_cache(maxsize=64)
def version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


@lru_cache(maxsize=1)
def commit() -> str | None:
    """The commit of the checkout the code runs from, with "+" where files differ from it; None outside a checkout."""
    folder = Path(__file__).resolve().parent.parent
    if not (folder / ".git").exists():
        return None
    try:
        head = _git(folder, "rev-parse", "--short=12", "HEAD")
        return head + ("+" if _git(folder, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()


@lru_cache(maxsize=1)
def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"
