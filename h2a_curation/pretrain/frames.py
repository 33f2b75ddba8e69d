"""Which frames of a clip are sampled, and how just those are decoded."""

import io
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

VideoPacket: TypeAlias = "av.Packet[av.VideoStream]"
Frames = NDArray[np.uint8]
"""[frame, height, width, rgb]"""

_NO_PROBE = {"codec_whitelist": "none"}
"""FFmpeg decodes a frame of every file that it opens, only to learn the pixel format: without a decoder it does not,
which saves a twentieth to a tenth of a clip's time. Ours, which decodes, has no such list."""


def sample_indices(length: int, num_frames: int, stride: int, rng: np.random.RandomState) -> list[int]:
    """Frame indices of one sample from a clip of `length` frames, drawn as the official code draws them.

    A clip of less than num_frames * stride frames starts at 0 without a draw; the last frame reached is then repeated.
    The very last frame of a clip is never reached.
    """
    num_starts = length - num_frames * stride + 1
    place = 1 + (int(rng.randint(num_starts)) if num_starts > 0 else 0)
    indices = []
    for _ in range(num_frames):
        indices.append(place - 1)
        if place + stride < length:
            place += stride
    return indices


def decode(data: bytes, indices: Sequence[int], *, shrink: int = 1) -> Frames:
    """Those frames of an mp4, in the order asked for, sides divided by `shrink` by averaging.

    Only groups of pictures that hold a wanted frame are decoded, each up to its last wanted one. ValueError if the
    bytes cannot be read or a frame is missing.
    """
    reformatter = VideoReformatter()
    found = {i: _pixels(reformatter, frame, shrink) for i, frame in wanted_frames(data, indices)}
    if missing := set(indices) - set(found):
        raise ValueError(f"frames {sorted(missing)} do not decode")
    return np.stack([found[i] for i in indices])


def wanted_frames(data: bytes, indices: Sequence[int]) -> Iterator[tuple[int, av.VideoFrame]]:
    """Each wanted frame of an mp4 once, as the decoder gives it, with its index; a damaged one may be missing.

    ValueError if the bytes cannot be read or an index lies beyond the end.
    """
    wanted = set(indices)
    try:
        with av.open(io.BytesIO(data), "r", container_options=_NO_PROBE) as container:
            stream = container.streams.video[0]
            stream.thread_type = "NONE"
            packets = [p for p in container.demux(stream) if p.pts is not None]
            pts = sorted(p.pts for p in packets if p.pts is not None)
            if not wanted or max(wanted) >= len(pts):
                raise ValueError(f"frame {max(wanted, default=0)} of a clip of {len(pts)}")
            by_pts = {pts[i]: i for i in wanted}
            for packet in [*_needed(packets, set(by_pts)), None]:
                for frame in stream.codec_context.decode(packet):
                    if frame.pts in by_pts:
                        yield by_pts[frame.pts], frame
    except (av.FFmpegError, IndexError) as broken:
        raise ValueError(f"cannot be decoded: {broken}") from broken


def _pixels(reformatter: VideoReformatter, frame: av.VideoFrame, shrink: int) -> Frames:
    """[height, width, rgb], a view of memory that the converted frame owns.

    One thread: with more, a frame so small takes longer.
    """
    if shrink > 1:
        width, height = frame.width // shrink, frame.height // shrink
        rgb = reformatter.reformat(frame, width, height, "rgb24", interpolation="AREA", threads=1)
    else:
        rgb = reformatter.reformat(frame, format="rgb24", threads=1)
    [plane] = rgb.planes
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(rgb.height, plane.line_size)
    pixels: Frames = rows[:, : 3 * rgb.width].reshape(rgb.height, rgb.width, 3)
    return pixels


def _needed(packets: list[VideoPacket], wanted: set[int]) -> list[VideoPacket]:
    """The packets to decode, in stream order; all where frames are stored out of order."""
    pts = [p.pts for p in packets if p.pts is not None]
    if pts != sorted(pts):
        return packets
    needed: list[VideoPacket] = []
    group: list[VideoPacket] = []
    for packet in packets:
        if packet.is_keyframe:
            group = []
        group.append(packet)
        if packet.pts in wanted:
            needed += group
            group = []
    return needed
