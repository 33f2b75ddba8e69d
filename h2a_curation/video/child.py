"""Probes untrusted files in a child process with a time and a memory limit.

A fresh interpreter costs 100 ms a file, so a child lives on and takes one file after the other, until it dies: then
its death is the outcome, and the next file gets a new one. A child is started from scratch, never forked: forking a
process that runs threads can deadlock.
"""

import atexit
import contextlib
import json
import queue
import resource
import signal
import subprocess
import sys
from dataclasses import asdict

from h2a_curation.foundation import child_processes
from h2a_curation.measure.facts import ProbeFacts

_PATIENCE = 20
"""Seconds on the wall for each second of computing that a probe may take."""

_NUM_TRIES = 2
"""A child that was killed from outside is no word on the file: only the second time it is taken for one."""

_LEAVES_TRACES = ("damaged", "too_much_memory")
"""After these, a child's heap is no longer as in the beginning, and the next file deserves a fresh one."""

_idle: queue.SimpleQueue[subprocess.Popen[str]] = queue.SimpleQueue()
"""Children without work. A thread takes one out while it probes, so there are at most as many as threads at once."""


def probe_in_child(file: str, timeout_s: float, max_memory_bytes: int) -> ProbeFacts:
    """As `probe`, but whatever the file does: a child that runs over a limit or crashes is a row like any other."""
    request = json.dumps([file, timeout_s, max_memory_bytes]) + "\n"
    for _ in range(_NUM_TRIES):
        child = _take()
        if facts := _ask(child, request):
            if facts.outcome in _LEAVES_TRACES:
                _end(child)
            else:
                _idle.put(child)
            return facts
        if (code := _end(child)) != -signal.SIGKILL:
            break
    return _death(code, timeout_s)


def _ask(child: subprocess.Popen[str], request: str) -> ProbeFacts | None:
    """The child's answer; None when it died."""
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(request)
        child.stdin.flush()
    except BrokenPipeError:
        return None
    answer = child.stdout.readline()
    return ProbeFacts(**json.loads(answer)) if answer.endswith("\n") else None


def _end(child: subprocess.Popen[str]) -> int:
    """Let the child end, and return its exit code: negative, the signal that killed it."""
    assert child.stdin is not None
    assert child.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        child.stdin.close()
    child.stdout.close()
    return child.wait()


def _take() -> subprocess.Popen[str]:
    while not _idle.empty():
        try:
            child = _idle.get_nowait()
        except queue.Empty:
            break
        if child.poll() is None:
            return child
    # A session of its own, so that Ctrl-C ends the parent, which then closes the pipe, which ends the child.
    return subprocess.Popen(
        child_processes.command(__name__, "serve"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def _death(code: int, timeout_s: float) -> ProbeFacts:
    if code in (-signal.SIGPROF, -signal.SIGALRM):
        return ProbeFacts(outcome="timeout", detail=f"not decoded within {timeout_s:g} s of computing")
    if code in (-signal.SIGKILL, -signal.SIGABRT):
        return ProbeFacts(outcome="too_much_memory", detail=f"the decoder was killed by signal {-code}")
    if code < 0:
        return ProbeFacts(outcome="damaged", detail=f"the decoder crashed with signal {-code}")
    raise RuntimeError(f"the probing child left with exit code {code}: run python -P -m {__name__} to see why")


@atexit.register
def _end_children() -> None:
    while not _idle.empty():
        _end(_idle.get_nowait())


def serve() -> None:
    """The child: one JSON line in, one JSON line out.

    The timers' default action ends the process, in C code as well. The limit counts computing, so that a busy machine
    does not change the outcome; the clock on the wall is only there for what waits for ever.
    """
    from h2a_curation.video.probe import probe

    for line in sys.stdin:
        file, timeout_s, max_memory_bytes = json.loads(line)
        if sys.platform == "linux":  # macOS knows the limit, and neither sets nor keeps it
            resource.setrlimit(resource.RLIMIT_AS, (max_memory_bytes, resource.RLIM_INFINITY))
        signal.setitimer(signal.ITIMER_PROF, timeout_s)
        signal.setitimer(signal.ITIMER_REAL, _PATIENCE * timeout_s)
        try:
            facts = probe(file)
        except MemoryError:
            facts = ProbeFacts(outcome="too_much_memory", detail=f"more than {max_memory_bytes} bytes")
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.stdout.write(json.dumps(asdict(facts)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
