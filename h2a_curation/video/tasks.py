"""The decoding child: one line of JSON in, one line of JSON and the bytes of its arrays out. `child` asks it.

The timers' default action ends the process, in C code as well. The limit counts computing, so that a busy machine does
not change the outcome; the clock on the wall is only there for what waits for ever.
"""

import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from h2a_curation.measure.facts import UndecodableError
from h2a_curation.video.answers import PATIENCE, Limits

if TYPE_CHECKING:
    import numpy as np

_LEAVES_TRACES = ("damaged", "too_much_memory")
"""After these, a child's heap is no longer as in the beginning, and the next file deserves a fresh one."""
_DECODERS = frozenset({"av", "cv2", "scenedetect"})
"""Packages whose errors are the file's fault: they read its bytes, and raise whatever comes of them."""

Answer = tuple[dict[str, Any], list["np.ndarray[Any, Any]"]]
"""What is said as JSON, and arrays of bytes."""
Task = Callable[..., Answer]


def serve() -> None:
    """Answer requests until there are none."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    tasks = {"probe": _probe()}
    imported_bytes = 0
    for line in sys.stdin.buffer:
        name, arguments, limits = json.loads(line)
        if name not in tasks:
            before_bytes = _address_space()
            tasks[name] = TASKS[name]()
            imported_bytes += _address_space() - before_bytes
        said, arrays = _within(Limits(**limits), imported_bytes, tasks[name], arguments)
        said |= {"shapes": [array.shape for array in arrays]}
        said.setdefault("leaves_traces", False)
        _write(answers, said, arrays)


def _within(limits: Limits, imported_bytes: int, task: Task, arguments: list[Any]) -> Answer:
    """Do a task within its limits; what it raises is an answer too."""
    _limit_memory(imported_bytes + limits.max_memory_bytes)
    signal.setitimer(signal.ITIMER_PROF, limits.timeout_s)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE * limits.timeout_s)
    try:
        return task(*arguments)
    except Exception as error:  # noqa: BLE001  # the parent judges it
        return _failed(error, limits), []
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _limit_memory(None)


def _limit_memory(num_bytes: int | None) -> None:
    """Let this process have so much address space; None: as much as its parent may have."""
    if sys.platform == "linux":  # macOS knows the limit, and neither sets nor keeps it
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        wanted = most if num_bytes is None else num_bytes if most < 0 else min(num_bytes, most)
        resource.setrlimit(resource.RLIMIT_AS, (wanted, most))


def _failed(error: Exception, limits: Limits) -> dict[str, Any]:
    said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    if isinstance(error, UndecodableError):
        failed = (error.outcome, error.detail)
    elif isinstance(error, MemoryError) or "nsufficient memory" in said:
        failed = ("too_much_memory", f"more than {limits.max_memory_bytes} bytes")
    elif _is_decoders(error):
        failed = ("damaged", f"the decoder fails: {said}")
    else:
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
        return {"raised": (place, said, "".join(traceback.format_exception(error)))}
    return {"undecodable": failed, "leaves_traces": failed[0] in _LEAVES_TRACES}


def _is_decoders(error: BaseException) -> bool:
    """Whether the error arose in a decoder's own code. Compiled code gives its file as seen from its package."""
    innermost = Path(traceback.extract_tb(error.__traceback__)[-1].filename)
    packages = innermost.parts[:1]
    if "site-packages" in innermost.parts:
        packages = innermost.parts[innermost.parts.index("site-packages") + 1 :][:1]
    return not _DECODERS.isdisjoint([*packages, type(error).__module__.partition(".")[0]])


def _write(answers: BinaryIO, said: dict[str, Any], arrays: list["np.ndarray[Any, Any]"]) -> None:
    answers.write(json.dumps(said).encode() + b"\n")
    for array in arrays:
        answers.write(array.data.cast("B"))
    answers.flush()


def _address_space() -> int:
    """Address space of this process by now; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def _probe() -> Task:
    from h2a_curation.video.probe import probe

    def task(file: str) -> Answer:
        facts = asdict(probe(file))
        return {**facts, "leaves_traces": facts["outcome"] in _LEAVES_TRACES}, []

    return task


def _scene() -> Task:
    import scenedetect  # noqa: F401  # its address space is no file's

    from h2a_curation.measure.cut import CutRules
    from h2a_curation.video.scenes import longest_scene

    def task(file: str, rules: dict[str, Any]) -> Answer:
        scene = longest_scene(file, CutRules(**rules))
        return {} if scene is None else asdict(scene), []

    return task


def _rewrite() -> Task:
    from h2a_curation.video.entry import write_from_keyframe

    def task(file: str, into: str) -> Answer:
        write_from_keyframe(file, into)
        return {}, []

    return task


def _look() -> Task:
    from h2a_curation.measure.frames import LookRules
    from h2a_curation.video.sample_frames import look

    def task(file: str, rules: dict[str, Any]) -> Answer:
        try:
            seen = look(file, LookRules(**rules))
        except ValueError as error:
            raise UndecodableError("undecodable", "the lake's clip does not decode from end to end") from error
        return {"frames_sha256": seen.frames_sha256, "times_s": seen.times_s}, [seen.frames, seen.grey]

    return task


TASKS: Mapping[str, Callable[[], Task]] = {
    "probe": _probe,
    "scene": _scene,
    "rewrite": _rewrite,
    "look": _look,
}
"""What imports a task's decoder and returns the task, by the name that requests have for it."""


if __name__ == "__main__":
    serve()
