"""Diagnosis of a method's code on a few random rows, in one sentence with its line."""

from __future__ import annotations

import traceback
from typing import Any

import torch

from bench import methods
from bench.errors import UsageError
from bench.job.build import linear_module, per_sample_tensors
from bench.job.inputs import Prepared, problem_of
from bench.methods.api import LinearMethod, Method, Split
from bench.protocol import Protocol
from bench.training.loop import DivergedError
from bench.training.recording import ReadsAValueError
from bench.training.stack import ADVICE, CALLS_BEFORE_RECORDING, Stack

ROWS, FEATURES, LABELS = 24, 5, 3
BATCH = 12
LOOKS_AT_A_VALUE = (".item()", "data-dependent control flow", "Boolean value of Tensor")
NO_BRANCHES = (
    "it looks at a tensor's value (a branch on data, .item(), a boolean mask, the check in torch.linalg.solve), which "
    "models trained together cannot do; use torch.where or masked_fill, or set stackable = False in the class"
)
ONE_NUMBER = "objective must return the batch's loss, a scalar tensor"


def fault(name: str, options: dict[str, Any] | None = None) -> str | None:
    """Why the method cannot be trained; None where nothing is found.

    Parameters
    ----------
    options: over the method's defaults.
    """
    try:
        entry = methods.info(name)
        cls = methods.method_class(name)
        if entry.grid:
            methods.options(name, entry.defaults, {option: values[0] for option, values in entry.grid.items()})
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            prepared = _few_rows()
            chosen = methods.options(name, entry.defaults, options or {})
            if issubclass(cls, LinearMethod):
                return _linear(name, cls, chosen, prepared)
            return _other(name, chosen, prepared)
    except (Exception, SystemExit) as error:
        return described(error, name)


def explained(error: BaseException, name: str, options: dict[str, Any]) -> str:
    """Why a job of the method failed: its error, or what a trial finds where that does not touch the method's file."""
    if isinstance(error, DivergedError | MemoryError | OSError | UsageError):  # not of the code
        return first_line(error)
    # A trivial baseline is no method, and what ends a program would end it in the trial, too.
    opaque = isinstance(error, Exception) and name in methods.infos() and not _lines(error, name)
    found = fault(name, options) if opaque else None
    return found or described(error, name)


def described(error: BaseException, name: str) -> str:
    """The error in one sentence, with the line of the method's file that it came from."""
    text = first_line(error)
    if isinstance(error, ReadsAValueError) or any(words in str(error) for words in LOOKS_AT_A_VALUE):
        text = NO_BRANCHES
    elif isinstance(error, SystemExit | KeyboardInterrupt):
        text = f"it raised {type(error).__name__}" + (f" ({error.code!r})" if isinstance(error, SystemExit) else "")
    elif "must only return Tensors" in text:
        text = f"{ONE_NUMBER}; it returned something else, or nothing"
    lines = _lines(error, name)
    return f"{lines[-1]}: {text}" if lines else text


def first_line(error: BaseException) -> str:
    """First line of an error's message; its type where it says nothing."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _lines(error: BaseException, name: str) -> list[str]:
    """The lines of the method's file that the error passed through, the last one last."""
    file = methods.infos()[name].file if name in methods.infos() else None
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{file.name}, line {frame.lineno}" for frame in frames if file and frame.filename == str(file)]


def _few_rows() -> Prepared:
    y = (torch.rand(ROWS, LABELS) < 0.5).to(torch.int8)
    y[0], y[1] = 1, 0
    train = Split(torch.rand(ROWS, FEATURES), y)
    splits = {"train": train, "val": train}
    return Prepared(problem_of("", splits, "official"), splits)


def _linear(name: str, cls: type[LinearMethod], options: dict[str, Any], prepared: Prepared) -> str | None:
    train = prepared.splits["train"]
    extra = per_sample_tensors(name, options, prepared, Protocol(epochs=1), 0)
    modules = [linear_module(name, options, prepared, 0) for _ in range(2 if cls.stackable else 1)]
    stack = Stack(modules, linear=True, stackable=cls.stackable, device=train.x.device, dtype=train.x.dtype)
    for number in range(CALLS_BEFORE_RECORDING + 4):
        rows = torch.randint(ROWS, (BATCH,))
        batch = train.x[rows], train.y[rows].to(train.x.dtype), {key: value[rows] for key, value in extra.items()}
        clock = torch.tensor(1.0 + number // 4), torch.tensor(float(number))
        try:
            losses, gradients = stack.losses_and_gradients(*batch, clock)
        except RuntimeError:
            if number > CALLS_BEFORE_RECORDING:  # shapes that depend on data are other ones now
                return NO_BRANCHES
            raise
        if losses.shape != (len(modules),):
            return f"{ONE_NUMBER}; it returned one of the shape {list(losses.shape[1:])} for a batch of {BATCH} rows"
        if not all(value.isfinite().all() for value in (losses, *gradients)):
            return "its loss, or a gradient of it, is not finite on random features and labels"
    stack.after_epoch(train, extra, torch.ones(len(modules), dtype=torch.bool), epoch=1)
    return None if stack.records == cls.stackable else f"its objective keeps state between steps; {ADVICE}"


def _other(name: str, options: dict[str, Any], prepared: Prepared) -> str | None:
    train = prepared.splits["train"]
    model = methods.create(name, prepared.problem, **options)
    assert isinstance(model, Method)
    model.fit(train, 0)
    shape = list(model.scores(train.x[:7]).shape)
    return None if shape == [7, LABELS] else f"scores returned the shape {shape} for 7 rows and {LABELS} labels"
