"""bench.toml -> frozen structs. A file in the working folder is laid over the one that comes with the harness."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from bench.errors import UsageError, did_you_mean
from bench.protocol import Protocol
from bench.system import reading
from bench.text import name_fault

FILE_NAME = "bench.toml"


Normalisation = Literal["sum", "softmax"]
"""Normalisation of recovered degrees to a distribution: divided by their row's sum, or by a softmax over the row."""


class Backbone(msgspec.Struct, frozen=True):
    """A network from features to logits (``bench.backbones``), with all its options."""

    name: str = "linear"
    options: dict[str, Any] = {}

    def __str__(self) -> str:
        options = ", ".join(f"{name} {value}" for name, value in self.options.items())
        return f"{self.name} ({options})" if options else self.name


LINEAR = Backbone()


class Variant(msgspec.Struct, frozen=True):
    """One line of a table: a registered method with named options."""

    name: str
    base: str
    options: dict[str, Any] = {}
    grid: dict[str, list[Any]] | None = None
    """Instead of the method's own grid; {} for none. Settings of the protocol's training may be searched, too."""
    training: dict[str, Any] = {}
    """Settings of the protocol's training in place of the protocol's own; those in ``options`` whose name is no option
    of the method are such, too."""
    training_grid: dict[str, list[Any]] = {}
    """Settings of training to search, beside the grid."""
    clip: Literal["joint", "separate", "none", "fidelity"] | None = None
    fidelity: Literal["official", "paper"] | None = None
    minimum_steps: int | None = None
    """Instead of the protocol's."""
    normalisation: Normalisation | None = None
    """Of recovered degrees, instead of the recovery recipe's."""
    classifier: str = LINEAR.name
    """The backbone that a gradient-trained method trains."""
    classifier_options: dict[str, Any] = {}


class DatasetEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    source: Literal["river", "folder"] = "folder"
    protocol: str = "paper"
    stems: list[str] = []
    extractor: str | None = None
    """The features that the paper used; another extractor's are never mistaken for them."""
    get: str = ""


class RunDefaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    datasets: list[str]
    seeds: list[int]
    only_when_named: list[str] = []
    """Methods that run when `--methods` names them, or "all", and not otherwise."""
    protocol: str = ""
    """The protocol of every data set, in place of its own; empty: its own."""
    checkpoint_seconds: float = 60.0
    """Between two checkpoints of a long training."""
    checkpoint_gib: float = 2.0
    """Size of one from which on none are written."""


