"""Progress of a run: a bar on a terminal, plain lines in a log or a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bench.plan.jobs import Job
from bench.records.locks import Running
from bench.text import shown


def say(sentence: str) -> None:
    """Print a line at once."""
    print(shown(sentence), flush=True)


class Lines:
    """Progress as plain lines, for logs and pipes."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0

    def start(self, job: Job) -> None:
        pass

    def epoch(self, what: str, done: int, total: int) -> None:
        pass

    def look(self, how_far: Callable[[Job], Running | None]) -> None:
        """Ask how far the last started job is, where that is shown."""

    def say(self, sentence: str) -> None:
        say(sentence)

    def finish(self, outcome: Any) -> None:
        self.done += 1
        self.say(self.line(outcome))

    def line(self, outcome: Any) -> str:
        said = outcome.message
        chosen = f" ({said})" if said else ""
        mark = {"done": chosen, "failed": f" FAILED: {said}", "elsewhere": f" left alone: {said}"}[outcome.status]
        return f"[{self.done}/{self.total}] {outcome.job.name} {outcome.seconds:.1f} s{mark}"


class Bars(Lines):
    """Progress on a terminal: a bar of jobs, and one of the running job's epochs."""

    def __init__(self, total: int, display: Any) -> None:
        super().__init__(total)
        self.display = display
        self.jobs = display.add_task("jobs", total=total)
        self.current = display.add_task("", total=None, visible=False)
        self.job: Job | None = None

    def start(self, job: Job) -> None:
        self.job = job
        self.display.update(self.current, description=shown(str(job.name)), total=None, completed=0, visible=True)

    def say(self, sentence: str) -> None:
        self.display.console.print(shown(sentence), soft_wrap=True)

    def look(self, how_far: Callable[[Job], Running | None]) -> None:
        if self.job is not None and (found := how_far(self.job)) is not None:
            self.epoch(found.what, found.done, found.total)

    def epoch(self, what: str, done: int, total: int) -> None:
        self.display.update(self.current, completed=done, total=total or None)

    def finish(self, outcome: Any) -> None:
        super().finish(outcome)
        self.display.update(self.jobs, completed=self.done)


@contextmanager
def progress_of(total: int) -> Iterator[Lines]:
    if sys.stdout is None or not sys.stdout.isatty():
        yield Lines(total)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    description = TextColumn("{task.description}", markup=False)  # a message's [0] is no style
    columns = (description, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(markup=False, highlight=False, emoji=False)
    with Progress(*columns, console=console, transient=True) as display:
        yield Bars(total, display)
