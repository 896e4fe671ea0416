"""Whatever ends a command is one sentence and an exit code; numbers and empty words on the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.cli import listing
from bench.cli.main import main
from bench.errors import UsageError

ROOT = Path(__file__).parent.parent.parent.parent


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (UsageError("this is wrong\x1b[31m\nin two lines."), 2, r"error: this is wrong\x1b[31m\nin two lines."),
        (OSError(36, "File name too long", "xxx"), 2, "error: xxx: File name too long (--debug shows where)."),
        (BrokenPipeError(32, "Broken pipe"), 2, "error: Broken pipe (--debug shows where)."),
        (MemoryError(), 2, "error: there is not enough memory (--debug shows where)."),
        (KeyError("a"), 1, "error: KeyError: 'a'. The program did not expect this; --debug shows where."),
        (ValueError("first\nsecond"), 1, "error: ValueError: first. The program did not expect this; --debug shows"),
        (RecursionError("maximum"), 1, "error: RecursionError: it is nested too deeply. The program did not"),
        (KeyboardInterrupt(), 130, "interrupted."),
    ],
)
def test_whatever_ends_a_command_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    sentence: str,
) -> None:
    def fail() -> int:
        raise error

    monkeypatch.setattr(listing, "_metrics", fail)
    assert main(["list", "metrics"]) == code
    said = capsys.readouterr().err
    assert said.startswith(sentence)
    assert said.count("\n") == 1


def test_debug_shows_where_and_what_it_came_from(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> int:
        raise UsageError("the sentence.") from ZeroDivisionError("the cause")

    monkeypatch.setattr(listing, "_metrics", fail)
    for words in (["--debug", "list", "metrics"], ["list", "metrics", "--debug"]):
        assert main(words) == 2
        said = capsys.readouterr().err
        assert "ZeroDivisionError: the cause" in said
        assert "in fail" in said
        assert said.endswith("error: the sentence.\n")


def test_a_command_under_debug_is_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "metrics", "--debug"]) == 0
    assert "hamming" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run", "--seeds", "1.5"], "--seeds must be a whole number from 0 to 4294967295, not '1.5'"),
        (["run", "--seeds", "0", "²"], "--seeds must be a whole number"),
        (["run", "--seeds", "٢"], "--seeds must be a whole number"),
        (["run", "--seeds", "1_0"], "--seeds must be a whole number"),
        (["run", "--seeds", "99999999999999999999"], "--seeds must be a whole number"),
        (["run", "--epochs", "2.7"], "--epochs must be a whole number from 1 to 1000000, not '2.7'"),
        (["run", "--epochs", "1e3"], "--epochs must be a whole number"),
        (["run", "--epochs", "100000000000000000000"], "--epochs must be a whole number"),
        (["run", "--jobs", "²"], "--jobs, if not auto, must be a whole number from 1 to 1024, not '²'"),
        (["run", "--jobs", "1000000000"], "--jobs, if not auto, must be a whole number"),
        (["run", "--jobs", "99999999999999999999"], "--jobs, if not auto, must be a whole number from 1 to 1024"),
        (["run", "--shard", "1/²"], "N of --shard K/N must be a whole number"),
        (["run", "--shard", "4/3"], "K of --shard K/N must be a whole number from 1 to 3, not '4'"),
        (["run", "--shard", "1"], "--shard takes K/N"),
        (["run", "--timeout", "٣"], "--timeout must be a decimal number, not '٣'"),
        (["run", "--timeout", "nan"], "--timeout must be a decimal number, not 'nan'"),
        (["recover", "--seeds", "0.4"], "--seeds must be a whole number"),
        (["fit", "yeast", "BCE", "--model", "m", "--seed", "0.4"], "--seed must be a whole number"),
        (["stats", "--metric", "hamming", "--region", "nan"], "--region must be a decimal number"),
        (["table", "--digits", "3.6"], "--digits must be a whole number from 1 to 10, not '3.6'"),
        (["table", "--number", "2.5"], "--number must be a whole number"),
        (["show", "yeast", "LP", "--instance", "-1"], "--instance must be a whole number"),
        (["data", "prepare", "x", "--image-size", "1.5"], "--image-size must be a whole number"),
        (["run", "--results", ""], "--results is empty; is a shell variable unset?"),
        (["run", "--results="], "--results is empty; is a shell variable unset?"),
        (["run", "--data", " "], "--data is empty"),
        (["run", "--device", ""], "--device is empty"),
        (["export", ""], "an argument is empty"),
        (["report", "--output", ""], "--output is empty"),
        (["--methods-dir", "", "list", "methods"], "--methods-dir is empty"),
    ],
    ids=" ".join,
)
def test_numbers_are_not_rounded_and_empty_words_stand_for_nothing(
    capsys: pytest.CaptureFixture[str], work: Path, words: list[str], sentence: str
) -> None:
    assert main(words) == 2
    assert sentence in capsys.readouterr().err
    assert not list(work.iterdir())


def test_whole_numbers_are_taken(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["run", "--dry-run", "--methods", "BCE", "--epochs", "2", "--seeds", "0", "4294967295", "0"]
    assert main([*words, "--shard", "1/1", "--timeout", "1e3"]) == 0
    assert "2 jobs" in capsys.readouterr().out


def program(work: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *words],
        cwd=work,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_file_named_like_a_library_is_not_run(work: Path) -> None:
    for name in ("cyclopts", "rich", "tabulate", "json"):
        (work / f"{name}.py").write_text("raise SystemExit('it was run')\n")
    done = program(work, "list", "metrics")
    assert done.returncode == 0, done.stderr
    assert "hamming" in done.stdout


def test_an_interrupt_while_modules_are_imported_is_no_traceback(work: Path) -> None:
    (work / "path").mkdir()
    (work / "path/cyclopts.py").write_text("raise KeyboardInterrupt\n")
    done = program(work, "list", "metrics", PYTHONPATH=os.pathsep.join([str(work / "path"), str(ROOT)]))
    assert (done.returncode, done.stderr) == (130, "interrupted.\n")


def test_a_working_folder_that_was_deleted(work: Path) -> None:
    (work / "gone").mkdir()
    command = f"cd gone; rmdir ../gone; {sys.executable} -m bench list metrics"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", command], cwd=work, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "error: the working folder was deleted; change to one that exists.\n"
