"""Opens untrusted files in a child process with limits of time, memory, pixels and frames.

A fresh interpreter costs 100 ms a file, so a child lives on and takes one file after the other, until it dies: then
its death is the outcome, and the next file gets a new one. A child is started from scratch, never forked: forking a
process that runs threads can deadlock.

A request is a line of JSON: a task of TASKS in `tasks.py`, its arguments, the limits. So is an answer, and the arrays
that it names follow it as they lie in memory: pictures are megabytes.
"""

import atexit
import contextlib
import json
import queue
import signal
import subprocess
from dataclasses import dataclass
from typing import Any

import numpy as np

from h2a_curation.foundation import child_processes
from h2a_curation.measure.cut import CutRules
from h2a_curation.measure.facts import Colour, Pictures, ProbeFacts, SceneToCut, UndecodableError
from h2a_curation.measure.frames import Look, LookRules
from h2a_curation.video.answers import ChildError, Limits, as_arguments

_NUM_TRIES = 2
"""A child that was killed from outside is no word on the file: only the second time it is taken for one."""

_idle: queue.SimpleQueue[subprocess.Popen[bytes]] = queue.SimpleQueue()
"""Children without work. A thread takes one out while it asks, so there are at most as many as threads at once."""


@dataclass(frozen=True, slots=True)
class _Answer:
    said: dict[str, Any]
    arrays: list[np.ndarray[Any, Any]]


def probe_in_child(file: str, timeout_s: float, max_memory_bytes: int) -> ProbeFacts:
    """As `probe`, but whatever the file does: a child that runs over a limit or crashes is a row like any other."""
    try:
        answer = _ask("probe", [file], Limits(timeout_s=timeout_s, max_memory_bytes=max_memory_bytes))
    except UndecodableError as failed:
        return ProbeFacts(outcome=failed.outcome, detail=failed.detail)
    return ProbeFacts(**answer.said)


def scene_in_child(file: str, rules: CutRules, *, limits: Limits) -> SceneToCut | None:
    """As `longest_scene`. UndecodableError for a file that goes over a limit or crashes the decoder."""
    said = _ask("scene", [file, as_arguments(rules)], limits).said
    if not said:
        return None
    pictures = said.pop("pictures")
    return SceneToCut(**said, pictures=Pictures(**pictures | {"colour": Colour(**pictures["colour"])}))


def rewrite_in_child(file: str, into: str, *, limits: Limits) -> None:
    """As `write_from_keyframe`. UndecodableError as for a scene."""
    _ask("rewrite", [file, into], limits)


def look_in_child(file: str, rules: LookRules, *, limits: Limits) -> Look:
    """As `look`. UndecodableError for a clip that does not decode, goes over a limit or crashes the decoder."""
    answer = _ask("look", [file, as_arguments(rules)], limits)
    frames, grey = answer.arrays
    return Look(**answer.said, frames=frames, grey=grey)


def _ask(task: str, arguments: list[Any], limits: Limits) -> _Answer:
    """The child's answer. UndecodableError and ChildError as it raises them, or as its death has it."""
    request = json.dumps([task, arguments, as_arguments(limits)]).encode() + b"\n"
    for _ in range(_NUM_TRIES):
        child = _take()
        if answer := _answered(child, request):
            if answer.said.pop("leaves_traces"):
                _end(child)
            else:
                _idle.put(child)
            return _or_raised(answer)
        if (code := _end(child)) != -signal.SIGKILL:
            break
    raise _death(code, limits.timeout_s)


def _or_raised(answer: _Answer) -> _Answer:
    if failed := answer.said.pop("undecodable", None):
        raise UndecodableError(*failed)
    if raised := answer.said.pop("raised", None):
        raise ChildError(*raised)
    return answer


def _answered(child: subprocess.Popen[bytes], request: bytes) -> _Answer | None:
    """The child's answer; None when it died."""
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(request)
        child.stdin.flush()
    except BrokenPipeError:
        return None
    line = child.stdout.readline()
    if not line.endswith(b"\n"):
        return None
    said = json.loads(line)
    arrays = []
    for shape in said.pop("shapes"):
        array = np.empty(shape, np.uint8)
        if child.stdout.readinto(array.data.cast("B")) < array.nbytes:  # type: ignore[attr-defined]
            return None
        arrays.append(array)
    return _Answer(said, arrays)


def _end(child: subprocess.Popen[bytes]) -> int:
    """Let the child end, and return its exit code: negative, the signal that killed it."""
    assert child.stdin is not None
    assert child.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        child.stdin.close()
    child.stdout.close()
    return child.wait()


def _take() -> subprocess.Popen[bytes]:
    while not _idle.empty():
        try:
            child = _idle.get_nowait()
        except queue.Empty:
            break
        if child.poll() is None:
            return child
    # A session of its own, so that Ctrl-C ends the parent, which then closes the pipe, which ends the child.
    return subprocess.Popen(
        child_processes.command("h2a_curation.video.tasks", "serve"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _death(code: int, timeout_s: float) -> UndecodableError:
    if code in (-signal.SIGPROF, -signal.SIGALRM):
        return UndecodableError("timeout", f"not decoded within {timeout_s:g} s of computing")
    if code in (-signal.SIGKILL, -signal.SIGABRT):
        return UndecodableError("too_much_memory", f"the decoder was killed by signal {-code}")
    if code < 0:
        return UndecodableError("damaged", f"the decoder crashed with signal {-code}")
    raise RuntimeError(f"the decoding child left with exit code {code}: run python -P -m h2a_curation.video.tasks")


@atexit.register
def _end_children() -> None:
    while not _idle.empty():
        _end(_idle.get_nowait())
