"""Progress on a terminal and in a log shows messages as they are, and none ends a run."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from bench.running.progress import Bars, Lines, progress_of

NAME = "s@npz [bold]row[/] :smile: seed 0"
MESSAGE = "shape [/0] and [bold]x[/bold] \x1b[31mred\nsecond"


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
def test_a_message_is_neither_markup_nor_a_command_to_the_terminal(
    monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO]
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", stream())
    job: Any = SimpleNamespace(name=NAME)
    with progress_of(1) as progress:
        assert type(progress) is (Bars if stream is Terminal else Lines)
        progress.start(job)
        progress.epoch("epoch", 1, 2)
        progress.say("a worker [/] died")
        progress.finish(SimpleNamespace(job=job, status="failed", message=MESSAGE, seconds=1.0))
    text = sys.stdout.getvalue()  # type: ignore[attr-defined]
    assert f"[1/1] {NAME} 1.0 s FAILED: shape [/0] and [bold]x[/bold] \\x1b[31mred\\nsecond" in text
    assert "a worker [/] died" in text
    assert "\x1b[31mred" not in text
