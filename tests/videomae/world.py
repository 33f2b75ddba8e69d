"""A small lake by the published contract: moving shapes on soft backgrounds, as mp4s in a tar, and clip.parquet."""

import hashlib
import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from h2a_curation.lake import layout, versions
from schemas import Member, to_arrow
from schemas.publish import ShardEntry
from tests import factories


def frames(seed: int, num_frames: int, width: int, height: int) -> NDArray[np.uint8]:
    """A gradient that slides, and a few shapes that swing over it."""
    rng = np.random.default_rng(seed)
    corners = Image.fromarray(rng.integers(30, 226, (3, 3, 3), dtype=np.uint8))
    background = corners.resize((width + 32, height), Image.Resampling.BICUBIC)
    shapes = [(rng.random(4), tuple(rng.integers(0, 256, 3).tolist())) for _ in range(4)]
    shown = []
    for t in range(num_frames):
        picture = background.crop((t % 32, 0, t % 32 + width, height))
        draw = ImageDraw.Draw(picture)
        for (x, y, size, speed), colour in shapes:
            left = width * (0.5 + 0.4 * np.sin(6 * x + 0.3 * speed * t))
            top, side = height * (0.1 + 0.6 * y), height * (0.1 + 0.2 * size)
            draw.rectangle((left, top, left + side / 2, top + side), fill=colour)
        shown.append(np.asarray(picture))
    return np.stack(shown)


def encode(pictures: NDArray[np.uint8], fps: int = 24, b_frames: int = 0, pix_fmt: str = "yuv420p") -> bytes:
    """An mp4 as the curation side writes it: H.264, a keyframe every 16 frames, frames in order unless asked."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height = pictures.shape[2], pictures.shape[1]
        stream.pix_fmt = pix_fmt
        stream.codec_context.gop_size = 16
        stream.options = {"preset": "ultrafast", "bf": str(b_frames), "threads": "1"}
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def write_lake(
    lake: Path, splits: Sequence[str], *, num_frames: int = 70, width: int = 96, height: int = 80,
    classes: Sequence[tuple[str, int]] = (("squat", 7),),
) -> None:  # fmt: skip
    """Version `v1` with one clip for each split named, all in one tar, of each class (id and label) in turn."""
    (lake / layout.SHARDS).mkdir(parents=True)
    (lake / layout.version("v1")).mkdir(parents=True)
    clips = [encode(frames(i, num_frames, width, height)) for i in range(len(splits))]
    shard = lake / layout.shard("abc.tar")
    with tarfile.open(shard, "w") as tar:
        for data in clips:
            info = tarfile.TarInfo(f"{hashlib.sha256(data).hexdigest()}.mp4")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    with tarfile.open(shard) as tar:
        offsets = [info.offset_data for info in tar.getmembers()]
    members = [
        Member(
            clip_id=hashlib.sha256(data).hexdigest(), class_id=classes[i % len(classes)][0],
            label=classes[i % len(classes)][1], split=split, post_id=f"s:{i}",
            creator=None, shard=shard.name, offset=offset, num_bytes=len(data), sha256=hashlib.sha256(data).hexdigest(),
            width_px=width, height_px=height, fps=24.0, num_frames=num_frames,
        )
        for i, (data, split, offset) in enumerate(zip(clips, splits, offsets, strict=True))
    ]  # fmt: skip
    write_version(lake, members)


def write_version(lake: Path, members: list[Member]) -> None:
    """The files of version `v1` for these members and the shards that lie there."""
    folder = lake / layout.version("v1")
    pq.write_table(to_arrow(Member, members), folder / layout.MEMBERS)
    shards = [(path, path.read_bytes()) for path in sorted((lake / layout.SHARDS).iterdir())]
    labels = {m.class_id: m.label for m in members}
    manifest = factories.manifest(
        labels=labels,
        indices=versions.dense_indices(labels),
        num_clips={name: sum(m.split == name for m in members) for name in ("train", "val", "test")},
        shards=[
            ShardEntry(
                file=path.name,
                sha256=hashlib.sha256(data).hexdigest(),
                num_bytes=len(data),
                num_clips=sum(m.shard == path.name for m in members),
            )
            for path, data in shards
        ],
        files={layout.MEMBERS: hashlib.sha256((folder / layout.MEMBERS).read_bytes()).hexdigest()},
    )
    (folder / layout.MANIFEST).write_bytes(versions.as_bytes(manifest))
