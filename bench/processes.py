"""Worker processes end with the process that started them, however that ends."""

from __future__ import annotations

import os
import signal
import threading
import time

SECONDS_BETWEEN_LOOKS = 1.0


def end_with(parent: int) -> None:
    """Leave Ctrl-C to the parent process, and end when that is gone. For a process that works for ``parent`` alone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(SECONDS_BETWEEN_LOOKS)
        os._exit(1)

    if not any(thread.name == "watch parent" for thread in threading.enumerate()):
        threading.Thread(target=watch, name="watch parent", daemon=True).start()
