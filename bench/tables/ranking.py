"""Ranks as the paper prints them: plain numbers in, plain data out. Imports neither torch nor methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

DIGITS = 4

FEW = 3
"""Methods of the paper below which others are ranked with them."""


def papers_are_few(here: int, listed: int, others: int) -> bool:
    """True where other rows are ranked with the paper's unasked.

    That is where not all that a configuration lists to be ranked are here, and those that are, are fewer than three or
    fewer than the rows that it lists nowhere.
    """
    return here < listed and (here < FEW or here < others)


def printed(value: float, digits: int = DIGITS) -> str:
    """Value as tables show it; ranks are computed on this."""
    return f"{value:.{digits}f}"


def competition_ranks(values: Mapping[str, str], lower_is_better: bool) -> dict[str, int]:
    """{name: rank} of printed values; equal ones share the smallest rank (1, 2, 2, 4)."""
    numbers = {name: Decimal(value) if lower_is_better else -Decimal(value) for name, value in values.items()}
    return {name: 1 + sum(other < number for other in numbers.values()) for name, number in numbers.items()}


def average_rank(ranks: Sequence[Sequence[int]]) -> str:
    """Mean over independent sets of their mean ranks, with one decimal, rounded half up as in the paper (half-even
    would change six of its averages, where each data set is one of its own)."""
    exact = sum((Fraction(sum(of_set), len(of_set)) for of_set in ranks), Fraction()) / len(ranks)
    mean = Decimal(exact.numerator) / Decimal(exact.denominator)
    return str(mean.quantize(Decimal("0.1"), rounding=ROUND_HALF_UP))


def leaders_by_average(averages: Mapping[str, str]) -> list[str]:
    """The names with the lowest of some average ranks, as they are printed."""
    least = min(map(Decimal, averages.values()), default=None)
    return [name for name, average in averages.items() if Decimal(average) == least]
