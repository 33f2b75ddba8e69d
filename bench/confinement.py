"""Whether files that strangers made get out of the decoding child, and what holding them costs.

Damaged copies of videos of twelve codecs in eleven containers, and of some real ones, go through the child, by a seed.
After each the process that decoded it tries itself to open, make, connect, run, fork and signal: it stands for a
decoder that was taken over. The first thousand go through a child that is not confined too, and must come out alike.

    nice python -m bench.confinement
    python -m bench.confinement --files 500 --seed 3
"""

import json
import os
import re
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench.damaged_files import CODECS, mutated, originals
from bench.report import ROOT, Figure, finish, options
from h2a_curation.foundation import confinement
from h2a_curation.video import child, tasks
from h2a_curation.video.answers import PATIENCE, Limits, as_arguments
from h2a_curation.video.transcode import ffmpeg_program

LIMITS = Limits(timeout_s=20.0, max_memory_bytes=1 << 30)
NUM_COMPARED = 1000
_REAL = ("shared/clips/cat.mp4", "shared/clips/eye_makeup.avi", "shared/cases/media/plain.ts")
PARENT = os.getppid()
_DENIED = (1, 13)
"""EPERM by seccomp, EACCES by Landlock."""


@dataclass
class Seen:
    """What came of the files."""

    outcomes: Counter[str] = field(default_factory=Counter)
    num_denied: int = 0
    escapes: Counter[str] = field(default_factory=Counter)
    num_hung: int = 0
    peak_bytes: int = 0
    differing: list[str] = field(default_factory=list)


# --- in the child ---


def serve() -> None:
    """Answer as the decoding child does: its task `confined` probes and then tries to get out, `unconfined` probes."""
    if sys.argv[1] == "unconfined":
        confinement.confine_process = lambda: confinement.InForce(0, seccomp=False)
    tasks.TASKS = dict.fromkeys(("confined", "unconfined"), _probe_and_try)
    tasks.serve()


def _probe_and_try() -> tasks.Task:
    probe = tasks._probe()
    tries = ATTEMPTS if sys.argv[1] == "confined" else {}
    # Of this program alone: what getrusage says goes on from the process that started it. Open before it is confined.
    status = os.open("/proc/self/status", os.O_RDONLY)

    def task(file: int) -> tasks.Answer:
        # Damage is no reason for a fresh child here: what a thousand files leave behind is tried too.
        facts = probe(file)[0] | {"leaves_traces": False}
        escaped = [name for name, attempt in tries.items() if not _is_denied(attempt)]
        [peak_kib] = re.findall(rb"VmHWM:\s+(\d+) kB", os.pread(status, 1 << 16, 0))
        return {"facts": facts, "escaped": escaped, "tried": len(tries), "peak_bytes": int(peak_kib) * 1024}, []

    return task


def _is_denied(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OSError as error:
        return error.errno in _DENIED
    return False


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)
    os.wait()


ATTEMPTS: dict[str, Callable[[], object]] = {
    "open": lambda: os.open("/etc/hostname", os.O_RDONLY),
    "make": lambda: os.open("escaped", os.O_CREAT | os.O_WRONLY),
    "list": lambda: list(Path("/").iterdir()),
    "socket": socket.socket,
    "exec": lambda: os.execv("/nowhere", ["nowhere"]),  # nosec B606  # to see it refused
    "fork": _fork,
    "signal": lambda: os.kill(PARENT, 0),
    "limits": lambda: resource.prlimit(PARENT, resource.RLIMIT_CPU),
}
"""What a decoder has no business with; each does no harm where it succeeds."""


# --- outside ---


def corpus(folder: Path, real: Sequence[Path] = ()) -> list[Path]:
    """Whole videos of all codecs and containers, and those that are given."""
    files = [file for codec in CODECS for file in originals(folder, codec)]
    twelfth = folder / "l.flv"
    pictures = ("-f", "lavfi", "-i", "testsrc2=s=160x120:r=24:d=2")
    command = [ffmpeg_program(), "-nostdin", "-y", "-loglevel", "error", *pictures, "-c:v", "flv1", "-threads", "1"]
    subprocess.run([*command, str(twelfth)], check=True)
    return [*files, twelfth, *(file for file in real if file.exists())]


def fuzzed(files: Sequence[Path], num: int, seed: int, folder: Path, num_compared: int = NUM_COMPARED) -> Seen:
    """Have `num` damaged copies probed, two at a time."""
    seen = Seen()
    mutants = _Locked(enumerate(mutated(files, num, seed)))

    def lane(_: int) -> None:
        confined, unconfined = _Asked("confined"), _Asked("unconfined")
        while (drawn := next(mutants, None)) is not None:
            n, (_, name, content) = drawn
            file = folder / name
            file.write_bytes(content)
            start_s = time.monotonic()
            answer = confined.about(file)
            seen.num_hung += time.monotonic() - start_s > 2 * PATIENCE * LIMITS.timeout_s
            _note(seen, answer)
            if n < num_compared and (other := unconfined.about(file)).get("facts") != answer.get("facts"):
                seen.differing.append(f"{name}: {json.dumps([answer, other])}")
            file.unlink()
        confined.end()
        unconfined.end()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lane, range(2)))
    return seen


