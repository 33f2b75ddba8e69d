"""What a file is, by its container and by one sequential decode of every frame. Strict: what tells of damage is heeded.

Some damage tells nothing: `python -m bench.damage` prints its share by codec, and docs/real-data.md has it.

Runs on untrusted input, and so in `child`; `probe` itself is for the child and for tests.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from h2a_curation.measure.facts import ProbeFacts, UndecodableError
from h2a_curation.video.container import MAX_FRAMES, MAX_SIDE_PX, Source, make_strict, opened, shown_size, video_stream
from h2a_curation.video.entry import parted
from h2a_curation.video.frame_notes import JOINABLE, FrameNotes
from h2a_curation.video.nal import units_of
from h2a_curation.video.reports import complaints, has_hole, telling_decoder

VERSION = 2
"""Of what is measured here and in child, container and nal, beside PyAV's. Files are probed anew when it rises.
Raise it when the same input gives another output: tests/measure/test_goldens.py says so when it does."""

_SHORTFALL_SHARE = 0.1
_SHORTFALL_S = 0.5
"""A declared duration is rounded, and may count a last frame twice: a file is short only beyond both of these."""
_DECLARES_END = frozenset({"matroska", "flv", "asf"})
"""Formats that declare when the last of all streams ends, and count no frames."""
_DECLARES_OWN = frozenset({"mov", "avi", "ogg", "mpegts", "mpeg"})
"""Formats in which the pictures have a duration of their own: declared, or read from their last time stamp."""

_ENDS_EARLY = "ended prematurely"
"""FFmpeg's words for a Matroska file that is shorter than it says."""
_HELD_PACKETS = 2
"""Packets between the one that FFmpeg calls corrupt at a joint and the next piece's first: its parser holds as many."""

_VARIABLE_SHARE = 0.2
"""A frame interval this far from the median makes the rate variable: rounding to milliseconds gives 0.06 at 60 fps."""

_CONTAINER_MAGIC = {4: (b"ftyp", b"moov", b"mdat", b"free", b"wide"), 0: (b"RIFF", b"\x1aE\xdf\xa3", b"FLV\x01")}
"""Bytes that video containers begin with: with these, an unreadable file is a broken video, not something else."""


@dataclass(slots=True)
class _Decoded:
    """What the decode has seen so far."""

    notes: FrameNotes
    num_packets: int = 0
    num_before: int = 0
    """Packets before the first keyframe, which no player shows."""
    num_places: int = 0
    """Units of the stream's clock up to its last packet."""
    is_broken: bool = False
    """Whether a packet is cut off or lacks a part, as its container sees it."""
    num_since_break: int | None = None
    """Packets since one in a format that may be joined lacked a part; None where that was no joint, or was not."""
    ends_s: float = 0.0
    """When the last packet of any stream ends."""


class _DamagedError(Exception):
    """What a packet, its container or the decoder tells of damage."""


def probe(file: Source) -> ProbeFacts:
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
    facts = ProbeFacts(outcome="ok", container=_format(container), has_audio=bool(container.streams.audio))
    if len(container.streams) == 0:
        return replace(facts, outcome="truncated", detail="the index lists no stream")
    if stream is None:
        return replace(facts, outcome="no_video_stream", detail="the file has no stream of moving pictures")
    width, height = shown_size(stream)
    declared_s = _declared_s(container, stream)
    codec = stream.codec_context.codec.canonical_name
    facts = replace(facts, codec=codec, width_px=width, height_px=height, declared_s=declared_s)
    if max(width, height) > MAX_SIDE_PX:
        return replace(facts, outcome="too_much_memory", detail=f"{width} x {height} px, above {MAX_SIDE_PX}")
    if (missing_bytes := _index_end(container) - container.size) > 0:
        return replace(facts, outcome="truncated", detail=f"the last {missing_bytes} bytes are not there")
    decoded = _Decoded(FrameNotes(container, stream))
    error = _decode(container, stream, decoded)
    facts = _with_decoded(facts, decoded.notes)
    if decoded.is_broken or decoded.num_since_break is not None:
        return replace(facts, outcome="truncated", detail="the last packet is cut off")
    if error is not None:
        outcome = "truncated" if _ENDS_EARLY in str(error) else "damaged"
        return replace(facts, outcome=outcome, detail=f"after {facts.num_frames} frames: {_words(error)}")
    if not facts.num_frames:
        return replace(facts, outcome="damaged", detail="no frame could be decoded")
    if decoded.num_before:
        said = f"begins in mid-stream: {decoded.num_before} packets before the first keyframe are left out"
        facts = replace(facts, detail=said)
    return _compare(facts, container, stream, decoded)


