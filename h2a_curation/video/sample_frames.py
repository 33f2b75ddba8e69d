"""Reads clips: all that the measurements need in one sequential decode."""

import hashlib

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from h2a_curation.measure.facts import UndecodableError
from h2a_curation.measure.frames import Look, LookRules
from h2a_curation.video.container import Source, make_strict, opened, shown_size, video_stream

VERSION = 1
"""Of what a look shows. Clips are hashed, embedded and sensed anew when it rises.
Raise it when the same input gives another output: tests/measure/test_goldens.py says so when it does."""


_MAX_PIXELS = 1 << 28
"""Pixels of all pictures of one look: two hours of a clip at the default rules, and a quarter of a gigabyte."""


def look(file: Source, rules: LookRules) -> Look:
    """Decode the clip once. Raises ValueError when it does not decode from end to end, as a lake's clip always should;
    UndecodableError when its pictures are too many or too large.
    """
    digest = hashlib.sha256()
    shown: list[tuple[float, NDArray[np.uint8]]] = []
    grey: list[NDArray[np.uint8]] = []
    shrink = VideoReformatter()
    try:
        with opened(file) as container:
            stream = video_stream(container)
            if stream is None or not stream.frames:
                raise ValueError(f"{file} is not a clip of a lake: it declares no frames")
            make_strict(stream)
            wanted = _centres(stream.frames, rules.num_frames)
            grey_size = _short_side(*shown_size(stream), rules.grey_short_side_px)
            left_px = _MAX_PIXELS
            for index, frame in enumerate(container.decode(stream)):
                _add_planes(digest, frame)
                time_s = frame.time or 0.0
                if left_px < grey_size[0] * grey_size[1] + frame.width * frame.height:
                    raise UndecodableError(
                        "too_much_memory", f"its pictures have more than {_MAX_PIXELS} pixels together"
                    )
                if index in wanted:
                    left_px -= frame.width * frame.height
                    shown.append((time_s, _rgb(frame)))
                if time_s >= len(grey) / rules.grey_fps:
                    left_px -= grey_size[0] * grey_size[1]
                    small = shrink.reformat(frame, *grey_size, format="gray", interpolation="AREA", threads=1)
                    grey.append(np.asarray(small.to_ndarray(), np.uint8))
    except av.FFmpegError as error:
        if isinstance(error, MemoryError):
            raise
        raise ValueError(f"{file} does not decode: {error.strerror}. Remove it, and build again") from error
    if not shown or not grey:
        raise ValueError(f"{file} does not decode: it shows nothing. Remove it, and build again")
    return Look(
        frames_sha256=digest.hexdigest(),
        times_s=[time_s for time_s, _ in shown],
        frames=np.stack([picture for _, picture in shown]),
        grey=np.stack(grey),
    )


def _rgb(frame: VideoFrame) -> NDArray[np.uint8]:
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def _centres(num_frames: int, num_wanted: int) -> set[int]:
    """Frame numbers at the centres of equal spans, so that black first and last frames are avoided."""
    return {int(num_frames * (i + 0.5) / num_wanted) for i in range(num_wanted)}


def _short_side(width_px: int, height_px: int, short_side_px: int) -> tuple[int, int]:
    scale = short_side_px / min(width_px, height_px)
    return round(width_px * scale), round(height_px * scale)


def _add_planes(digest: "hashlib._Hash", frame: VideoFrame) -> None:
    """Add the picture without the padding at the end of each line, which depends on the decoder's buffers."""
    for plane in frame.planes:
        lines = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        digest.update(np.ascontiguousarray(lines).data)
