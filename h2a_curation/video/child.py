"""Opens untrusted files in a child process with limits of time, memory, pixels and frames.

A fresh interpreter costs 100 ms a file, so a child lives on and takes one file after the other, until it dies: then
its death is the outcome, and the next file gets a new one. A child is started from scratch, never forked: forking a
process that runs threads can deadlock.

A child does one task of TASKS in `tasks.py` and opens nothing: with a request, a line of JSON with arguments and
limits, goes what it reads and writes, opened here. An answer is a line of JSON too, and the arrays that it names follow
it as they lie in memory: pictures are megabytes. It comes from a process that a file may have taken over, so its size
and its time are bounded here too.
"""

import atexit
import contextlib
import json
import math
import os
import queue
import signal
import socket
import stat
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from h2a_curation.foundation import child_processes
from h2a_curation.measure.cut import CutRules
from h2a_curation.measure.facts import Colour, Pictures, ProbeFacts, SceneToCut, UndecodableError
from h2a_curation.measure.frames import Look, LookRules
from h2a_curation.video.answers import PATIENCE, ChildError, Limits, as_arguments

_NUM_TRIES = 2
"""A child that was killed from outside is no word on the file: only the second time it is taken for one."""

_GRACE_S = 60
"""Seconds beyond its own limits in which a child has started and answered, or is killed."""
_MOST_WORDS = 1 << 26
"""Bytes of an answer beside its arrays: the facts of 250,000 frames are some millions."""


class _Child(subprocess.Popen[bytes]):
    """A decoding process, and the socket by which it is asked."""

    def __init__(self, task: str, module: str = "h2a_curation.video.tasks") -> None:
        self.asks, asked = socket.socketpair()
        with asked:
            # A session of its own, so that Ctrl-C ends the parent, which then closes the socket, which ends the child.
            super().__init__(
                [*child_processes.command(module, "serve"), task],
                stdin=asked.fileno(),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # Landlock does not hold threads that run already
            )


_idle: dict[str, queue.SimpleQueue[_Child]] = {
    task: queue.SimpleQueue() for task in ("probe", "scene", "rewrite", "look")
}
"""By task, children without work. A thread takes one out while it asks, so there are at most as many as threads."""


@dataclass(frozen=True, slots=True)
class _Answer:
    said: dict[str, Any]
    arrays: list[np.ndarray[Any, Any]]


def probe_in_child(file: str, timeout_s: float, max_memory_bytes: int) -> ProbeFacts:
    """As `probe`, but whatever the file does: a child that runs over a limit or crashes is a row like any other."""
    try:
        answer = _ask("probe", [(file, _READ)], [], Limits(timeout_s=timeout_s, max_memory_bytes=max_memory_bytes))
    except UndecodableError as failed:
        return ProbeFacts(outcome=failed.outcome, detail=failed.detail)
    return ProbeFacts(**answer.said)


def scene_in_child(file: str, rules: CutRules, *, limits: Limits) -> SceneToCut | None:
    """As `longest_scene`. UndecodableError for a file that goes over a limit or crashes the decoder."""
    said = _ask("scene", [(file, _READ)], [as_arguments(rules)], limits).said
    if not said:
        return None
    pictures = said.pop("pictures")
    return SceneToCut(**said, pictures=Pictures(**pictures | {"colour": Colour(**pictures["colour"])}))


def rewrite_in_child(file: str, into: str, *, limits: Limits) -> None:
    """As `write_from_keyframe`. UndecodableError as for a scene."""
    _ask("rewrite", [(file, _READ), (into, _MAKE)], [], limits)


def look_in_child(file: str, rules: LookRules, *, limits: Limits) -> Look:
    """As `look`. UndecodableError for a clip that does not decode, goes over a limit or crashes the decoder."""
    answer = _ask("look", [(file, _READ)], [as_arguments(rules)], limits)
    frames, grey = answer.arrays
    return Look(**answer.said, frames=frames, grey=grey)


