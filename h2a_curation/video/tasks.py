"""The decoding child: a line of JSON and open files in, a line of JSON and the bytes of its arrays out.

`child` asks it.

A child does one task. It imports what that needs and then confines itself: of paths, network, programs and other
processes nothing is left to it but the files that it is handed, so neither is to what a file may make of its decoder.

The timers' default action ends the process, in C code as well. The limit counts computing, so that a busy machine does
not change the outcome; the clock on the wall is only there for what waits for ever.
"""

import importlib
import json
import os
import pkgutil
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO

from h2a_curation.foundation import confinement
from h2a_curation.measure.facts import UndecodableError
from h2a_curation.video.answers import PATIENCE, Limits

if TYPE_CHECKING:
    import numpy as np

_LEAVES_TRACES = ("damaged", "too_much_memory")
"""After these, a child's heap is no longer as in the beginning, and the next file deserves a fresh one."""
_DECODERS = frozenset({"av", "cv2", "scenedetect"})
"""Packages whose errors are the file's fault: they read its bytes, and raise whatever comes of them."""

_MAX_FILES = 2
_READ_BYTES = 1 << 16

Answer = tuple[dict[str, Any], list["np.ndarray[Any, Any]"]]
"""What is said as JSON, and arrays of bytes."""
Task = Callable[..., Answer]


def serve() -> None:
    """Answer requests for the task that the command line names, until there are none."""
    import av

    requests, answers = socket.socket(fileno=0), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    _probe()
    _import_all(av)
    before_bytes = _address_space()
    task = TASKS[sys.argv[1]]()
    imported_bytes = _address_space() - before_bytes
    confinement.confine_process()
    for line, files in _requests(requests):
        arguments, limits = json.loads(line)
        said, arrays = _within(Limits(**limits), imported_bytes, task, [*files, *arguments])
        for file in files:
            os.close(file)
        said |= {"shapes": [array.shape for array in arrays]}
        said.setdefault("leaves_traces", False)
        _write(answers, said, arrays)


def _import_all(package: ModuleType) -> None:
    """Import PyAV whole: it imports some modules when it first meets a kind of stream."""
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if module.name not in ("av.__main__", "av.datasets"):  # a program, and what downloads examples
            importlib.import_module(module.name)


def _requests(asked: socket.socket) -> Iterator[tuple[bytes, list[int]]]:
    """Each line and the files that came with it. Who asks waits for the answer before asking again."""
    line, files = b"", list[int]()
    while True:
        some, more_files, _, _ = socket.recv_fds(asked, _READ_BYTES, _MAX_FILES)
        if not some:
            return
        line, files = line + some, files + more_files
        if line.endswith(b"\n"):
            yield line, files
            line, files = b"", []


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

    def task(file: int) -> Answer:
        facts = asdict(probe(file))
        return {**facts, "leaves_traces": facts["outcome"] in _LEAVES_TRACES}, []

    return task


def _scene() -> Task:
    import scenedetect  # noqa: F401  # its address space is no file's

    from h2a_curation.measure.cut import CutRules
    from h2a_curation.video.scenes import longest_scene

    def task(file: int, rules: dict[str, Any]) -> Answer:
        scene = longest_scene(file, CutRules(**rules))
        return {} if scene is None else asdict(scene), []

    return task


def _rewrite() -> Task:
    from h2a_curation.video.entry import write_from_keyframe

    def task(file: int, into: int) -> Answer:
        write_from_keyframe(file, into)
        return {}, []

    return task


def _look() -> Task:
    from h2a_curation.measure.frames import LookRules
    from h2a_curation.video.sample_frames import look

    def task(file: int, rules: dict[str, Any]) -> Answer:
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
