"""Several trainings in one process, a step each in turn.

A step of a linear classifier keeps a small part of a GPU busy. Where each training launches its steps on a stream of
its own, those of other seeds and other methods run beside them, and the data are there once. Only one thread computes
at a time, in a fixed order, and each finds random numbers as it left them: results are those of trainings one after
another, bit for bit.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

import torch

T = TypeVar("T")


class StoppedError(KeyboardInterrupt):
    """The round that this training is part of was stopped; a method cannot have raised this itself."""


class _Round:
    """Members of a round, and whose turn it is."""

    def __init__(self, size: int) -> None:
        self.turns = [threading.Semaphore(0) for _ in range(size)]
        self.taking_part = list(range(size))
        self.seconds_waited = [0.0] * size
        self.begun = self.stopped = False
        self.over = threading.Event()

    def begin(self) -> None:
        self.turns[self.taking_part[0]].release()
        self.begun = True

    def stop(self, absent: Sequence[int]) -> None:
        """Interrupt each member when its turn comes; those who are ``absent`` never wait for one."""
        self.stopped = True
        if not self.begun:
            self.taking_part = [number for number in self.taking_part if number not in absent]
            if self.taking_part:
                self.begin()
            else:
                self.over.set()

    def wait(self, number: int) -> None:
        """
        Raises
        ------
        StoppedError: when the round was stopped meanwhile.
        """
        since = time.perf_counter()
        self.turns[number].acquire()
        self.seconds_waited[number] += time.perf_counter() - since
        if self.stopped:
            raise StoppedError

    def pass_on(self, number: int) -> None:
        self.turns[self._following(number)].release()
        self.wait(number)

    def leave(self, number: int) -> None:
        following = self._following(number)
        self.taking_part.remove(number)
        if self.taking_part:
            self.turns[following].release()
        else:
            self.over.set()

    def _following(self, number: int) -> int:
        position = self.taking_part.index(number)
        return self.taking_part[(position + 1) % len(self.taking_part)]


_place: ContextVar[tuple[_Round, int] | None] = ContextVar("place", default=None)


def pass_on() -> None:
    """Let the other trainings of this process do a step each; at once where there are none."""
    place = _place.get()
    if place is None:
        return
    with _random_numbers_kept():
        place[0].pass_on(place[1])


def seconds_of_own() -> float:
    """A clock that stands while others of this process have their turn."""
    place = _place.get()
    return time.perf_counter() - (0.0 if place is None else place[0].seconds_waited[place[1]])


@contextmanager
def _random_numbers_kept() -> Iterator[None]:
    before = torch.get_rng_state()
    on_gpu = torch.cuda.get_rng_state() if torch.cuda.is_initialized() else None
    try:
        yield
    finally:
        torch.set_rng_state(before)
        if on_gpu is not None:
            torch.cuda.set_rng_state(on_gpu)


def in_turns(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Results of the calls, each in a thread of its own; they change over where one says :func:`pass_on`.

    Raises
    ------
    KeyboardInterrupt: after Ctrl-C, when each call has been interrupted at the end of its step.
    Exception: the first one that a call raised; it interrupts the others too.
    """
    if len(calls) == 1:
        return [calls[0]()]
    members = _Round(len(calls))
    returned: dict[int, T] = {}
    raised: dict[int, BaseException] = {}

    def take_part(number: int, call: Callable[[], T]) -> None:
        _place.set((members, number))
        try:
            members.wait(number)
            returned[number] = call()
        except BaseException as error:
            raised[number] = error
            members.stopped = True
        finally:
            members.leave(number)

    threads = [threading.Thread(target=take_part, args=(number, call)) for number, call in enumerate(calls)]
    try:
        for thread in threads:
            thread.start()
        members.begin()
        members.over.wait()  # Thread.join takes a thread for ended when Ctrl-C interrupts it
    except BaseException:
        members.stop([number for number, thread in enumerate(threads) if thread.ident is None])
        members.over.wait()
        raise
    finally:
        for thread in threads:
            if thread.ident is not None:
                thread.join()
    for error in sorted(raised.values(), key=lambda one: isinstance(one, KeyboardInterrupt)):
        raise error
    return [returned[number] for number in range(len(calls))]
