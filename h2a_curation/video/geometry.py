"""What ffmpeg must be told of a file before it cuts a scene out of it: place and size of its pictures."""

from dataclasses import dataclass

import av

from h2a_curation.video.container import opened, shown_size, video_stream
from h2a_curation.video.entry import parted


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """Place and size of a file's pictures, as the cutting of a scene needs them."""

    size_px: tuple[int, int]
    """Width and height of the clip in pixels."""
    shift_s: float
    """From the container's start, from which ffmpeg counts, to the first picture, from which a scene counts."""
    frame_s: float
    begins_late: bool = False
    """Whether packets come before the first keyframe, which ffmpeg would stop at."""


def geometry(file: str, short_side_px: int) -> Geometry | None:
    """The geometry of a file's clip; None when its first picture does not decode."""
    try:
        with opened(file) as container:
            stream = video_stream(container)
            if stream is None:
                return None
            before, shown = parted(container.demux(stream))
            frame = next((frame for packet in shown for frame in packet.decode()), None)
            if frame is None or frame.time is None:
                return None
            return Geometry(
                size_px=target_size(*shown_size(stream, frame), short_side_px),
                shift_s=frame.time - (container.start_time or 0) / av.time_base,
                frame_s=1 / float(stream.average_rate or 25),
                begins_late=bool(before),
            )
    except av.FFmpegError as error:
        if isinstance(error, MemoryError):
            raise
        return None


def target_size(width_px: int, height_px: int, short_side_px: int) -> tuple[int, int]:
    """Even width and height with a short side of at most `short_side_px`, never enlarged.

    >>> target_size(1080, 1920, 320), target_size(427, 240, 320)
    ((320, 568), (426, 240))
    """
    scale = min(1.0, short_side_px / min(width_px, height_px))

    def even(side_px: int) -> int:
        return max(2, int(side_px * scale / 2 + 0.5 if scale < 1 else side_px / 2) * 2)

    return even(width_px), even(height_px)
