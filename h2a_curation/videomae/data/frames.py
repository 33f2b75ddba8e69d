"""Which frames of a clip are sampled, and how just those are decoded."""

import io
from collections.abc import Collection, Iterator, Sequence
from typing import TypeAlias

import av
import numpy as np
from av.container import InputContainer
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from h2a_curation.foundation.media_formats import ONLY_ITSELF

VideoPacket: TypeAlias = "av.Packet[VideoStream]"
_Packets: TypeAlias = tuple[list[VideoPacket], dict[int, int]]
Frames = NDArray[np.uint8]
"""[frame, height, width, rgb]"""
Region = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels; right and bottom lie outside."""

_OPTIONS = {**ONLY_ITSELF, "codec_whitelist": "none"}
"""A shard may come from strangers: what it holds reads no other file.

FFmpeg decodes a frame of every file that it opens, only to learn the pixel format: without a decoder it does not, which
saves a twentieth to a tenth of a clip's time. Ours, which decodes, has no such list."""

_HALF_CHROMA = ("yuv420p", "yuvj420p")
"""What H.264 clips decode to, but for rare ones."""


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
    _all_found(indices, found)
    return np.stack([found[i] for i in indices])


def decode_region(data: bytes, indices: Sequence[int], region: Region) -> Frames:
    """What lies in a region of those frames; to the bit what `decode` gives there, with less work.

    What is cut off is never converted to RGB, and all frames are converted at once, as one tall picture. ValueError
    also where frames are smaller than the region.
    """
    left, top, right, bottom = region
    places = {i: place for place, i in enumerate(sorted(set(indices)))}
    found: set[int] = set()
    picture: _TallPicture | None = None
    for i, frame in wanted_frames(data, indices):
        if right > frame.width or bottom > frame.height:
            raise ValueError(f"a frame of {frame.width}x{frame.height} px is smaller than the clip's row says")
        if picture is None:
            if frame.format.name not in _HALF_CHROMA or frame.width % 2 or frame.height % 2:
                return decode(data, indices)[:, top:bottom, left:right]
            picture = _TallPicture(frame, region, len(places) + len(places) % 2)
        picture.put(places[i], frame)
        found.add(i)
    _all_found(indices, found)
    assert picture is not None
    order = [places[i] for i in indices]
    pixels = picture.pixels()[: len(places)]
    return pixels if order == list(range(len(places))) else pixels[order]


def wanted_frames(data: bytes, indices: Sequence[int]) -> Iterator[tuple[int, av.VideoFrame]]:
    """Each wanted frame of an mp4 once, as the decoder gives it, with its index; a damaged one may be missing.

    ValueError if the bytes cannot be read or an index lies beyond the end.
    """
    wanted = set(indices)
    try:
        with av.open(io.BytesIO(data), "r", container_options=_OPTIONS) as container:
            stream = container.streams.video[0]
            stream.thread_type = "NONE"
            packets, by_pts = _stored_in_order(container, stream, wanted) or _all_packets(container, stream, wanted)
            for packet in [*_needed(packets, set(by_pts)), None]:
                for frame in stream.codec_context.decode(packet):
                    if frame.pts in by_pts:
                        yield by_pts[frame.pts], frame
    except (av.FFmpegError, IndexError) as broken:
        raise ValueError(f"cannot be decoded: {broken}") from broken


def _stored_in_order(container: InputContainer, stream: VideoStream, wanted: set[int]) -> _Packets | None:
    """The packets from the keyframe before the first wanted frame to the last wanted one; which time is which frame.

    None for a file with frames out of order or without an index of all of them.
    """
    entries = stream.index_entries
    times = [entry.timestamp for entry in entries]
    if len(times) != stream.frames or not wanted or max(wanted) >= len(times):
        return None
    first = next((i for i in range(min(wanted), -1, -1) if entries[i].is_keyframe), 0)
    container.seek(times[first], stream=stream)
    packets = []
    for time, packet in zip(times[first : max(wanted) + 1], container.demux(stream), strict=False):
        if packet.pts != time:
            return None
        packets.append(packet)
    return packets, {times[i]: i for i in wanted}


def _all_packets(container: InputContainer, stream: VideoStream, wanted: set[int]) -> _Packets:
    container.seek(0, stream=stream)
    packets = [p for p in container.demux(stream) if p.pts is not None]
    pts = sorted(p.pts for p in packets if p.pts is not None)
    if not wanted or max(wanted) >= len(pts):
        raise ValueError(f"frame {max(wanted, default=0)} of a clip of {len(pts)}")
    return packets, {pts[i]: i for i in wanted}


def _all_found(indices: Sequence[int], found: Collection[int]) -> None:
    if missing := set(indices) - set(found):
        raise ValueError(f"frames {sorted(missing)} do not decode")


class _TallPicture:
    """A region of an even number of frames, one below the other: PyAV wants a height that 4 divides."""

    def __init__(self, frame: av.VideoFrame, region: Region, num_frames: int) -> None:
        left, top, right, bottom = region
        self._num_frames = num_frames
        # Chroma has half the sides, so the region begins and ends at even places first.
        self._left, self._top = left // 2 * 2, top // 2 * 2
        self._right, self._bottom = -(-right // 2) * 2, -(-bottom // 2) * 2
        self._inner = (
            slice(None),
            slice(top - self._top, bottom - self._top),
            slice(left - self._left, right - self._left),
        )
        self._width, self._height = self._right - self._left, self._bottom - self._top
        self._yuv = np.empty((num_frames * self._height * 3 // 2, self._width), np.uint8)
        luma, chroma = num_frames * self._height * self._width, num_frames * self._height * self._width // 4
        planes = np.split(self._yuv.reshape(-1), [luma, luma + chroma])
        self._planes = [
            p.reshape(num_frames, self._height // half, -1) for p, half in zip(planes, (1, 2, 2), strict=True)
        ]
        self._format, self._colours = frame.format.name, (frame.colorspace, frame.color_range)

    def put(self, place: int, frame: av.VideoFrame) -> None:
        """Fill in the place-th frame."""
        for target, plane, half in zip(self._planes, frame.planes, (1, 2, 2), strict=True):
            rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
            target[place] = rows[self._top // half : self._bottom // half, self._left // half : self._right // half]

    def pixels(self) -> Frames:
        """The region of all frames in RGB."""
        picture = av.VideoFrame.from_numpy_buffer(self._yuv, self._format)
        picture.colorspace, picture.color_range = self._colours
        rgb = _rgb(picture.reformat(format="rgb24", threads=1))
        return rgb.reshape(self._num_frames, self._height, self._width, 3)[self._inner]


def _pixels(reformatter: VideoReformatter, frame: av.VideoFrame, shrink: int) -> Frames:
    """[height, width, rgb], a view of memory that the converted frame owns.

    One thread: with more, a frame so small takes longer.
    """
    if shrink > 1:
        width, height = frame.width // shrink, frame.height // shrink
        return _rgb(reformatter.reformat(frame, width, height, "rgb24", interpolation="AREA", threads=1))
    return _rgb(reformatter.reformat(frame, format="rgb24", threads=1))


def _rgb(frame: av.VideoFrame) -> Frames:
    [plane] = frame.planes
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(frame.height, plane.line_size)
    pixels: Frames = rows[:, : 3 * frame.width].reshape(frame.height, frame.width, 3)
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
