"""Where a stream can be entered: at its first keyframe. What comes before leans on pictures that the file lacks.

Recordings of a broadcast, a camera or a live stream begin in mid-stream. Players show them from the first keyframe on,
and so do we, in every stage.
"""

import os
from collections.abc import Iterable, Iterator
from itertools import chain, dropwhile
from typing import TYPE_CHECKING

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from h2a_curation.video.container import Source, opened, video_stream

if TYPE_CHECKING:
    Pictures = Packet[VideoStream]  # subscriptable in stubs alone


def parted(packets: "Iterable[Pictures]") -> "tuple[list[Pictures], Iterator[Pictures]]":
    """The packets before the first keyframe, and those from it on: all where no packet is marked as one, since there
    are streams that refresh their picture bit by bit.
    """
    before: list[Pictures] = []
    rest = iter(packets)
    for packet in rest:
        if packet.size and packet.is_keyframe:
            return before, chain([packet], _without_leading(packet, rest))
        before.append(packet)
    return [], iter(before)


def _without_leading(keyframe: "Pictures", rest: Iterator["Pictures"]) -> Iterator["Pictures"]:
    """The rest without pictures that are stored after the keyframe, shown before it, and lean on earlier ones.

    Decoders of other codecs than H.264 skip them by themselves.
    """
    at = keyframe.pts
    if keyframe.stream.codec_context.name != "h264" or at is None:
        return rest
    return dropwhile(lambda packet: packet.size > 0 and packet.pts is not None and packet.pts < at, rest)


def frames(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """What a player shows of the stream."""
    _, shown = parted(container.demux(stream))
    for packet in shown:
        yield from packet.decode()


def write_from_keyframe(file: Source, into: int) -> None:
    """Write the stream of pictures from its first keyframe on, as it is, to a Matroska file that is open for writing:
    ffmpeg, told to stop at an error, does not get past what comes before.
    """
    with (
        opened(file) as container,
        os.fdopen(into, "wb", closefd=False) as written,
        av.open(written, "w", format="matroska") as out,
    ):
        stream = video_stream(container)
        assert stream is not None
        kept = out.add_stream_from_template(stream)
        _, shown = parted(container.demux(stream))
        for packet in shown:
            if packet.size:
                packet.stream = kept
                out.mux(packet)
