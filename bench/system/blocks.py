"""Sizes of blocks of rows, so that memory is bounded."""

from __future__ import annotations


def rows_at_once(budget: int, cost_of_row: int) -> int:
    """Rows of a block, at least one, whose cost stays within the budget, both in bytes or both in numbers."""
    return max(1, budget // cost_of_row)
