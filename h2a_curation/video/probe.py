"""What a file is, by its container and by one sequential decode of every frame. Strict: damage is never `ok`.

Runs on untrusted input, and so in `child`; `probe` itself is for the child and for tests.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from h2a_curation.measure.facts import ProbeFacts, UndecodableError
from h2a_curation.video.container import MAX_FRAMES, MAX_SIDE_PX, make_strict, opened, shown_size, video_stream
from h2a_curation.video.entry import parted
from h2a_curation.video.nal import units_of

VERSION = 2
"""Of what is measured here and in child, container and nal, beside PyAV's. Files are probed anew when it rises.
Raise it when the same input gives another output: tests/measure/test_goldens.py says so when it does."""

_SHORTFALL_SHARE = 0.1
_SHORTFALL_S = 0.5
"""A declared duration may count a longer sound track: a file is short only beyond both of these."""

_VARIABLE_SHARE = 0.2
"""A frame interval this far from the median makes the rate variable: rounding to milliseconds gives 0.06 at 60 fps."""

_CONTAINER_MAGIC = {4: (b"ftyp", b"moov", b"mdat", b"free", b"wide"), 0: (b"RIFF", b"\x1aE\xdf\xa3", b"FLV\x01")}
"""Bytes that video containers begin with: with these, an unreadable file is a broken video, not something else."""


@dataclass(slots=True)
class _Decoded:
    """What the decode has seen so far."""

    num_packets: int = 0
    num_corrupt: int = 0
    num_before: int = 0
    """Packets before the first keyframe, which no player shows."""
    before_s: float = 0.0
    """The time that these would take."""
    times_s: list[float] = field(default_factory=list)
    shown_px: tuple[int, int] | None = None


class _OverwrittenError(Exception):
    """A packet whose units no encoder writes like this."""


def probe(file: str) -> ProbeFacts:
    """Decode the whole file. What it holds is in the facts; but UndecodableError for more than MAX_FRAMES frames,
    MemoryError for want of it, and what PyAV itself raises for a few odd files.
    """
    try:
        with opened(file) as container:
            return _probe_container(container)
    except (av.FFmpegError, UnicodeDecodeError) as error:
        if isinstance(error, MemoryError):
            raise
        if _begins_like_a_video(file):
            return ProbeFacts(outcome="truncated", detail=f"no readable index: {_words(error)}")
        return ProbeFacts(outcome="not_video", detail=_words(error))


def _probe_container(container: InputContainer) -> ProbeFacts:
    stream = video_stream(container)
    facts = ProbeFacts(
        outcome="ok", container=container.format.name.split(",")[0], has_audio=bool(container.streams.audio)
    )
    if len(container.streams) == 0:
        return replace(facts, outcome="truncated", detail="the index lists no stream")
    if stream is None:
        return replace(facts, outcome="no_video_stream", detail="the file has no stream of moving pictures")
    width, height = shown_size(stream)
    declared_s = _declared_s(container, stream)
    facts = replace(facts, codec=stream.codec_context.name, width_px=width, height_px=height, declared_s=declared_s)
    if max(width, height) > MAX_SIDE_PX:
        return replace(facts, outcome="too_much_memory", detail=f"{width} x {height} px, above {MAX_SIDE_PX}")
    if (missing_bytes := _index_end(container) - container.size) > 0:
        return replace(facts, outcome="truncated", detail=f"the last {missing_bytes} bytes are not there")
    decoded = _Decoded()
    error = _decode(container, stream, decoded)
    facts = _with_decoded(facts, decoded)
    if decoded.num_corrupt:
        return replace(facts, outcome="truncated", detail="the last packet is cut off")
    if error is not None:
        return replace(facts, outcome="damaged", detail=f"after {len(decoded.times_s)} frames: {_words(error)}")
    if not decoded.times_s:
        return replace(facts, outcome="damaged", detail="no frame could be decoded")
    return _compare(facts, stream, decoded)


def _decode(container: InputContainer, stream: VideoStream, decoded: _Decoded) -> Exception | None:
    """Decode all frames; the error that ended it early, if one did."""
    # The loop filter smooths pictures that nobody looks at here, and is a sixth of the time.
    make_strict(stream, skip_loop_filter="all")
    units = units_of(stream.codec_context)

    def packets() -> "Iterator[Packet[VideoStream]]":
        for packet in container.demux(stream):
            decoded.num_packets += packet.size > 0
            decoded.num_corrupt += packet.is_corrupt
            if units is not None and units.is_overwritten(bytes(packet)):
                raise _OverwrittenError("a packet was overwritten")
            yield packet

    try:
        before, shown = parted(packets())
        for packet in shown:
            if before and packet.dts is not None and not decoded.num_before:
                _leave_out(before, packet, decoded)
            for frame in packet.decode():
                if frame.is_corrupt:
                    return ValueError("a frame was decoded with errors")
                if frame.time is not None:
                    decoded.times_s.append(frame.time)
                if decoded.shown_px is None:
                    decoded.shown_px = shown_size(stream, frame)
                if len(decoded.times_s) > MAX_FRAMES:
                    raise UndecodableError("too_many_frames", f"above {MAX_FRAMES}")
    except _OverwrittenError as error:
        return error
    except av.FFmpegError as error:
        if isinstance(error, MemoryError):
            raise
        return error
    return None


def _leave_out(before: "list[Packet[VideoStream]]", first: "Packet[VideoStream]", decoded: _Decoded) -> None:
    """Count what comes before the first packet that is shown."""
    decoded.num_before = len(before)
    began = next((packet.dts for packet in before if packet.dts is not None), None)
    if began is not None and first.dts is not None and first.time_base is not None:
        decoded.before_s = float((first.dts - began) * first.time_base)


def _with_decoded(facts: ProbeFacts, decoded: _Decoded) -> ProbeFacts:
    times_s = sorted(decoded.times_s)
    if decoded.shown_px is not None:
        facts = replace(facts, width_px=decoded.shown_px[0], height_px=decoded.shown_px[1])
    facts = replace(facts, num_frames=len(times_s))
    if len(times_s) < 2 or times_s[-1] == times_s[0]:
        return replace(facts, decoded_s=0.0)
    fps = (len(times_s) - 1) / (times_s[-1] - times_s[0])
    return replace(facts, fps=fps, decoded_s=len(times_s) / fps, is_variable_rate=_is_variable(times_s))


def _is_variable(times_s: list[float]) -> bool:
    intervals = sorted(later - earlier for earlier, later in pairwise(times_s))
    median = intervals[len(intervals) // 2]
    return max(median - intervals[0], intervals[-1] - median) > _VARIABLE_SHARE * median


def _compare(facts: ProbeFacts, stream: VideoStream, decoded: _Decoded) -> ProbeFacts:
    """Hold what was decoded against what the container declares."""
    assert facts.decoded_s is not None
    if stream.frames and decoded.num_packets < stream.frames - 1:
        return replace(
            facts, outcome="truncated", detail=f"{decoded.num_packets} of {stream.frames} declared frames are there"
        )
    declared_s = (facts.declared_s or 0.0) - decoded.before_s
    if facts.decoded_s < declared_s - max(_SHORTFALL_S, _SHORTFALL_SHARE * declared_s):
        return replace(facts, outcome="truncated", detail=f"{facts.decoded_s:.2f} s of {declared_s:.2f} s are there")
    if decoded.num_before:
        said = f"begins in mid-stream: {decoded.num_before} packets before the first keyframe are left out"
        return replace(facts, detail=said)
    return facts


def _index_end(container: InputContainer) -> int:
    """Byte at which the last packet of any stream ends, by the index of an MP4: other indexes are partial or may be
    off.
    """
    if "mp4" not in container.format.name:
        return 0
    return max((entry.pos + entry.size for stream in container.streams for entry in stream.index_entries), default=0)


def _declared_s(container: InputContainer, stream: VideoStream) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return None if container.duration is None else container.duration / av.time_base


def _begins_like_a_video(file: str) -> bool:
    with Path(file).open("rb") as opened_file:
        head = opened_file.read(12)
    return any(head[place:].startswith(magic) for place, magics in _CONTAINER_MAGIC.items() for magic in magics)


def _words(error: Exception) -> str:
    """The error in one line, without the file's path, so that the same bytes give the same row."""
    return (getattr(error, "strerror", None) or str(error)).splitlines()[0]