class Tables(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ranked: list[str] = []
    extra: list[str] = []
    datasets: list[str] = []
    families: dict[str, list[str]] = {}
    """{family: sets that depend on each other, such as samples of one corpus}: each family counts as one set."""
    withdrawn: dict[str, list[str]] = {}
    """{reason: data sets whose comparison should not be relied on}; tables and reports say so."""


class RecoveryRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A method's recipe in the recovery track, as its authors published it for recovery where they did."""

    source: str
    """Whose recipe it is, in words."""
    options: dict[str, Any] = {}
    """Fixed, since nothing is selected in this track; the others are the method's defaults."""
    normalisation: Normalisation = "sum"
    minimum_steps: int | None = None
    """Instead of the protocol's: 0 where a recipe has its own epochs."""


class Recovery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The recovery track: label enhancement against known label distributions."""

    protocol: str
    seeds: list[int]
    ranked: list[str] = []
    datasets: list[str] = []
    families: dict[str, list[str]] = {}
    """{family: sets of the same rows}: averages over sets count each family once."""
    recipes: dict[str, RecoveryRecipe] = {}
    """{method: recipe}; without one a method has its defaults, and sums."""


class Config(msgspec.Struct, frozen=True):
    data: list[str]
    method_folders: list[str]
    run: RunDefaults
    protocols: dict[str, Protocol]
    tables: Tables
    recovery: Recovery
    variants: dict[str, Variant]
    datasets: dict[str, DatasetEntry]
    path: str


def load(folder: Path | None = None) -> Config:
    """The default configuration with the working folder's ``bench.toml`` laid over it.

    Raises
    ------
    UsageError
        For a file that is no TOML, an unknown key ("did you mean"), or a value of the wrong kind; one sentence with
        the file and the key.
    """
    default = Path(__file__).with_name(FILE_NAME).resolve()
    merged = reading.toml(default)
    try:
        own = (folder or Path.cwd()) / FILE_NAME
    except FileNotFoundError as error:
        raise UsageError("the working folder was deleted; change to one that exists.") from error
    if not os.path.lexists(own) or own.resolve() == default:
        return _build(merged, default)
    mine = reading.toml(own)
    with reading.reading(own, "settings", "mend it"):  # tables nested so deep that checking them fails
        _refuse_strange(mine, "", own)
        return _build(_merged(merged, mine), own)


MOST_WHOLE = 2**63 - 1


def _refuse_strange(value: Any, where: str, path: Path) -> None:
    """Refuse what TOML knows and no record or path can hold: dates, numbers of more than 64 bits, NUL characters."""
    inner: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    elif not isinstance(value, str | int | float):
        raise UsageError(f"{path}: {where}: a date or time is no value here: {value}.")
    elif isinstance(value, int) and abs(value) > MOST_WHOLE:
        raise UsageError(f"{path}: {where}: the number is too large; whole numbers go up to {MOST_WHOLE}.")
    elif isinstance(value, str) and "\0" in value:
        raise UsageError(f"{path}: {where}: the text holds a NUL character.")
    for key, one in inner:
        _refuse_strange(one, f"{where}.{key}" if where else str(key), path)


def _merged(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in top.items():
        both_tables = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], value) if both_tables else value
    return merged


def _build(raw: dict[str, Any], path: Path) -> Config:
    tables = ("run", "protocols", "tables", "recovery", "methods", "datasets")
    _known_keys(raw, {"data", "method_folders", *tables}, "", path)
    for table in tables:
        if not isinstance(raw.get(table, {}), dict):
            raise UsageError(f"{path}: {table} must be a table, not {raw[table]!r}.")
    for table, kind in (("methods", "method"), ("datasets", "data set"), ("protocols", "protocol")):
        for name in raw.get(table, {}):
            if fault := name_fault(name) or ("@" in name and table == "datasets" and "leave out @"):
                raise UsageError(
                    f"{path}: the {kind}'s name {name[:80]!r} cannot be a folder's or part of a file's: {fault}."
                )
    recovery = _convert(raw.get("recovery", {}), Recovery, "recovery", path)
    _known_protocol(recovery.protocol, "recovery.protocol", raw, path)
    return Config(
        data=_folders("data", raw, path),
        method_folders=_folders("method_folders", raw, path),
        run=_run_defaults(raw, path),
        protocols={name: _protocol(name, raw["protocols"], path) for name in raw.get("protocols", {})},
        tables=_convert(raw.get("tables", {}), Tables, "tables", path),
        recovery=recovery,
        variants={name: _variant(name, table, path) for name, table in raw.get("methods", {}).items()},
        datasets=_datasets(raw, path),
        path=str(path),
    )


def _folders(key: str, raw: dict[str, Any], path: Path) -> list[str]:
    given = raw.get(key, [])
    return _convert([given] if isinstance(given, str) else given, list[str], key, path)


def _run_defaults(raw: dict[str, Any], path: Path) -> RunDefaults:
    defaults = _convert(raw.get("run", {}), RunDefaults, "run", path)
    for key in ("datasets", "seeds"):
        if not getattr(defaults, key):
            raise UsageError(f"{path}: run.{key} is empty; a run needs at least one.")
    if defaults.protocol:
        _known_protocol(defaults.protocol, "run.protocol", raw, path)
    if not defaults.checkpoint_seconds >= 0:
        raise UsageError(f"{path}: run.checkpoint_seconds must be at least 0, not {defaults.checkpoint_seconds}.")
    if not defaults.checkpoint_gib >= 0:
        raise UsageError(f"{path}: run.checkpoint_gib must be at least 0, not {defaults.checkpoint_gib}.")
    return defaults


def _datasets(raw: dict[str, Any], path: Path) -> dict[str, DatasetEntry]:
    entries = {}
    for name, table in raw.get("datasets", {}).items():
        entry = _convert(table, DatasetEntry, f"datasets.{name}", path)
        _known_protocol(entry.protocol, f"datasets.{name}.protocol", raw, path)
        entries[name] = entry
    return entries


def _known_protocol(protocol: str, where: str, raw: dict[str, Any], path: Path) -> None:
    if protocol not in raw["protocols"]:
        hint = did_you_mean(protocol, raw["protocols"])
        raise UsageError(f"{path}: {where} is the protocol {protocol!r}, which is not defined; {hint}")


LEAST = {"epochs": 1, "minimum_steps": 0, "batch_size": 2, "stack": 1, "threads": 1, "weight_decay": 0}
LEAST |= {"patience": 0, "select_every": 1, "l2": 0}
MOST = {"epochs": 10**6, "minimum_steps": 10**9, "batch_size": 10**9, "stack": 4096, "threads": 1024}
MOST |= {"patience": 10**6, "select_every": 10**6}
POSITIVE = ("learning_rate", "eps")


def _protocol(name: str, tables: dict[str, Any], path: Path) -> Protocol:
    protocol = _convert(_inherited(name, tables, path, ()), Protocol, f"protocols.{name}", path)
    if fault := _out_of_bounds(protocol):
        raise UsageError(f"{path}: protocols.{name}.{fault}.")
    return protocol


def _out_of_bounds(protocol: Protocol) -> str:
    """The first setting that is too small or too large, in words; empty where none is."""
    for key in (*LEAST, *POSITIVE):
        value = getattr(protocol, key)
        if value > MOST.get(key, math.inf):
            return f"{key} must be at most {MOST[key]}, not {value}"
        if not (math.isfinite(value) and (value > 0 if key in POSITIVE else value >= LEAST[key])):
            return f"{key} must be {'a number above 0' if key in POSITIVE else f'at least {LEAST[key]}'}, not {value}"
    if not all(0 <= beta < 1 for beta in protocol.betas):
        return f"betas must be from 0 to below 1, not {list(protocol.betas)}"
    return ""


def _inherited(name: Any, tables: dict[str, Any], path: Path, seen: tuple[str, ...]) -> dict[str, Any]:
    table = tables.get(name) if isinstance(name, str) else None
    if table is None:
        hint = did_you_mean(str(name), tables)
        raise UsageError(f"{path}: protocols.{seen[-1]} has the unknown base {name!r}; {hint}")
    if not isinstance(table, dict):
        raise UsageError(f"{path}: protocols.{name} must be a table, not {table!r}.")
    if name in seen:
        raise UsageError(f"{path}: the protocols {' -> '.join((*seen, name))} are each other's base.")
    own = {key: value for key, value in table.items() if key != "base"}
    return {**_inherited(table["base"], tables, path, (*seen, name)), **own} if "base" in table else own


MOST_POINTS = 10_000
"""Of a grid: each is trained."""
VARIANT_SETTINGS = (
    "base", "grid", "training", "training_grid", "clip", "fidelity", "minimum_steps", "normalisation",
    "classifier", "classifier_options",
)  # fmt: skip


def _variant(name: str, table: Any, path: Path) -> Variant:
    if not isinstance(table, dict):
        raise UsageError(f"{path}: methods.{name} must be a table, not {table!r}.")
    options = {key: value for key, value in table.items() if key not in VARIANT_SETTINGS}
    settings = {key: table[key] for key in VARIANT_SETTINGS if key in table}
    raw = {"name": name, "base": name, "options": options, **settings}
    variant: Variant = _convert(raw, Variant, f"methods.{name}", path)
    searched = [*(variant.grid or {}).values(), *variant.training_grid.values()]
    if (points := math.prod(map(len, searched))) > MOST_POINTS:
        raise UsageError(f"{path}: methods.{name}.grid has {points} points; at most {MOST_POINTS} are tried.")
    return variant


def _convert(value: Any, kind: Any, where: str, path: Path) -> Any:
    if isinstance(value, dict) and isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        _known_keys(value, set(kind.__struct_fields__), where + ".", path)
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        message = str(error)
        inner = message.partition(" - at `$")[2].rstrip("`").lstrip(".")
        key = f"{where}.{inner}" if inner else where
        raise UsageError(f"{path}: {key}: {message.partition(' - at')[0]}.") from error


def _known_keys(table: Mapping[str, Any], known: set[str], where: str, path: Path) -> None:
    for key in table:
        if key not in known:
            raise UsageError(f"{path}: unknown key {where}{key}; {did_you_mean(key, sorted(known))}")


def describe_protocol(settings: dict, selects: bool = True) -> str:
    """A protocol in one line."""
    p = msgspec.convert(settings, Protocol)
    epochs = f"{p.epochs} epochs" + (f" or {p.minimum_steps} steps if more" if p.minimum_steps else "")
    scaling = (
        f"features scaled to [0, 1] by {'the training' if selects else 'their'} range"
        if p.scaling == "minmax"
        else "features as they are"
    )
    penalty = f", L2 penalty {p.l2:g}" if p.l2 else ""
    return (
        f"linear classifier, AdamW{' (AMSGrad)' if p.amsgrad else ''}, learning rate {p.learning_rate:g}, "
        f"weight decay {p.weight_decay:g} (biases {p.bias_weight_decay:g}){penalty}, batch {p.batch_size}, {epochs}, "
        f"{scaling}, clip {p.effective_clip}, fidelity {p.fidelity}, {p.precision}"
        + (f"; {_selection_in_words(p)}." if selects else ".")
    )


def _selection_in_words(protocol: Protocol) -> str:
    metric = "Hamming loss" if protocol.selection == "hamming" else protocol.selection
    text = f"epoch and grid point by validation {metric}"
    if protocol.select_every > 1 and protocol.selection != "hamming":
        text += f", every {protocol.select_every} epochs"
    return text + (f", at most {protocol.patience} epochs without a better one" if protocol.patience else "")


def with_settings(protocol: Protocol, settings: Mapping[str, Any]) -> Protocol:
    """The protocol with other values of some settings, checked.

    Raises
    ------
    ValueError: for a value of the wrong kind or out of bounds, with the setting's name.
    """
    if not settings:
        return protocol
    try:
        changed = msgspec.convert({**msgspec.to_builtins(protocol), **settings}, Protocol)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$.")
        raise ValueError(f"{place.rstrip('`')}: {message[0].lower()}{message[1:]}") from error
    if fault := _out_of_bounds(changed):
        raise ValueError(fault)
    return changed


def effective_protocol(protocol: Protocol, variant: Variant, settings: Mapping[str, Any] = {}) -> Protocol:
    """The protocol with a variant's own fidelity, clip, minimum of steps and other ``settings`` of training."""
    protocol = with_settings(protocol, settings)
    if variant.fidelity is not None:
        protocol = msgspec.structs.replace(protocol, fidelity=variant.fidelity)
    if variant.clip is not None:
        protocol = msgspec.structs.replace(protocol, clip=variant.clip)
    if variant.minimum_steps is not None:
        protocol = msgspec.structs.replace(protocol, minimum_steps=variant.minimum_steps)
    return msgspec.structs.replace(protocol, clip=protocol.effective_clip)


def with_epochs(protocol: Protocol, epochs: int | None) -> Protocol:
    """The protocol of ``--epochs N``: N epochs, without a minimum of steps."""
    return protocol if epochs is None else msgspec.structs.replace(protocol, epochs=epochs, minimum_steps=0)
