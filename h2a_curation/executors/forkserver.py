"""The process that workers are forked from: it imports, once and early, what each of them needs."""

import contextlib
import os
import signal
import sys
import threading
from multiprocessing import forkserver, get_context, resource_tracker
from multiprocessing.context import ForkServerContext

from h2a_curation.foundation import child_processes
from h2a_curation.foundation.interrupts import interrupts_held

CONTEXT = get_context("forkserver" if sys.platform == "linux" else "spawn")
"""macOS' own libraries do not bear a fork: workers import everything themselves there."""

_is_ready = threading.Event()


def get_ready() -> None:
    """Start that process, unless it runs: it imports in the background, best while the network is waited for.

    It starts no threads, so that it can be forked at any time, and ends with this process.
    """
    child_processes.keep_safe()
    if isinstance(CONTEXT, ForkServerContext):
        CONTEXT.set_forkserver_preload(["h2a_curation.executors.preload"])
        resource_tracker.ensure_running()  # which lets interrupts through again
        with interrupts_held():
            forkserver.ensure_running()


def wait_until_ready() -> None:
    """Wait for its imports to end, as Ctrl-C may cut short: the start of a worker may not."""
    if isinstance(CONTEXT, ForkServerContext) and not _is_ready.is_set():
        threading.Thread(target=_fork_one, args=(CONTEXT,), daemon=True).start()
        _is_ready.wait()


def _fork_one(context: ForkServerContext) -> None:
    with contextlib.suppress(OSError, EOFError):  # it was dropped meanwhile
        first = context.Process(target=int)
        first.start()
        first.join()
    _is_ready.set()


def drop() -> None:
    """End that process at once: it may be importing for seconds yet, and holds open what this one writes to."""
    pid = getattr(forkserver._forkserver, "_forkserver_pid", None)
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
