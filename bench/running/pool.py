"""Process pool: one loky executor of one process a slot, so that a process that dies takes its own job along and
nothing else.

Jobs whose process was killed are tried once more, each when nothing runs beside it: if it was memory that was lacking,
there is more of it then. A job that takes too long is stopped with its process, in native code too.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from bench import methods
from bench.plan.jobs import Job
from bench.records.record import JobName
from bench.running.isolation import own_process
from bench.system.processes import begin

Call = Callable[..., Any]
SECONDS_BETWEEN_LOOKS = 0.2
SECONDS_FOR_A_KILL = 10.0
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True)
class Lost:
    """A job without an outcome: its process died twice, or was stopped."""

    job: Job
    seconds: float
    message: str


class _Slot:
    """One worker process, replaced when it is gone; all its jobs run on one device."""

    def __init__(self, threads: int, device: str) -> None:
        self.threads = threads
        self.device = device
        self.executor: Any = None
        self.future: Future | None = None
        self.job: Job | None = None
        self.started = 0.0

    def submit(self, call: Call, job: Job) -> None:
        if self.executor is None:
            from joblib.externals.loky import ProcessPoolExecutor

            self.executor = ProcessPoolExecutor(
                max_workers=1,
                initializer=begin,
                initargs=(os.getpid(), methods.folders()),
                env={name: str(self.threads) for name in THREAD_VARIABLES},
            )
        self.job, self.started = job, time.monotonic()
        with _ctrl_c_ignored():  # which the process inherits, and keeps: Ctrl-C is the run's
            self.future = self.executor.submit(call, job, device=self.device)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def free(self) -> None:
        """Ready for others; a process that is not to run them ends."""
        if self.job is not None and own_process(self.job):
            self.stop()
        self.future = self.job = None

    def stop(self) -> None:
        """End the process, whatever it does; it is gone when this returns."""
        if self.executor is not None:
            processes = dict(self.executor._processes or {})
            for pid in processes:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for process in processes.values():
                process.join(SECONDS_FOR_A_KILL)
            self.executor.shutdown(wait=False, kill_workers=True)
        self.executor = self.future = self.job = None


def fan_out(
    jobs: Sequence[Job],
    call: Call,
    devices: Sequence[str],
    timeout: float | None,
    say: Callable[[str], None],
    started: Callable[[Job], None],
    done: Callable[[Job], Any | None],
    look: Callable[[], None],
) -> Iterator[Any]:
    """Results of ``call(job, device=device)``, as jobs are done, or a :class:`Lost`.

    Parameters
    ----------
    jobs: started in this order.
    call: picklable; runs in a worker process.
    devices: one for each worker process.
    timeout: seconds a job may take; None: any.
    say: told of processes that died, in a sentence.
    started: told when a job starts.
    done: the outcome of a job that its process finished before it died or was stopped, else None.
    look: called several times a second.

    Raises
    ------
    KeyboardInterrupt: after Ctrl-C, when the running jobs are done; at the second one at once.
    """
    threads = max(job.protocol.threads for job in jobs)
    slots = [_Slot(threads, device) for device in devices[: len(jobs)]]
    queue, alone = deque(jobs), deque[Job]()
    tried_again: set[JobName] = set()
    with _interrupts(say) as interrupted:
        try:
            while True:
                if not interrupted():
                    _assign(slots, queue, alone, call, started)
                busy = [slot for slot in slots if slot.future is not None]
                if not busy:
                    break
                look()
                wait([slot.future for slot in busy if slot.future], SECONDS_BETWEEN_LOOKS, FIRST_COMPLETED)
                for slot in busy:
                    job, future = slot.job, slot.future
                    assert job is not None
                    assert future is not None
                    if future.done():
                        error = future.exception()
                        seconds = slot.seconds
                        if error is None:
                            slot.free()
                            yield future.result()
                        elif _process_died(error):
                            slot.stop()
                            if (outcome := done(job)) is not None:
                                yield outcome
                            elif job.name not in tried_again:
                                tried_again.add(job.name)
                                alone.append(job)
                                say(f"the process of {job.name} was killed; the job is tried again after the others.")
                            else:
                                message = "its process was killed twice, the second time running alone"
                                yield Lost(job, seconds, message)
                        else:
                            raise error
                    elif timeout is not None and slot.seconds > timeout:
                        seconds = slot.seconds
                        slot.stop()
                        message = f"it took longer than --timeout {timeout:g} seconds and was stopped"
                        yield done(job) or Lost(job, seconds, message)
            if interrupted():
                raise KeyboardInterrupt
        finally:
            for slot in slots:
                slot.stop()


def _assign(
    slots: list[_Slot],
    queue: deque[Job],
    alone: deque[Job],
    call: Call,
    started: Callable[[Job], None],
) -> None:
    for slot in slots:
        if slot.future is None and queue:
            _start(slot, queue.popleft(), call, started)
    if alone and not queue and all(slot.future is None for slot in slots):
        _start(slots[0], alone.popleft(), call, started)


def _start(slot: _Slot, job: Job, call: Call, started: Callable[[Job], None]) -> None:
    slot.submit(call, job)
    started(job)


def _process_died(error: BaseException) -> bool:
    from joblib.externals.loky.process_executor import BrokenProcessPool

    return isinstance(error, BrokenProcessPool)


@contextmanager
def _ctrl_c_ignored() -> Iterator[None]:
    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if main else None
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)


@contextmanager
def _interrupts(say: Callable[[str], None]) -> Iterator[Callable[[], bool]]:
    """The first Ctrl-C asks to stop, the second is a KeyboardInterrupt as ever.

    A run that was started to ignore Ctrl-C (in a shell's background) goes on ignoring it.
    """
    asked = threading.Event()

    def first(number: int, frame: Any) -> None:
        asked.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        say("stopping: the running jobs are finished first; Ctrl-C again drops them.")

    before = signal.getsignal(signal.SIGINT)
    listens = threading.current_thread() is threading.main_thread() and before != signal.SIG_IGN
    if listens:
        signal.signal(signal.SIGINT, first)
    try:
        yield asked.is_set
    finally:
        if listens:
            signal.signal(signal.SIGINT, before)
