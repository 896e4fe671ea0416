"""docs/commands.md from the command line's own help: ``python -m study.command_pages``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from cyclopts import App
from cyclopts.argument import Argument

from bench.cli.main import VERBS, app
from bench.system import reading, writing

PAGE = Path(__file__).parent.parent / "docs/commands.md"
EXAMPLES = Path(__file__).with_name("commands.toml")
PROGRAM = "python -m bench"

HEAD = """<!-- Written by `python -m study.command_pages` from the command line's own help. -->
# Commands

`{program} COMMAND --help` says the same. Where the package is installed, `flem-bench` is `{program}`. Several
words after an option are several arguments: `--seeds 0 1 2`.

Exit codes: 0 done; 1 some jobs failed (each is a record with its traceback) or the program met what it did not expect;
2 wrong usage or input, or a system that refuses (no memory, a full output); 130 interrupted. What ends a command is one
sentence.

Every command takes `--help`, and

{options}
"""


def main() -> None:
    writing.write(PAGE, text().encode())


def text() -> str:
    """The page: what all commands take, a line a command by groups, then a section a command."""
    told = reading.toml(EXAMPLES)
    lines = [HEAD.format(program=PROGRAM, options="\n".join(option_table(app.meta)))]
    for title, names in told["groups"].items():
        lines += [f"**{title}**", "", "| command | |", "|---|---|"]
        lines += [f"| [{name}](#{name.replace(' ', '-')}) | {sentence(name)} |" for name in names]
        lines.append("")
    for names in told["groups"].values():
        for name in names:
            lines += section(name, told["examples"][name])
    return "\n".join(lines)


def commands() -> Iterator[str]:
    """Names of all commands, those below ``data`` too."""
    for verb in VERBS:
        below = [name for name in app[verb] if not name.startswith("-")]
        yield from (f"{verb} {name}" for name in below) if below else [verb]


def of_name(name: str) -> App:
    """The application of a command."""
    found = app
    for word in name.split():
        found = found[word]
    return found


def sentence(name: str) -> str:
    """First line of a command's help."""
    return str(of_name(name).help).partition("\n")[0]


def section(name: str, examples: list[list[str]]) -> list[str]:
    """Lines on one command: its sentence, synopsis, examples and options."""
    found = arguments(of_name(name))
    needed = [spelt(one) for one in found if one.required]
    optional = ["[OPTION ...]"] if any(not one.required for one in found) else []
    width = max(len(command) for command, _ in examples)
    return [
        f"## {name}", "", sentence(name), "",
        f"`{' '.join([PROGRAM, name, *needed, *optional])}`", "",
        "```sh", *(f"{command:<{width}}  # {word}" for command, word in examples), "```", "",
        *(option_table(of_name(name)) if found else []), "",
    ]  # fmt: skip


def arguments(command: App) -> list[Argument]:
    """Positional arguments and options of a command, as its help shows them."""
    return [one for one in command.assemble_argument_collection(parse_docstring=True) if one.show]


def option_table(command: App) -> list[str]:
    """Lines of a table of a command's arguments: spelling and meaning, with choices and the default."""
    return ["| option | |", "|---|---|", *(f"| `{spelt(one)}` | {meaning(one)} |" for one in arguments(command))]


def spelt(argument: Argument) -> str:
    """Spelling of an argument: a positional one in capitals, an option with what follows it."""
    if argument.index is not None:
        return argument.name.lstrip("-").upper() + (" ..." if argument.is_var_positional() else "")
    if argument.is_flag():
        return argument.name
    several = " ..." if argument.parameter.consume_multiple else ""
    kinds = {"int": "N", "float": "X"}
    word = next((letter for kind, letter in kinds.items() if re.search(rf"\b{kind}\b", str(argument.hint))), "WORD")
    return f"{argument.name} {word}{several}"


def meaning(argument: Argument) -> str:
    """An argument's help; its choices and its default, where the help does not say them."""
    parts = [" ".join((argument.parameter.help or "").split())]
    if (choices := argument.get_choices()) and not all(choice in parts[0] for choice in choices):
        parts.append(f"One of {', '.join(choices)}.")
    default = argument.field_info.default
    given = default is not None and default is not False and default is not argument.field_info.empty
    if given and "Default:" not in parts[0]:
        parts.append(f"Default: {default}.")
    return " ".join(filter(None, parts)).replace("|", r"\|")


if __name__ == "__main__":
    main()