class _Locked:
    """An iterator that threads may share."""

    def __init__(self, items: Iterator[Any]) -> None:

        self._items, self._lock = items, threading.Lock()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        with self._lock:
            return next(self._items)


class _Asked:
    """A child of this module, replaced when it dies."""

    def __init__(self, task: str) -> None:
        self._task, self._child = task, child._Child(task, "bench.confinement")

    def about(self, file: Path) -> dict[str, Any]:
        descriptor = os.open(file, child._READ)
        request = json.dumps([[], as_arguments(LIMITS)]).encode() + b"\n"
        try:
            answer = child._answered(self._child, request, [descriptor], LIMITS)
        finally:
            os.close(descriptor)
        if answer is None:
            code = child._end(self._child)
            self._child = child._Child(self._task, "bench.confinement")
            return {"died": code}
        return answer.said

    def end(self) -> None:
        child._end(self._child)


def _note(seen: Seen, answer: dict[str, Any]) -> None:
    if "died" in answer:
        seen.outcomes[f"died_{-answer['died']}"] += 1
    elif "facts" in answer:
        seen.outcomes[answer["facts"]["outcome"]] += 1
        seen.escapes.update(answer["escaped"])
        seen.num_denied += answer["tried"] - len(answer["escaped"])
        seen.peak_bytes = max(seen.peak_bytes, answer["peak_bytes"])
    else:
        seen.outcomes[next(iter({*answer} & {"undecodable", "raised"}))] += 1


def start_ms(task: str, file: Path, rounds: int = 15) -> float:
    """Median milliseconds from starting a child to its first answer."""
    spent = []
    for _ in range(rounds):
        start_s = time.perf_counter()
        asked = _Asked(task)
        asked.about(file)
        spent.append(time.perf_counter() - start_s)
        asked.end()
    return 1000 * median(spent)


def file_ms(files: Sequence[Path], rounds: int = 5) -> dict[str, float]:
    """Milliseconds to probe all files, each the median of some rounds, by task; the tasks take turns."""
    asked = {task: _Asked(task) for task in ("unconfined", "confined")}
    totals = dict.fromkeys(asked, 0.0)
    for file in files:
        spent: dict[str, list[float]] = {task: [] for task in asked}
        for _ in range(rounds):
            for task, one in asked.items():
                start_s = time.perf_counter()
                one.about(file)
                spent[task].append(time.perf_counter() - start_s)
        for task, times in spent.items():
            totals[task] += 1000 * median(times)
    for one in asked.values():
        one.end()
    return totals


def figures(seen: Seen, num: int, num_compared: int) -> Iterator[Figure]:
    """What must hold, and the outcomes."""
    yield Figure(name="files", value=num, unit="")
    yield Figure(
        name="escapes", value=seen.escapes.total(), unit=f"of {seen.num_denied + seen.escapes.total()}", goal="== 0"
    )
    yield Figure(name="differing", value=len(seen.differing), unit=f"of {min(num, num_compared)}", goal="== 0")
    yield Figure(name="hung", value=seen.num_hung, unit="", goal="== 0")
    yield Figure(name="raised", value=seen.outcomes["raised"], unit="", goal="== 0")
    limit_mib = LIMITS.max_memory_bytes >> 20
    yield Figure(name="peak_mib", value=seen.peak_bytes / (1 << 20), unit="MiB", goal=f"<= {limit_mib}")
    for outcome, count in sorted(seen.outcomes.items()):
        yield Figure(name=f"outcome_{outcome}", value=count, unit="")


def main() -> int:
    """Run from the command line."""
    parser = options(__doc__)
    parser.add_argument("--files", type=int, default=10_000, help="damaged files (10,000)")
    parser.add_argument("--seed", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        files = corpus(folder, [ROOT.parent / name for name in _REAL])
        seen = fuzzed(files, given.files, given.seed, folder)
        for difference in seen.differing[:5]:
            print(difference, file=sys.stderr)
        found = list(figures(seen, given.files, NUM_COMPARED))
        found.append(Figure(name="start_free_ms", value=start_ms("unconfined", files[0]), unit="ms"))
        started_ms = start_ms("confined", files[0])
        found.append(Figure(name="start_ms", value=started_ms, unit="ms", baseline="start_free_ms"))
        spent = file_ms(files)
        found.append(Figure(name="files_free_ms", value=spent["unconfined"], unit="ms"))
        found.append(Figure(name="files_ms", value=spent["confined"], unit="ms", baseline="files_free_ms"))
    return finish("confinement", found, given)


if __name__ == "__main__":
    sys.exit(main())