_READ = os.O_RDONLY | os.O_NONBLOCK
"""Opened so, a named pipe is a file without an end to wait for."""
_MAKE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def _ask(task: str, files: Sequence[tuple[str, int]], arguments: list[Any], limits: Limits) -> _Answer:
    """The child's answer, which gets these files with flags of opening, and then the arguments.

    UndecodableError and ChildError as it raises them, or as its death has it; OSError where a file does not open.
    """
    request = json.dumps([arguments, as_arguments(limits)]).encode() + b"\n"
    for _ in range(_NUM_TRIES):
        with contextlib.ExitStack() as open_files:
            descriptors: list[int] = []
            for file, flags in files:
                descriptors.append(_opened(file, flags))
                open_files.callback(os.close, descriptors[-1])
            child = _take(task)
            answer = _answered(child, request, descriptors, limits)
        if answer:
            if answer.said.pop("leaves_traces"):
                _end(child)
            else:
                _idle[task].put(child)
            return _or_raised(answer)
        if (code := _end(child)) != -signal.SIGKILL:
            break
    raise _death(code, limits.timeout_s)


def _opened(file: str, flags: int) -> int:
    descriptor = os.open(file, flags | os.O_CLOEXEC, 0o644)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UndecodableError("not_video", "it is a folder, a pipe or a device")
    return descriptor


def _or_raised(answer: _Answer) -> _Answer:
    if failed := answer.said.pop("undecodable", None):
        raise UndecodableError(*failed)
    if raised := answer.said.pop("raised", None):
        raise ChildError(*raised)
    return answer


def _answered(child: _Child, request: bytes, files: list[int], limits: Limits) -> _Answer | None:
    """The child's answer; None when it died or says more than it can have to say."""
    watch = threading.Timer(PATIENCE * limits.timeout_s + _GRACE_S, child.kill)
    watch.daemon = True
    watch.start()
    try:
        sent = socket.send_fds(child.asks, [request], files)
        child.asks.sendall(request[sent:])
        return _read(child, limits)
    except (BrokenPipeError, ConnectionResetError):
        return None
    finally:
        watch.cancel()


def _read(child: _Child, limits: Limits) -> _Answer | None:
    assert child.stdout is not None
    line = child.stdout.readline(_MOST_WORDS)
    if not line.endswith(b"\n"):
        return None
    said = json.loads(line)
    arrays = []
    for shape in said.pop("shapes"):
        if math.prod(shape) > limits.max_memory_bytes:
            return None
        array = np.empty(shape, np.uint8)
        if child.stdout.readinto(array.data.cast("B")) < array.nbytes:  # type: ignore[attr-defined]
            return None
        arrays.append(array)
    return _Answer(said, arrays)


def _end(child: _Child) -> int:
    """Let the child end, and return its exit code: negative, the signal that killed it."""
    assert child.stdout is not None
    child.asks.close()
    child.stdout.close()
    try:
        return child.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


def _take(task: str) -> _Child:
    while not _idle[task].empty():
        try:
            child = _idle[task].get_nowait()
        except queue.Empty:
            break
        if child.poll() is None:
            return child
        _end(child)
    return _Child(task)


def _death(code: int, timeout_s: float) -> UndecodableError:
    if code in (-signal.SIGPROF, -signal.SIGALRM):
        return UndecodableError("timeout", f"not decoded within {timeout_s:g} s of computing")
    if code in (-signal.SIGKILL, -signal.SIGABRT):
        return UndecodableError("too_much_memory", f"the decoder was killed by signal {-code}")
    if code < 0:
        return UndecodableError("damaged", f"the decoder crashed with signal {-code}")
    raise RuntimeError(
        f"the decoding child left with exit code {code}: see whether its imports work, by\n"
        '  python -P -c "import h2a_curation.video.probe, h2a_curation.video.scenes"'
    )


@atexit.register
def _end_children() -> None:
    for children in _idle.values():
        while not children.empty():
            _end(children.get_nowait())
