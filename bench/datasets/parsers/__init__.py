"""The registry of parsers, which make a :class:`RawSet` of the files that a data set's home offers.

Every module of this folder declares its parsers in ``PARSERS``: a :class:`SetParser` for each set that it knows by
name, or a :class:`FormatParser` for a format of a user's own. Nothing else names it. Parsers import torch, SciPy and
the readers of formats where they need them, not at their top.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

from bench.datasets.raw import RawSet
from bench.errors import UsageError, did_you_mean
from bench.system import reading


@dataclass(frozen=True)
class File:
    """One file to download."""

    url: str
    checksum: str | None
    """``md5:...`` or ``sha256:...``; None: recorded on the first download."""
    note: str
    """Source of address and checksum, and whether the address was ever reached."""

    @property
    def name(self) -> str:
        return self.url.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class SetParser:
    """The parser of one published set, with the set's home and licence."""

    name: str
    """As registered in bench.toml."""
    parse: Callable[..., RawSet]
    """``parse(raw, **choices)`` of a folder or archive; a UsageError names the file that is missing or broken."""
    home: str
    licence: str
    steps: str
    """Instructions by hand, for where there is nothing to download, or nothing that may be."""
    files: tuple[File, ...] = ()
    """The files that a program may download."""
    choices: tuple[Literal["ids", "difficult"], ...] = ()
    """The options of ``data prepare`` that ``parse`` takes."""


@dataclass(frozen=True)
class FormatParser:
    """The parser of a format that users have sets of their own in."""

    form: str
    """In words, with its article: "a .csv"."""
    accepts: Callable[[Path], bool]
    """True of an existing file or folder of the format, judged by names alone."""
    parse: Callable[..., RawSet]
    """Of the path; a UsageError names the file that is missing or broken."""
    choices: tuple[Literal["label_columns"], ...] = ()
    """The options of ``data prepare`` that ``parse`` takes."""


@lru_cache(maxsize=1)
def parsers() -> tuple[SetParser | FormatParser, ...]:
    """Every parser, in the order of the modules' names."""
    modules = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return tuple(parser for name in modules for parser in importlib.import_module(f"{__name__}.{name}").PARSERS)


def set_parsers() -> dict[str, SetParser]:
    """{name: parser} of the sets that are known by name."""
    return {parser.name: parser for parser in parsers() if isinstance(parser, SetParser)}


def known_set_parser(name: str) -> SetParser | None:
    """``set_parser`` for a name that may be a user's own."""
    return next((parser for known, parser in set_parsers().items() if known.casefold() == name.casefold()), None)


def set_parser(name: str) -> SetParser:
    """The parser of a set; case does not matter.

    Raises
    ------
    UsageError: for an unknown name, with a suggestion.
    """
    parser = known_set_parser(name)
    if parser is None:
        raise UsageError(
            f"there is no source of {name!r}; {did_you_mean(name, set_parsers())} "
            f"A set of your own is {_forms()}, given by --raw."
        )
    return parser


def parse_raw(
    name: str,
    raw: Path,
    ids: Path | None = None,
    difficult: Literal["absent", "present"] = "absent",
    label_columns: Sequence[str] = (),
) -> RawSet:
    """The raw set of a known name, or a user's own of that name by the format of its files.

    Raises
    ------
    UsageError: for an unknown format, or with the file that is missing or broken.
    """
    with reading.reading(raw, "what --raw gives"):
        if not raw.exists():
            raise UsageError(f"--raw {raw} does not exist.")
    known = known_set_parser(name)
    if known is not None:
        given = {"ids": ids, "difficult": difficult}
        with reading.reading(raw, f"the files of {known.name}"):
            return known.parse(raw, **{choice: given[choice] for choice in known.choices})
    if (parser := format_parser(raw)) is not None:
        if label_columns and "label_columns" not in parser.choices:
            raise UsageError(f"--label-columns is of tables; {raw} is {parser.form}, which says what its labels are.")
        with reading.reading(raw, parser.form):
            return replace(parser.parse(raw, **({"label_columns": label_columns} if label_columns else {})), stem=name)
    raise UsageError(
        f"--raw {raw} is not what a set of your own is made from: {_forms()}; "
        f"files of a published set go by the set's name, not {name!r}: {did_you_mean(name, set_parsers())}"
    )


def format_parser(raw: Path) -> FormatParser | None:
    """The parser of a user's own file or folder; None where no format is known."""
    return next((one for one in parsers() if isinstance(one, FormatParser) and one.accepts(raw)), None)


def _forms() -> str:
    *forms, last = sorted(parser.form for parser in parsers() if isinstance(parser, FormatParser))
    return f"{', '.join(forms)}, or {last}"
