"""The process that workers are forked from: it imports, once and early, what each of them needs."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, get_context, resource_tracker
from multiprocessing.context import ForkServerContext

CONTEXT = get_context("forkserver" if sys.platform == "linux" else "spawn")
"""macOS' own libraries do not bear a fork: workers import everything themselves there."""


def get_ready() -> None:
    """Start that process, unless it runs: it imports in the background, best while the network is waited for.

    It starts no threads, so that it can be forked at any time, and ends with this process.
    """
    if isinstance(CONTEXT, ForkServerContext):
        CONTEXT.set_forkserver_preload(["h2a_curation.measuring"])
        resource_tracker.ensure_running()  # which lets interrupts through again
        with interrupts_held():
            forkserver.ensure_running()


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Processes that are started meanwhile never see Ctrl-C, from their first line on: it is the parent's to handle.

    The parent handles it afterwards, lest a worker be half started that nobody knows of.
    """
    came: list[int] = []
    is_main = threading.current_thread() is threading.main_thread()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    handler = signal.signal(signal.SIGINT, lambda number, _: came.append(number)) if is_main else None
    try:
        yield
    finally:
        if is_main:
            signal.signal(signal.SIGINT, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if came:
            signal.raise_signal(signal.SIGINT)
