"""docs/commands.md is what the command line's help makes of it, and its examples are commands."""

from __future__ import annotations

import shlex

import pytest

from bench.cli.main import app
from bench.system import reading
from study import command_pages

TOLD = reading.toml(command_pages.EXAMPLES)


def test_page_is_the_committed_one() -> None:
    written = command_pages.PAGE.read_text(encoding="utf-8")
    assert written == command_pages.text(), "run python -m study.command_pages"


def test_every_command_has_a_group_and_two_examples() -> None:
    grouped = [name for names in TOLD["groups"].values() for name in names]
    assert sorted(grouped) == sorted(command_pages.commands())
    assert {name: len(examples) for name, examples in TOLD["examples"].items() if len(examples) < 2} == {}
    assert sorted(TOLD["examples"]) == sorted(grouped)


def test_every_option_says_what_it_is_for() -> None:
    rows = [line for line in command_pages.PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert rows
    assert [row for row in rows if row.endswith("|  |") or "inspect" in row] == []


@pytest.mark.parametrize(
    ("name", "command"), [(name, command) for name, examples in TOLD["examples"].items() for command, _ in examples]
)
def test_an_example_is_a_command(name: str, command: str) -> None:
    words = shlex.split(command)
    assert words[: 3 + len(name.split())] == [*command_pages.PROGRAM.split(), *name.split()]
    _, outer, _ = app.meta.parse_args(words[3:], exit_on_error=False, print_error=False)
    app.parse_args(outer.args, exit_on_error=False, print_error=False)


@pytest.mark.parametrize(
    ("name", "option", "row"),
    [
        ("run", "--seeds", "`--seeds N ...`"),
        ("run", "--jobs", "longest jobs first: a number, or auto"),
        ("run", "--jobs", "Default: 1."),
        ("fit", "--seed", "Default: 0."),
        ("fit", "DATASET", "`DATASET`"),
        ("plot", "FIGURES", "`FIGURES ...`"),
        ("table", "--rank-on", "`--rank-on WORD`"),
        ("report", "--resampling", "One of auto, always, never. Default: auto."),
    ],
)
def test_an_argument_shows_its_spelling_choices_and_default(name: str, option: str, row: str) -> None:
    (found,) = [line for line in command_pages.option_table(command_pages.of_name(name)) if f"| `{option}" in line
                and line[len(option) + 3] in "` "]  # fmt: skip
    assert row in found
