"""How fast clips are loaded from shards, beside a plain loader of their source files and beside decoding alone.

    python -m bench.loader [CLIPS_FOLDER]      # default: ../shared/clips, else clips of the sample world

Two kinds of source, 720p (1280x720) and 256p (340x256); 16 frames at stride 4, a crop of 224, one sample a decode, two
workers. All take turns, several rounds of some seconds, and medians count. `bare` decodes the frames that our loader
decodes, out of memory, and throws them away unconverted; `bare_rgb` converts the 16 to RGB. Processor time tells a slow
loader from a busy machine.
"""

import io
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median

import av
import numpy as np
import torch

from bench import loader_clips, report
from bench.loader_clips import Clips
from bench.plain_loader import NUM_FRAMES, STRIDE, plain_batches
from bench.report import Figure
from h2a_curation.videomae.data.frames import sample_indices
from h2a_curation.videomae.data.loader import prefetched
from h2a_curation.videomae.data.sampling import random_state
from h2a_curation.videomae.data.shards import read_clip
from h2a_curation.videomae.presets import preset
from h2a_curation.videomae.pretrain.samples import MaskedStream

SIZES = {"720p": (1280, 720), "256p": (340, 256)}
GOALS = {"720p": ">= 3", "256p": ">= 1.5"}
OFFICIAL = {"720p": 3.5, "256p": 11.0}
"""Clips/s of the official loader on two cores of the machine that this project was made on (AMD EPYC)."""
WORKERS = 2
BATCH_CLIPS = 4
ROUNDS = 5


def ours(clips: Clips) -> Iterator[object]:
    """Batches of the project's loader, as a run reads them."""
    base = preset("vit_b")
    recipe = replace(base.recipe, batch_clips=BATCH_CLIPS, views=1, stride=STRIDE)
    stream = MaskedStream(
        members=clips.version.members,
        read=partial(read_clip, clips.version),
        preset=replace(base, recipe=recipe),
        seed=0,
    )
    with prefetched(stream, ((step, 0, 1) for step in count()), WORKERS) as batches:
        yield from batches


def plain(clips: Clips) -> Iterator[object]:
    """Batches of the plain loader."""
    yield from plain_batches(clips.sources, BATCH_CLIPS, WORKERS)


def bare(clips: Clips, *, rgb: bool) -> Iterator[object]:
    """The same draws, decoded and nothing else."""
    content = [(read_clip(clips.version, m), m.num_frames) for m in clips.version.members]

    def batch(number: int) -> None:
        for i in range(number * BATCH_CLIPS, (number + 1) * BATCH_CLIPS):
            data, length = content[i % len(content)]
            decode_bare(data, sample_indices(length, NUM_FRAMES, STRIDE, random_state(f"bare/{i}")), rgb=rgb)

    with ThreadPoolExecutor(WORKERS) as pool:
        waiting = [pool.submit(batch, number) for number in range(2 * WORKERS)]
        try:
            for number in count(len(waiting)):
                yield waiting.pop(0).result()
                waiting.append(pool.submit(batch, number))
        finally:
            for future in waiting:
                future.cancel()


def decode_bare(data: bytes, indices: list[int], *, rgb: bool) -> int:
    """From the keyframe before each stretch of wanted frames to its last, as any reader must; how many were wanted."""
    num_found = 0
    with av.open(io.BytesIO(data), "r") as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        packets = [p for p in container.demux(stream) if p.pts is not None]
        wanted = {packets[i].pts for i in indices}
        group: list[av.Packet[av.VideoStream]] = []
        for packet in packets:
            group = [] if packet.is_keyframe else group
            group.append(packet)
            if packet.pts in wanted:
                for needed in group:
                    for frame in stream.codec_context.decode(needed):
                        if frame.pts in wanted:
                            num_found += 1
                            if rgb:
                                frame.to_ndarray(format="rgb24")
                group = []
    assert num_found == len(wanted)
    return num_found


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What one contender did in one round."""

    clips_per_s: float
    cpu_ms: float
    """Of this process, a clip; the plain loader's workers are others."""


def pace(batches: Iterator[object], seconds: float) -> Pace:
    """From the second full round of workers on, in whole rounds: workers deliver at about the same time."""
    num_warm = 2 * WORKERS
    for _ in range(num_warm):
        next(batches)
    begun_s, begun_cpu_s = time.perf_counter(), time.process_time()
    num_timed, passed_s = 0, 0.0
    while passed_s < seconds:
        for _ in range(WORKERS):
            next(batches)
        num_timed += WORKERS * BATCH_CLIPS
        passed_s = time.perf_counter() - begun_s
    cpu_s = time.process_time() - begun_cpu_s
    return Pace(clips_per_s=num_timed / passed_s, cpu_ms=1000 * cpu_s / num_timed)


def measure(clips: Clips, seconds: float, rounds: int) -> dict[str, list[Pace]]:
    """Each contender's pace, round by round."""
    contenders: dict[str, Callable[[], Iterator[object]]] = {
        "plain": partial(plain, clips),
        "ours": partial(ours, clips),
        "bare": partial(bare, clips, rgb=False),
        "bare_rgb": partial(bare, clips, rgb=True),
    }
    paces: dict[str, list[Pace]] = {name: [] for name in contenders}
    for _ in range(rounds):
        turns = list(contenders.items())
        for name, start in random.sample(turns, len(turns)):
            batches = start()
            paces[name].append(pace(batches, seconds))
            del batches
    return paces


def figures(size: str, paces: dict[str, list[Pace]]) -> list[Figure]:
    """Ratios are medians over the rounds, so that a slow minute of the machine counts on both sides."""

    def ratio(name: str) -> float:
        return median(a.clips_per_s / b.clips_per_s for a, b in zip(paces["ours"], paces[name], strict=True))

    def rate(name: str) -> Figure:
        return Figure(name=f"{size}_{name}", value=median(p.clips_per_s for p in paces[name]), unit="clips/s")

    def cpu(name: str) -> Figure:
        return Figure(name=f"{size}_{name}_cpu", value=median(p.cpu_ms for p in paces[name]), unit="ms/clip")

    return [
        Figure(name=f"{size}_official_there", value=OFFICIAL[size], unit="clips/s"),
        *(rate(name) for name in paces),
        *(cpu(name) for name in ("ours", "bare", "bare_rgb")),
        Figure(name=f"{size}_by_plain", value=ratio("plain"), unit="x", goal=GOALS[size]),
        Figure(name=f"{size}_by_bare", value=ratio("bare"), unit="x", goal=">= 0.9"),
        Figure(name=f"{size}_by_bare_rgb", value=ratio("bare_rgb"), unit="x"),
    ]


def main() -> int:
    """Exit status 1 where a goal fails."""
    parser = report.options(__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="videos of at least some seconds")
    parser.add_argument("--seconds", type=float, default=2.5, help="length of a measurement in a round")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    shared = report.ROOT.parent / "shared" / "clips"
    found: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="h2a-loader-") as folder:
        temporary = Path(folder)
        if given.folder is not None or shared.is_dir():
            files = loader_clips.find(given.folder or shared)
        else:
            files = loader_clips.rendered(temporary)
        for size, (width_px, height_px) in SIZES.items():
            clips = loader_clips.prepare(files, width_px, height_px, temporary / size)
            lengths = [m.num_frames for m in clips.version.members]
            print(f"{size}: {len(files)} files, {np.mean(lengths):.0f} frames on average", file=sys.stderr)
            found += figures(size, measure(clips, given.seconds, given.rounds))
    return report.finish("loader", found, given)


if __name__ == "__main__":
    sys.exit(main())
