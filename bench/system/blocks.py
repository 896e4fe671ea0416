"""Sizes of blocks of rows: smaller where memory has run out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_divisor: ContextVar[int] = ContextVar("divisor", default=1)


@contextmanager
def smaller_blocks(divisor: int) -> Iterator[None]:
    """Inside, blocks of rows are this many times smaller; in this thread alone."""
    before = _divisor.set(divisor)
    try:
        yield
    finally:
        _divisor.reset(before)


def rows_at_once(budget: int, cost_of_row: int) -> int:
    """Rows of a block, at least one, whose cost stays within the budget, both in bytes or both in numbers."""
    return max(1, budget // _divisor.get() // cost_of_row)
