"""H.264 by one encoder thread: the same frames give the same bytes."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2

from h2a_curation.sample_world.render.pen import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """How much of the pictures survives."""

    scale: float
    crf: int
    gop: int
    preset: str

    def size_px(self, width_px: int, height_px: int) -> tuple[int, int]:
        """Width and height after scaling, both even."""
        return 2 * round(width_px * self.scale / 2), 2 * round(height_px * self.scale / 2)


ENCODINGS: dict[str, Encoding] = {
    "upload": Encoding(scale=1.0, crf=23, gop=120, preset="ultrafast"),
    "reencoded": Encoding(scale=0.8, crf=29, gop=48, preset="superfast"),
}


def encode(frames: Iterable[Image], target: Path, *, size_px: tuple[int, int], fps: float, encoding: Encoding) -> None:
    """Write an mp4 (H.264, yuv420p) of the frames, scaled to `encoding`'s size."""
    width, height = encoding.size_px(*size_px)
    with av.open(str(target), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.thread_type = "NONE"
        stream.options = {"preset": encoding.preset, "crf": str(encoding.crf), "g": str(encoding.gop)}
        for picture in frames:
            scaled = picture
            if (width, height) != size_px:
                scaled = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
            planes: Image = cv2.cvtColor(scaled, cv2.COLOR_RGB2YUV_I420)  # type: ignore[assignment]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        container.mux(stream.encode())
