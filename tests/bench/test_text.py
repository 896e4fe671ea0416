"""Text from outside as it is shown, and names that may be a folder's."""

from __future__ import annotations

import pytest

from bench.text import Grid, as_text, csv_safe, name_fault, shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain, 1.5 ±0.1 ↓ é ☃", "plain, 1.5 ±0.1 ↓ é ☃"),
        ("a\x1b[31mred", r"a\x1b[31mred"),
        ("two\nlines\r\tand\x00", r"two\nlines\r\tand\x00"),
        ("\x85 \u2028 \u200b \u202e", r"\x85 \u2028 \u200b \u202e"),  # next line, separator, zero width, right to left
        (b"caf\xe9.npz".decode("utf-8", "surrogateescape"), r"caf\udce9.npz"),
        ("a\xa0b", "a\xa0b"),
    ],
)
def test_text_from_outside_is_one_line_that_moves_nothing(text: str, expected: str) -> None:
    assert shown(text) == expected
    assert shown(expected) == expected


def test_line_breaks_of_ones_own_stay() -> None:
    assert shown("a\nb\x1b", keep="\n") == "a\nb\\x1b"


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("FLEM-D legacy", ""),
        ("é", ""),
        ("n" * 200, ""),
        ("", "empty"),
        ("..", "begins with a dot"),
        ("a/b", "leave out"),
        ("a\0b", "control"),
        ("a\nb", "line break"),
        ("\x1b[31m", "control"),
        ("\udcff", "control"),
        ("n" * 201, "more than 200 bytes"),
        ("☃" * 67, "more than 200 bytes"),
    ],
)
def test_a_name_is_one_that_a_folder_may_have(name: str, fault: str) -> None:
    assert fault in name_fault(name)
    assert bool(name_fault(name)) is bool(fault)


def test_a_formula_is_text_in_a_spreadsheet() -> None:
    assert [csv_safe(cell) for cell in ("=1+1", "+1", "-1", "@x", "\tx", "a=1", "")] == [
        "'=1+1", "'+1", "'-1", "'@x", "'\tx", "a=1", "",
    ]  # fmt: skip


def test_grids_escape_what_would_break_them() -> None:
    grid = Grid(["a|b", "n\x1b"], [["x|y<z>", "1\n"]])
    assert as_text([grid], "pipe").splitlines()[0].replace(" ", "") == r"|a\|b|n\x1b|"
    assert "x\\|y&lt;z>" in as_text([grid], "pipe")
    assert "x|y<z>" in as_text([grid])
    assert "\x1b" not in as_text([grid, "note\x1b"])
