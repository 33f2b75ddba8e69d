"""Runs a call in a child forked from this process, and measures what it took: time, memory, and how it ended."""

import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Ended:
    how: str
    """`ok`; `line: ...` for a refusal in one line; `traceback: ...`; `killed: N`."""
    seconds: float
    peak_mib: float
    """Memory beyond what this process has."""


def own_mib() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def measured(call: Callable[[], object], limit_s: int = 60, more_mib: int = 6000) -> Ended:
    read, write = os.pipe()
    own, start = own_mib(), time.monotonic()
    child = os.fork()
    if child == 0:
        os.close(read)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # pytest has a use of its own for it
        signal.alarm(limit_s)
        space = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        limit = space + more_mib * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        try:
            how = _said(call)
        except BaseException as error:  # noqa: BLE001
            how = f"traceback: {type(error).__name__}"
        os.write(write, how.encode("utf-8", "backslashreplace")[:60_000])
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as said:
        how = said.read().decode("utf-8", "replace")
    _, status, used = os.wait4(child, 0)
    if status:
        how = f"killed: {status}"
    return Ended(how, time.monotonic() - start, used.ru_maxrss / 1024 - own)


def _said(call: Callable[[], object]) -> str:
    err = tempfile.TemporaryFile()  # noqa: SIM115  # the process ends before it is closed
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(err.fileno(), 2)
    try:
        call()
    except SystemExit as ended:
        sys.stderr.flush()
        err.seek(0)
        text = err.read().decode("utf-8", "replace").strip()
        if ended.code in (0, None):
            return "ok"
        return f"line: {text}" if text.count("\n") == 0 else f"line of {text.count(chr(10)) + 1}: {text[-300:]}"
    except ValueError as refused:
        kind = "" if type(refused).__name__ in ("ValueError", "MisfitError") else f" ({type(refused).__name__})"
        return f"line{kind}: {refused}"
    except Exception as error:  # noqa: BLE001
        if type(error).__name__ in ("FetchError", "SourceChanged"):
            return f"line (FetchError): {error}"
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"traceback: {type(error).__name__}: {str(error)[:200]} at {Path(where.filename).name}:{where.lineno}"
    return "ok"
