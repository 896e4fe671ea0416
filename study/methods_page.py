"""docs/methods.md from the registry and the published defaults that test it: ``python -m study.methods_page``."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from bench import config as configuration
from bench import methods
from bench.config import Config
from bench.dataset_name import dataset_name
from bench.methods import MethodInfo
from bench.metrics.catalogue import metric_named
from bench.plan.states import JobState
from bench.records.record import Manifest
from bench.records.store import Store
from bench.system import writing
from bench.tables.comparison import comparison
from bench.tables.render import render_all
from bench.tables.table import Style
from study.reference import FOLDER, METHODS
from study.runs import committed
from tests.published_defaults import CONSTANTS, DEFAULTS, GRIDS, Constant

Key = TypeVar("Key")
PAGE = Path(__file__).parent.parent / "docs/methods.md"

HEAD = """<!-- Written by `python -m study.methods_page`. -->
# Methods

{count} methods in {families} families, read from the registry; `python -m bench list methods` shows them with your own.
`--methods @losses @trees` names families, `--methods @paper` the fifteen rows of the paper's tables. What takes long or
much memory runs when it is named, by itself or by its family (`run.only_when_named` in bench.toml: {only}).

A default is the published one; each stands below with its source, and a test compares it with the code. *Ours* marks
a value that no source gives. A grid is searched on validation data, as one stack. Where a method departs from what its
authors published it says so. Gradient-trained methods share the linear classifier, optimiser, clipping and selection
of [the protocol](protocol.md), whatever their papers trained with. A row of bench.toml sets options:

```toml
[methods."ASL strict"]
base = "ASL"
gamma_negative = 2.0
```
"""


def main() -> None:
    writing.write(PAGE, text().encode())


def text() -> str:
    """The page as Markdown."""
    config = configuration.load(FOLDER)
    infos = {name: info for name, info in methods.infos().items() if info.origin == "built-in"}
    by_family = {family: [info for info in infos.values() if info.family == family] for family in methods.FAMILIES}
    only = ", ".join(f"`{name}`" for name in config.run.only_when_named)
    parts = [HEAD.format(count=len(infos), families=len(by_family), only=only)]
    parts += [
        section(family, sorted(members, key=lambda info: info.name.casefold())) for family, members in by_family.items()
    ]
    parts += [reached(config), "## Numbers that are no option", ""]
    parts += table(["of", "number", "value", "source"], [constant_row(constant) for constant in CONSTANTS])
    return "\n".join(parts) + "\n"


REACHED = """## What they reach

One seed on five sets by the [paper's protocol](results/paper-protocol.md); the rows of its tables are from
`results/reference`, the others from `results/reference/methods` (`python -m study.reference run`). All have their
published defaults and grids; epochs and grid points are chosen by validation Hamming loss. Ranks are among all rows.
What that choice does to a loss whose decisions are best elsewhere than at its threshold, its docstring says (ASL, APL,
EM).
"""
PARTLY = """On `VOC07tv[observed=1]` one positive label of each training row is known; validation and test are whole.
"""


def reached(config: Config) -> str:
    """Tables of the records beyond the paper's rows, and of these on the same sets."""
    own = [_as_it_ended(state) for state in committed(Store(METHODS), config) if state.record]
    partly = [state for state in own if dataset_name(state.job.dataset).transforms]
    whole = [state for state in own if state not in partly]
    there = {state.job for state in whole}
    datasets = {state.job.full_dataset for state in whole}
    rows = [*config.tables.ranked, *config.tables.extra]
    papers = [
        state
        for state in committed(Store(FOLDER), config)
        if state.job.seed == 0 and state.job.full_dataset in datasets
        and state.job.variant in rows and state.job not in there
    ]  # fmt: skip
    metrics = [metric_named("hamming"), metric_named("average-precision")]
    parts = [REACHED]
    for states, intro in (([*papers, *whole], ""), (partly, PARTLY)):
        made = [comparison(states, metric, config, Manifest(), rows, Style(rank_extra=True)) for metric in metrics]
        parts += [intro, render_all([replace(one, notes=notes(one.notes)) for one in made], "markdown")]
    return "\n".join(filter(None, parts))


def _as_it_ended(state: JobState) -> JobState:
    """The state of a failure as it was made: it has no probe, by which other code could be told to give the same."""
    failure = state.record.problem if state.record else ""
    return replace(state, state="failed", note=failure) if failure else state


def notes(given: Sequence[str]) -> list[str]:
    """Notes on the seeds and on what failed; the protocols and the features are those of the reference."""
    return [note for note in given if note.startswith(("Seed", "Mean", "failed"))]


def constant_row(constant: Constant) -> list[str]:
    return [constant.where, constant.name, f"`{shown(constant.value)}`", emphasised(constant.source)]


def section(family: str, members: list[MethodInfo]) -> str:
    """A family: its methods with year and formula, what they depart from, and their defaults with sources."""
    words = methods.FAMILIES[family]
    lines = [f"## {methods.family_word(family)}", "", f"{words[0].upper()}{words[1:]}.", ""]
    lines += table(["method", "year", "formula", "publication"], [row(info) for info in members])
    if left := [(info.name, said) for info in members if (said := departure(info))]:
        lines += ["", *(f"- **{', '.join(names)}** {words}" for words, names in grouped(left).items())]
    if defaults := default_rows(members):
        lines += ["", *table(["option", "of", "default", "grid", "source"], defaults)]
    return "\n".join([*lines, ""])


def row(info: MethodInfo) -> list[str]:
    also = f" (also {', '.join(info.aliases)})" if info.aliases else ""
    return [f"**{info.name}**{also}", info.year or "–", paragraphs(info)[0], info.paper]


def departure(info: MethodInfo) -> str:
    """The paragraph of a docstring, the class's or the module's, that says what the method departs from."""
    found = next((one for one in paragraphs(info) if one.startswith("Departs from ")), "")
    return found and f"d{found[1:]}"


def paragraphs(info: MethodInfo) -> list[str]:
    documented = inspect.getdoc(methods.method_class(info.name)) or ""
    return [" ".join(one.split()).replace("``", "`") for one in re.split(r"\n\s*\n", documented)]


def default_rows(members: Iterable[MethodInfo]) -> list[list[str]]:
    """A row for each option with one default, grid and source, and the methods that have them."""
    by_name = {info.name: info for info in members}
    rows = []
    for default in DEFAULTS:
        if info := by_name.get(default.method):
            values = ", ".join(map(shown, info.grid.get(default.option, ())))
            why = GRIDS[info.name][1] if values else ""
            source = f"{default.source}; grid: {why}" if why else default.source
            key = (default.option, shown(info.defaults[default.option]), values, source)
            rows.append((info.name, key))
    return [
        [f"`{option}`", ", ".join(names), f"`{value}`", values, emphasised(source)]
        for (option, value, values, source), names in grouped(rows).items()
    ]


def grouped(pairs: Iterable[tuple[str, Key]]) -> dict[Key, list[str]]:
    found: dict[Key, list[str]] = {}
    for name, key in pairs:
        found.setdefault(key, []).append(name)
    return found


def shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def emphasised(source: str) -> str:
    return re.sub(r"^ours\b", "*ours*", source)


def table(headers: list[str], rows: list[list[str]]) -> list[str]:
    """Lines of a Markdown table."""
    cells = [[cell.replace("|", r"\|") for cell in row] for row in rows]
    return ["| " + " | ".join(line) + " |" for line in (headers, ["---"] * len(headers), *cells)]


if __name__ == "__main__":
    main()
