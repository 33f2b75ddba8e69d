"""End a process when the one that started it is gone: a killed build leaves no server behind."""

import os
import threading
import time
from collections.abc import Callable

_POLL_S = 0.5


def end_with_parent(end: Callable[[], None] = lambda: os._exit(1)) -> None:
    """Watch in a thread, and call `end` once the parent process is another one."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_POLL_S)
        end()

    threading.Thread(target=watch, daemon=True).start()
