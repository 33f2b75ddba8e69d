"""Draw the clips of the sample world: the same spec gives the same pictures and, with the same PyAV, the same bytes."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from h2a_curation.sample_world.clip_spec import ClipSpec
from h2a_curation.sample_world.render.encode import ENCODINGS, encode
from h2a_curation.sample_world.render.pen import Image
from h2a_curation.sample_world.render.shot import shot_frames


def render(spec: ClipSpec, target: Path) -> None:
    """Write an H.264 mp4 (yuv420p); `target`'s folder must exist."""
    size_px = (spec.width_px, spec.height_px)
    encode(frames(spec), target, size_px=size_px, fps=spec.fps, encoding=ENCODINGS[spec.encoding])


def frames(spec: ClipSpec) -> Iterator[Image]:
    """The clip's pictures before encoding, [height, width, rgb]; an array may be yielded more than once."""
    for index, shot in enumerate(spec.shots):
        yield from shot_frames(
            shot,
            np.random.default_rng([spec.seed, index]),
            width_px=spec.width_px,
            height_px=spec.height_px,
            times_s=[frame / spec.fps for frame in range(round(shot.duration_s * spec.fps))],
            overlay_text=spec.overlay_text,
        )
