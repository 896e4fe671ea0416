"""How much is computed at once: less where memory has run out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_divisor = 1


@contextmanager
def smaller_blocks(divisor: int) -> Iterator[None]:
    """Inside, blocks of rows are this many times smaller; for one thread."""
    global _divisor
    before, _divisor = _divisor, divisor
    try:
        yield
    finally:
        _divisor = before


def rows_at_once(budget: int, cost_of_row: int) -> int:
    """Rows of a block, at least one, whose cost stays within the budget, both in bytes or both in numbers."""
    return max(1, budget // _divisor // cost_of_row)
