"""What readers and decoders tell of damage beside errors that they raise: FFmpeg is made to show what it can."""

import contextlib
from collections.abc import Callable, Iterator

import av
import av.logging
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

_TELLS_MORE = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Decoders that notice where a frame's data end before its pictures do, by codec. FFmpeg's own show what comes."""
_HOLE = bytes(32)
"""A hole of zeros, as an interrupted download leaves it. Coded data look random: the longest run of zeros in black,
plain and lossless videos of VP8 and VP9 is 10, and holes of 512 are usual. Any length between finds the same ones."""
_ERRORS_ARE_DAMAGE = frozenset({"ffv1", "libdav1d"})
"""Decoders that check sums or syntax, say so where they do not hold, and go on. Others complain of what is not seen: in
H.264, of references that an edit left behind."""


def telling_decoder(stream: VideoStream) -> VideoCodecContext:
    """The decoder that notices most, ready to decode on one thread; the stream's own where there is no better one."""
    own = stream.codec_context
    name = _TELLS_MORE.get(own.codec.canonical_name, "")
    is_deep = own.format is None or any(component.bits > 8 for component in own.format.components)
    if is_deep or name not in av.codecs_available:  # PyAV's libvpx is built for 8 bits
        return own
    decoder = av.CodecContext.create(name, "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_count = 1
    return decoder


def has_hole(packet: bytes, decoder: VideoCodecContext) -> bool:
    """Whether zeros overwrote a part of a packet of VP8 or VP9, in which no decoder can tell; zeros at its end may be
    padding.
    """
    return decoder.codec.canonical_name in _TELLS_MORE and _HOLE in packet.rstrip(b"\0")


@contextlib.contextmanager
def complaints(container: InputContainer, decoder: VideoCodecContext) -> Iterator[Callable[[], str]]:
    """`complaint()`: what the container's reader or the decoder said was wrong since it was last asked, or nothing."""
    heeded = {container.format.name, *_ERRORS_ARE_DAMAGE & {decoder.name}}
    before = av.logging.get_level()
    av.logging.set_level(av.logging.ERROR)
    with av.logging.Capture() as said:

        def complaint() -> str:
            found = [words for _, name, words in said if name in heeded]
            said.clear()
            return " ".join(found[0].split()) if found else ""

        try:
            yield complaint
        finally:
            av.logging.set_level(av.logging.PANIC if before is None else before)
