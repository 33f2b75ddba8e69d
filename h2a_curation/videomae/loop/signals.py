"""A request to end that waits for the step at hand."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


class StopRequest:
    """Whether, and by which signal, the process was asked to end."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def note(self, number: int, _frame: FrameType | None) -> None:
        """The signal handler."""
        self.signal = number


def obey(number: int) -> NoReturn:
    """End as the signal would have: KeyboardInterrupt for Ctrl-C, else SystemExit with the shell's code."""
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Note SIGTERM and Ctrl-C instead of dying of them; outside the main thread, where none arrive, note nothing."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, request.note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
