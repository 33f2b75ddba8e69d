"""A request to end that waits for the pass at hand."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

STDERR = 2


class LeaveNowError(KeyboardInterrupt):
    """A second Ctrl-C: nothing is waited for any more."""


class StopRequest:
    """Whether, and by which signal, the process was asked to end."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.signal: int | None = None
        self._say = say

    def note(self, number: int, _frame: FrameType | None) -> None:
        """The signal handler: it says that it heard. Ctrl-C after any first signal is a LeaveNowError."""
        if self.signal is not None:
            if number == signal.SIGINT:
                raise LeaveNowError
            return
        self.signal = number
        told = f"{name_of(number)}: stopping after the pass at hand, and saving; Ctrl-C again leaves at once, unsaved"
        try:
            self._say(told)
        except RuntimeError:  # the signal came within a write to the same stream, which Python does not enter twice
            os.write(STDERR, f"{told}\n".encode())


def name_of(number: int) -> str:
    """What people call a signal."""
    return "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name


def obey(number: int) -> NoReturn:
    """End as the signal would have: KeyboardInterrupt for Ctrl-C, else SystemExit with the shell's code."""
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)


@contextmanager
def stop_requests(say: Callable[[str], None]) -> Iterator[StopRequest]:
    """Note SIGTERM and Ctrl-C instead of dying of them; outside the main thread, where none arrive, note nothing."""
    request = StopRequest(say)
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, request.note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