def _decode(container: InputContainer, stream: VideoStream, decoded: _Decoded) -> Exception | None:
    """Decode all frames; the error that ended it early, if one did."""
    # The loop filter smooths pictures that nobody looks at here, and is a sixth of the time.
    make_strict(stream, skip_loop_filter="all")
    decoder = telling_decoder(stream)
    try:
        with complaints(container, decoder) as complaint:
            before, shown = parted(_packets(container, stream, decoder, decoded, complaint))
            decoded.num_before = len(before)
            for packet in shown:
                _decode_packet(packet, decoder, decoded)
            if said := complaint():
                return ValueError(said)
    except _DamagedError as error:
        return error
    except av.FFmpegError as error:
        if isinstance(error, MemoryError):
            raise
        return error
    return None


def _packets(
    container: InputContainer,
    stream: VideoStream,
    decoder: VideoCodecContext,
    decoded: _Decoded,
    complaint: Callable[[], str],
) -> "Iterator[Packet[Any]]":
    """The packets of the pictures, each looked at; of other streams' it is noted when they end."""
    units = units_of(decoder)
    may_be_joined = _format(container) in JOINABLE
    for packet in container.demux():
        if said := complaint():
            raise _DamagedError(said)
        decoded.ends_s = max(decoded.ends_s, _end_s(packet))
        if packet.stream.index != stream.index:
            continue
        decoded.num_packets += packet.size > 0
        decoded.num_places = max(decoded.num_places, (packet.dts or 0) + 1)
        _note_break(decoded, packet, may_be_joined=may_be_joined)
        content = bytes(packet)
        if (units is not None and units.is_overwritten(content)) or has_hole(content, decoder):
            raise _DamagedError("a packet was overwritten")
        yield packet


def _decode_packet(packet: "Packet[Any]", decoder: VideoCodecContext, decoded: _Decoded) -> None:
    for frame in decoder.decode(packet):
        if frame.is_corrupt:
            raise _DamagedError("a frame was decoded with errors")
        decoded.notes.add(frame)
        if len(decoded.notes.stored_s) > MAX_FRAMES:
            raise UndecodableError("too_many_frames", f"above {MAX_FRAMES}")


def _note_break(decoded: _Decoded, packet: "Packet[Any]", *, may_be_joined: bool) -> None:
    """A packet that lacks a part is damage; but not where a piece of a stream ends, and a keyframe begins the next."""
    if decoded.num_since_break is not None:
        decoded.num_since_break += 1
        if packet.is_keyframe or decoded.num_since_break > _HELD_PACKETS:
            decoded.is_broken |= not packet.is_keyframe
            decoded.num_since_break = None
    if packet.is_corrupt and may_be_joined:
        decoded.num_since_break = 0
    elif packet.is_corrupt:
        decoded.is_broken = True


