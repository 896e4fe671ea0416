"""Wins, ties and losses, counted by hand."""

from __future__ import annotations

from bench.analysis.wins import wins, wins_in_words
from bench.text import as_text
from tests.bench.tables.test_layout import made

TABLE = made(
    {
        "a": {"FL": [0.1], "CB": [0.2], "BCE": [0.2]},
        "b": {"FL": [0.3], "CB": [0.20001], "BCE": [0.2]},
        "c": {"FL": [0.1], "BCE": [0.2]},
        "d[fold=1of2]": {"FL": [0.1], "CB": [0.3], "BCE": [0.2]},
        "d[fold=2of2]": {"FL": [0.1], "CB": [0.3], "BCE": [0.2]},
    }
)


def test_counts_are_over_independent_sets_equal_as_printed() -> None:
    assert wins(TABLE, "FL", "BCE", 4) == "3/0/1"
    assert wins(TABLE, "CB", "BCE", 4) == "0/2/1"
    assert wins(TABLE, "CB", "BCE", 5) == "0/1/2"
    assert wins(TABLE, "BCE", "CB", 5) == "2/1/0"


def test_sets_without_a_value_are_left_out_and_said() -> None:
    text = as_text(wins_in_words([TABLE], "BCE"))
    assert "Wins/ties/losses against BCE on 4 data sets" in text
    assert "Data sets on which a method or BCE has no value are left out of its counts." in text
