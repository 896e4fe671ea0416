"""Process pool: one loky executor of one process a slot, so that a process that dies takes its own jobs along
and nothing else.

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
from bench.run.groups import Bundle, own_process
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
        self.bundle: Bundle = ()
        self.started = 0.0

    def submit(self, call: Call, bundle: Bundle) -> None:
        if self.executor is None:
            from joblib.externals.loky import ProcessPoolExecutor

            self.executor = ProcessPoolExecutor(
                max_workers=1,
                initializer=begin,
                initargs=(os.getpid(), methods.folders()),
                env={name: str(self.threads) for name in THREAD_VARIABLES},
            )
        self.bundle, self.started = bundle, time.monotonic()
        with _ctrl_c_ignored():  # which the process inherits, and keeps: Ctrl-C is the run's
            self.future = self.executor.submit(call, bundle, device=self.device)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def free(self) -> None:
        """Ready for others; a process that is not to run them ends."""
        if own_process(self.bundle):
            self.stop()
        self.future, self.bundle = None, ()

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
        self.executor = None
        self.future, self.bundle = None, ()


def fan_out(
    bundles: Sequence[Bundle],
    call: Call,
    devices: Sequence[str],
    timeout: float | None,
    say: Callable[[str], None],
    started: Callable[[Job], None],
    done: Callable[[Job], Any | None],
    look: Callable[[], None],
) -> Iterator[Any]:
    """The members of what ``call(bundle, device=device)`` returns, as bundles are done, or a :class:`Lost` for a job.

    Parameters
    ----------
    bundles: started in this order.
    call: picklable; runs in a worker process.
    devices: one for each worker process.
    timeout: seconds a bundle may take; None: any.
    say: told of processes that died, in a sentence.
    started: told when a job starts.
    done: the outcome of a job that its process finished before it died or was stopped, else None.
    look: called several times a second.

    Raises
    ------
    KeyboardInterrupt: after Ctrl-C, when the running jobs are done; at the second one at once.
    """
    threads = max(job.protocol.threads for bundle in bundles for job in bundle)
    slots = [_Slot(threads, device) for device in devices[: len(bundles)]]
    queue, alone = deque(bundles), deque[Bundle]()
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
                    bundle, future = slot.bundle, slot.future
                    assert future is not None
                    if future.done():
                        error = future.exception()
                        seconds = slot.seconds
                        if error is None:
                            slot.free()
                            yield from future.result()
                        elif _process_died(error):
                            slot.stop()
                            for job in bundle:
                                name, outcome = job.name, done(job)
                                if outcome is not None:
                                    yield outcome
                                    continue
                                if name not in tried_again:
                                    tried_again.add(name)
                                    alone.append((job,))
                                    say(f"the process of {name} was killed; the job is tried again after the others.")
                                    continue
                                message = "its process was killed twice, the second time running alone"
                                yield Lost(job, seconds, message)
                        else:
                            raise error
                    elif timeout is not None and slot.seconds > timeout:
                        seconds = slot.seconds
                        slot.stop()
                        message = f"it took longer than --timeout {timeout:g} seconds and was stopped"
                        yield from (done(job) or Lost(job, seconds, message) for job in bundle)
            if interrupted():
                raise KeyboardInterrupt
        finally:
            for slot in slots:
                slot.stop()


def _assign(
    slots: list[_Slot],
    queue: deque[Bundle],
    alone: deque[Bundle],
    call: Call,
    started: Callable[[Job], None],
) -> None:
    for slot in slots:
        if slot.future is None and queue:
            _start(slot, queue.popleft(), call, started)
    if alone and not queue and all(slot.future is None for slot in slots):
        _start(slots[0], alone.popleft(), call, started)


def _start(slot: _Slot, bundle: Bundle, call: Call, started: Callable[[Job], None]) -> None:
    slot.submit(call, bundle)
    for job in bundle:
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
