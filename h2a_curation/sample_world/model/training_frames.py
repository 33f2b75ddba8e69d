"""The frames from which the sample world's model learns: drawn, encoded twice as the pipeline does, made small.

A clip that is mined was encoded by its uploader and again when its longest scene was cut; frames that never saw H.264
would make validation look better than it is.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from h2a_curation.foundation.atomic_files import replaced
from h2a_curation.sample_world.clip_spec import ACTIONS, FILLERS, Shot
from h2a_curation.sample_world.render.encode import ENCODINGS, Encoding
from h2a_curation.sample_world.render.pen import Image
from h2a_curation.sample_world.render.shot import shot_frames

SUBJECTS: tuple[str, ...] = ACTIONS + FILLERS
SIZE_PX = 112
"""Side of the squashed square that the model sees."""
FIRST_SEED = {"train": 10_000_000, "validation": 18_000_000, "test": 19_000_000}
"""Ranges of seeds that no world uses."""
_ROUNDS_A_CHUNK = 5
_SIZES = ((360, 640), (360, 640), (360, 640), (640, 360), (480, 480))
_CUT = Encoding(scale=1.0, crf=23, gop=1, preset="ultrafast")
"""What cutting a clip does to its keyframes."""
_TEXTS = ("wait for it", "day 12", "follow for more", "try this at home", "my first time", "pov you started in january")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Some clips of every subject, in the order of SUBJECTS, again and again."""

    split: str
    number: int
    num_frames: int
    """Frames of each clip."""

    @property
    def num_clips(self) -> int:
        """The same for every chunk."""
        return _ROUNDS_A_CHUNK * len(SUBJECTS)


def clip_subjects(num_clips: int) -> NDArray[np.int64]:
    """Index into SUBJECTS of each clip of a split."""
    return np.arange(num_clips) % len(SUBJECTS)


def chunk_frames(chunk: Chunk, folder: Path) -> Path:
    """The file with [clip, frame, height, width, rgb] of a chunk; drawn unless it is there."""
    target = folder / f"{chunk.split}-{chunk.num_frames}-{chunk.number:03}.npy"
    if not target.exists():
        clips = np.stack([np.stack(list(_clip(chunk, index))) for index in range(chunk.num_clips)])
        with replaced(folder, target) as file:
            np.save(file, clips)
    return target


def _clip(chunk: Chunk, index: int) -> Iterator[Image]:
    seed = FIRST_SEED[chunk.split] + chunk.number * chunk.num_clips + index
    rng = np.random.default_rng([seed, 0])
    width, height = _SIZES[rng.integers(len(_SIZES))]
    duration_s = float(rng.uniform(2.5, 5.0))
    times = [duration_s * (frame + rng.uniform(0.1, 0.9)) / chunk.num_frames for frame in range(chunk.num_frames)]
    text = str(rng.choice(_TEXTS)) if rng.random() < 0.4 else ""
    shot = Shot(subject=SUBJECTS[index % len(SUBJECTS)], duration_s=duration_s)
    drawn = shot_frames(shot, rng, width_px=width, height_px=height, times_s=times, overlay_text=text)
    upload = ENCODINGS["reencoded" if rng.random() < 0.25 else "upload"]
    uploaded = list(_through_h264(drawn, upload.size_px(width, height), upload))
    shrink = min(1.0, 320 / min(uploaded[0].shape[:2]))
    cut_px = (2 * round(uploaded[0].shape[1] * shrink / 2), 2 * round(uploaded[0].shape[0] * shrink / 2))
    for frame in _through_h264(iter(uploaded), cut_px, _CUT):
        yield np.asarray(PillowImage.fromarray(frame).resize((SIZE_PX, SIZE_PX), PillowImage.Resampling.BICUBIC))


def _through_h264(pictures: Iterator[Image], size_px: tuple[int, int], encoding: Encoding) -> Iterator[Image]:
    """What is left of the pictures after encoding and decoding at this size."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = *size_px, "yuv420p"
        stream.codec_context.thread_count = 1
        stream.options = {"preset": encoding.preset, "crf": str(encoding.crf), "g": str(encoding.gop), "bf": "0"}
        for picture in pictures:
            planes = cv2.cvtColor(cv2.resize(picture, size_px, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2YUV_I420)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes.astype(np.uint8), format="yuv420p")))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file, "r") as encoded:
        for frame in encoded.decode(video=0):
            yield frame.to_ndarray(format="rgb24")  # type: ignore[misc]