def _with_decoded(facts: ProbeFacts, notes: FrameNotes) -> ProbeFacts:
    frames, first = notes.timeline(), notes.first
    if first is not None:
        colour = first.colour
        facts = replace(
            facts,
            width_px=first.width_px,
            height_px=first.height_px,
            color_transfer=colour.transfer,
            color_primaries=colour.primaries,
            color_matrix=colour.matrix,
            color_range=colour.range,
            bit_depth=colour.bit_depth,
            num_sizes=notes.num_sizes,
            has_odd_times=not frames.is_stored,
        )
    num_frames = len(frames.times_s)
    facts = replace(facts, num_frames=num_frames)
    if frames.fps is None:
        return replace(facts, decoded_s=0.0)
    is_variable = _is_variable(frames.times_s)
    return replace(facts, fps=frames.fps, decoded_s=num_frames / frames.fps, is_variable_rate=is_variable)


def _is_variable(times_s: list[float]) -> bool:
    intervals = sorted(later - earlier for earlier, later in pairwise(times_s))
    median = intervals[len(intervals) // 2]
    return max(median - intervals[0], intervals[-1] - median) > _VARIABLE_SHARE * median


def _compare(facts: ProbeFacts, container: InputContainer, stream: VideoStream, decoded: _Decoded) -> ProbeFacts:
    """Hold what came against what the container declares: frames, and when the last of all streams ends.

    A file's duration is never held against its pictures': sound or subtitles may last longer.
    """
    num_declared = _num_declared(container, stream)
    # An AVI counts places for frames, and leaves one empty where the picture before stands on.
    num_came = max(decoded.num_packets, decoded.num_places if facts.container == "avi" else 0)
    if num_came < num_declared - 1:
        return replace(facts, outcome="truncated", detail=f"{num_came} of {num_declared} declared frames are there")
    if num_declared or container.duration is None or _format(container) not in _DECLARES_END:
        return facts
    declared_s = container.duration / av.time_base
    # Some count it from the first time stamp, some from 0.
    ends_s = decoded.ends_s - min(0, container.start_time or 0) / av.time_base
    if ends_s < declared_s - max(_SHORTFALL_S, _SHORTFALL_SHARE * declared_s):
        return replace(facts, outcome="truncated", detail=f"{ends_s:.2f} s of {declared_s:.2f} s are there")
    return facts


def _num_declared(container: InputContainer, stream: VideoStream) -> int:
    """Packets that the container declares; 0 where it does not count them. An MP4's edit list may leave some out."""
    return min(stream.frames, len(stream.index_entries)) if _format(container) == "mov" else stream.frames


def _end_s(packet: "Packet[Any]") -> float:
    """When what a packet holds ends; 0 where it has no time."""
    begins = packet.dts if packet.pts is None else packet.pts
    return 0.0 if begins is None else float((begins + (packet.duration or 0)) * packet.time_base)


def _index_end(container: InputContainer) -> int:
    """Byte at which the last packet of any stream ends, by the index of an MP4: other indexes are partial or may be
    off.
    """
    if "mp4" not in container.format.name:
        return 0
    return max((entry.pos + entry.size for stream in container.streams for entry in stream.index_entries), default=0)


def _declared_s(container: InputContainer, stream: VideoStream) -> float | None:
    """How long the pictures are to last by the container, which may tell only how long the longest stream does."""
    if _format(container) in _DECLARES_OWN:
        return float(stream.duration * stream.time_base) if stream.duration and stream.time_base else None
    told = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    return told and int(told[1]) * 3600 + int(told[2]) * 60 + float(told[3])


def _format(container: InputContainer) -> str:
    return container.format.name.split(",")[0]


def _begins_like_a_video(file: Source) -> bool:
    with Path(file).open("rb") if isinstance(file, str) else os.fdopen(os.dup(file), "rb") as opened_file:
        opened_file.seek(0)
        head = opened_file.read(12)
    return any(head[place:].startswith(magic) for place, magics in _CONTAINER_MAGIC.items() for magic in magics)


def _words(error: Exception) -> str:
    """The error in one line, without the file's path, so that the same bytes give the same row."""
    return (getattr(error, "strerror", None) or str(error)).splitlines()[0]
