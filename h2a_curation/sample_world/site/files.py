"""Make the files that posts serve: rendered when first asked for, spoilt where their plan says so, cached."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from random import Random

from h2a_curation.foundation.atomic_files import keep, move, scratch
from h2a_curation.sample_world.clip_spec import ClipSpec
from h2a_curation.sample_world.world.cast import FilePlan

Render = Callable[[ClipSpec, Path], None]
_HTML = b"""<!doctype html>
<html><head><title>Just a moment...</title></head>
<body><h1>Checking your browser</h1><p>This video is not available right now.</p></body></html>
"""


def default_cache() -> Path:
    """The folder that all runs of a user share: rendered clips are the same for all of them."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "h2a" / "sample_world"


def cached_file(plan: FilePlan, folder: Path) -> Path:
    """The cached file of a plan, made or not: it is named by the plan and by what makes it."""
    content = json.dumps([asdict(plan), maker_fingerprint()], sort_keys=True)
    name = blake2b(content.encode(), digest_size=16).hexdigest()
    return folder / name[:2] / f"{name}.mp4"


def make_file(plan: FilePlan, folder: Path, render: Render | None = None) -> Path:
    """Make the file of a plan unless it is there; written aside and renamed, so that no reader sees half of it."""
    target = cached_file(plan, folder)
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with scratch(folder, "unfinished-") as aside:
        unfinished = aside / target.name
        _write(plan, unfinished, render or _renderer())
        keep(folder, unfinished, target)
    return target


@cache
def maker_fingerprint() -> str:
    """Changes with the renderer's source, this module's, and the libraries that draw and encode."""
    package = Path(__file__).parents[1]
    sources = sorted([*(package / "render").rglob("*.py"), package / "clip_spec.py", Path(__file__)])
    digest = blake2b(digest_size=8)
    for source in sources:
        digest.update(source.read_bytes())
    for library in ("av", "numpy", "opencv-python-headless", "pillow"):
        digest.update(f"{library} {version(library)}".encode())
    return digest.hexdigest()


def _renderer() -> Render:
    """Imported where it is used: drawing and encoding libraries are slow to load."""
    from h2a_curation.sample_world.render import render

    return render


def _write(plan: FilePlan, target: Path, render: Render) -> None:
    if plan.damage == "html":
        target.write_bytes(_HTML)
    elif plan.damage == "no_video_stream":
        _write_tone(target, plan.spec.duration_s)
    else:
        render(plan.spec, target)
    if plan.damage == "truncated":
        _truncate(target, plan.spec.seed)
    elif plan.damage == "damaged":
        target.write_bytes(_damaged(target.read_bytes(), plan.spec.seed))


def _truncate(file: Path, seed: int) -> None:
    """Keep the first 40 to 70 %, as of a broken download: every other file plays in part, as its index comes first."""
    if seed % 2:
        _move_index_first(file)
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * Random(seed).uniform(0.4, 0.7))])


def _damaged(content: bytes, seed: int) -> bytes:
    """A third of the picture data overwritten in runs; index and headers stay."""
    rng = Random(seed)
    start, end = _picture_data(content)
    spoilt = bytearray(content)
    length = (end - start) // 30
    for part in range(10):
        at = start + (end - start) * (2 * part + 1) // 20
        spoilt[at : at + length] = rng.randbytes(length)
    return bytes(spoilt)


def _move_index_first(file: Path) -> None:
    """Write the same stream as an mp4 that can be played while it arrives."""
    import av

    moved = file.with_suffix(".moved.mp4")
    with av.open(str(file), "r") as source, av.open(str(moved), "w", options={"movflags": "faststart"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    move(file.parent, moved, file)


def _picture_data(content: bytes) -> tuple[int, int]:
    """First and last byte of the box `mdat`."""
    at = 0
    while at < len(content):
        length, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        if kind == b"mdat":
            return at + 8, at + length
        assert length >= 8, "the renderer writes no 64-bit boxes"
        at += length
    raise AssertionError("the renderer writes an mdat box")


def _write_tone(target: Path, duration_s: float) -> None:
    """An mp4 with sound only."""
    import av
    import numpy as np

    rate = 16_000
    times_s = np.arange(int(duration_s * rate)) / rate
    samples = (0.3 * np.sin(2 * np.pi * 440 * times_s)).astype(np.float32)[None]
    with av.open(str(target), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
