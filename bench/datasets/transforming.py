"""Transforms of data sets: another split, fewer rows, fewer known labels, wrong ones.

A transform is a file of ``bench/datasets/transforms`` or of the folder ``transforms`` in a folder of methods. Written
after a data set's name, ``yeast[noise=10%]``, it makes another data set of it, which is the same for every seed and
every method: what it draws at random depends on the data set's name, its own, and a draw's number, and on nothing else.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.dataset_name import DatasetName, dataset_name
from bench.datasets.dataset import Dataset, finished, rare_label_warnings
from bench.errors import UsageError, did_you_mean
from bench.registry import Component, Registry
from bench.system import reading
from bench.text import name_fault

TRANSFORMS = Registry("transform", "bench.datasets.transforms", "transforms")
VALIDATION, DRAW = "val", "rN"
"""Options: the validation labels too; the N-th draw instead of the first."""


class TransformError(UsageError):
    """A transform that cannot be made of a data set."""


@dataclass(frozen=True)
class Value:
    """Value of a transform, after its "=": the word that says how much, and options."""

    transform: str
    word: str
    """"10%" of ``[noise=10%,val,r2]``."""
    options: tuple[str, ...] = ()
    """Those of the transform's OPTIONS that are given: ("val",)."""
    draw: int = 1
    """2 of ``r2``."""

    def __str__(self) -> str:
        draw = (f"r{self.draw}",) if self.draw > 1 else ()
        return ",".join((self.word, *self.options, *draw))

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits whose labels change: train, and val where that was asked for."""
        return ("train", "val") if VALIDATION in self.options else ("train",)

    def share(self, least: float, most: float) -> float:
        """The word as a share: .1 of "10%".

        Raises
        ------
        TransformError: for another word, or one out of the bounds (themselves allowed).
        """
        share = float(self.word[:-1]) / 100 if re.fullmatch(r"\d{1,3}(\.\d{1,6})?%", self.word) else -1.0
        if not least <= share <= most or self.word != f"{share * 100:g}%":
            raise self.fault(f"a share from {least:.0%} to {most:.0%}, such as 10%")
        return share

    def whole(self, least: int = 1, before: str = "") -> int:
        """The word as a whole number, after the letters ``before``.

        Raises
        ------
        TransformError: for another word, or a smaller number.
        """
        digits = self.word.removeprefix(before)
        if not (self.word.startswith(before) and re.fullmatch(r"[1-9]\d{0,8}", digits) and int(digits) >= least):
            raise self.fault(f"a whole number from {least} on, such as {before and before + ':'}5")
        return int(digits)

    def part(self, name: str) -> tuple[int, int]:
        """The word as (K, N) of "KofN", part K of N.

        Raises
        ------
        TransformError: for another word, N below 2, or K above N.
        """
        found = re.fullmatch(r"([1-9]\d{0,5})of([1-9]\d{0,5})", self.word)
        number, count = (int(one) for one in found.groups()) if found else (0, 0)
        if not 1 <= number <= count or count < 2:
            raise self.fault(f"K/N, {name} K of N >= 2 {name}s, such as 2/5")
        return number, count

    def fault(self, expected: str) -> TransformError:
        """An error that says what the word should be."""
        return TransformError(f"[{self.transform}={self}]: {self.transform} takes {expected}, not {self.word!r}.")


Transform = Callable[[Dataset, Value, np.random.Generator], Dataset]


def components_of(name: DatasetName) -> list[tuple[Component, Value]]:
    """The transforms of a name with their values, whose order of options is the transform's own.

    Raises
    ------
    UsageError: for an unknown transform or option, one that stands twice, one that splits anew and is not the first.
    """
    found = [(TRANSFORMS.component(kind), value) for kind, value in name.transforms]
    for place, (component, _) in enumerate(found):
        if component in [other for other, _ in found[:place]]:
            raise UsageError(f"{name}: the transform {component.name} stands twice; say it once.")
        if place and component.settings.get("SPLITS_ANEW"):
            raise UsageError(
                f"{name}: {component.name} splits rows anew and has to come first, for no changed label may get into "
                "another split."
            )
    return [(component, _value(component, value)) for component, value in found]


def _value(component: Component, text: str) -> Value:
    word, *given = text.split(",")
    allowed = tuple(component.settings.get("OPTIONS", ()))
    draw, options = 1, []
    for option in given:
        if DRAW in allowed and draw == 1 and re.fullmatch(r"r[1-9]\d{0,5}", option):
            draw = int(option[1:])
        elif option in allowed and option != DRAW and option not in options:
            options.append(option)
        else:
            known = f"there are {', '.join(allowed)}" if allowed else "it has none"
            hint = did_you_mean(option, allowed) if allowed and option not in allowed else f"{known}, each once."
            raise UsageError(f"[{component.name}={text}]: {component.name} has no option {option!r}; {hint}")
    return Value(component.name, word, tuple(sorted(options, key=allowed.index)), draw)


def canonical_name(name: DatasetName) -> DatasetName:
    """The name in the one spelling that records have.

    Raises
    ------
    UsageError: as :func:`components_of`, and for a name that cannot be a folder's.
    """
    made = replace(name, transforms=tuple((component.name, str(value)) for component, value in components_of(name)))
    if fault := name_fault(made.suffix[1:]):
        raise UsageError(f"{name}: {made.suffix} cannot be part of a folder's name: {fault}.")
    return made


def in_folds(names: Sequence[str], folds: int, repeats: int, stratified: bool) -> list[str]:
    """Each data set's name with every fold of every repeat, which stands before its other transforms.

    Raises
    ------
    UsageError: for a name that says its fold itself.
    """
    every = []
    for name in map(dataset_name, names):
        if any(kind == "fold" for kind, _ in name.transforms):
            raise UsageError(f"{name} says its fold itself; leave that out, or --folds.")
        for repeat in range(1, repeats + 1):
            options = (",stratified" if stratified else "") + (f",r{repeat}" if repeat > 1 else "")
            values = [f"{fold}of{folds}{options}" for fold in range(1, folds + 1)]
            every += [str(replace(name, transforms=(("fold", value), *name.transforms))) for value in values]
    return every


def transformed(dataset: Dataset, name: DatasetName) -> Dataset:
    """The transforms of a name made of the data set that it is called by, in their order.

    Raises
    ------
    TransformError: where one cannot be made, changes test data, or leaves a label or a split without what it needs.
    """
    made = dataset
    notes = [one for one in dataset.warnings if one not in rare_label_warnings(dataset.splits, dataset.label_names)]
    try:
        for component, value in components_of(name):
            where = f"{dataset.name}[{component.name}={value}]"
            made = _checked(_made(made, component, value, name.base), made, component, where)
        whole = finished(
            dataset.name + name.suffix, made.extractor, made.splits, made.label_names, made.split_rule,
            made.provenance, made.files, tuple(notes),
        )  # fmt: skip
    except UsageError as error:
        raise TransformError(str(error)) from error
    if emptied := next(_emptied(dataset, whole), None):
        raise TransformError(
            f"{whole.full_name} leaves the label {emptied!r} without a positive training row; take a larger share, or "
            "leave out such labels with [labels=min:1] after the others."
        )
    return whole


def random_of(base: str, transform: str, draw: int) -> np.random.Generator:
    """The generator of a transform's random numbers, whatever its word: so 5 % of the rows are among the 10 %."""
    digest = hashlib.sha256(f"{base} {transform} {draw}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def _made(dataset: Dataset, component: Component, value: Value, base: str) -> Dataset:
    apply: Transform = TRANSFORMS.module(component.name, "transform").transform
    try:
        made = apply(dataset, value, random_of(base, component.name, value.draw))
    except UsageError:
        raise
    except Exception as error:
        raise TransformError(
            f"the transform {component.name!r} ({component.path}) failed on {dataset.name}: {reading.in_short(error)}."
        ) from error
    if not isinstance(made, Dataset):
        raise TransformError(f"the transform {component.name!r} ({component.path}) returned no Dataset.")
    return made


def _checked(made: Dataset, before: Dataset, component: Component, where: str) -> Dataset:
    """``made``, where its test split is that of ``before`` as far as its labels are there."""
    if component.settings.get("SPLITS_ANEW"):
        return made
    test, old = made.splits["test"], before.splits["test"]
    place = {label: number for number, label in enumerate(before.label_names)}
    kept = [place[label] for label in made.label_names if label in place]
    same = test is old or (
        len(kept) == len(made.label_names)
        and test.observed is None
        and (test.x is old.x or np.array_equal(test.x, old.x))
        and np.array_equal(test.y, old.y[:, kept])
    )
    if not same:
        raise TransformError(f"{where}: the transform changes test data ({component.path}); it may change all others.")
    return made


def _emptied(before: Dataset, after: Dataset) -> Iterator[str]:
    """Labels that had positive training rows and have none any more."""
    had, has = (dict(zip(one.label_names, one.splits["train"].y.max(0), strict=True)) for one in (before, after))
    return (label for label, positive in has.items() if had.get(label) and not positive)
