"""Finds overwritten bytes in H.264 and HEVC packets, which decoders often take for an early end of the picture.

Both codecs never write two zero bytes and then a byte below 3 inside a unit: that is how a unit's start is told from
its contents. Holes of zeros, the commonest damage of an interrupted download, break that rule.

Some programs put what ends a stream into the last picture's unit, start code and all, when they turn a stream of start
codes into an MP4. Such a unit holds no picture, decoders stop before it, and so it is no damage.
"""

import re
from dataclasses import dataclass

from av.video.codeccontext import VideoCodecContext

_FORBIDDEN = (b"\0\0\0", b"\0\0\1", b"\0\0\2")
_PLACE_OF_LENGTH_SIZE = {"h264": 4, "hevc": 21}
"""Byte of the configuration record (avcC, hvcC) that says how long a unit's length field is."""
_WITHOUT_PICTURE = {
    "h264": re.compile(rb"[\x0a\x0b]|\x09[\x10\x30\x50\x70\x90\xb0\xd0\xf0]|\x0c\xff*\x80"),
    "hevc": re.compile(rb"[\x48\x4a]\x01|\x46\x01[\x10\x30\x50]|\x4c\x01\xff*\x80"),
}
"""The whole of a unit that has nothing to show: end of sequence, end of stream, access unit delimiter, filler."""
_START_CODE = b"\0\0\1"
_MAX_TRAILING = 8
"""Units of that kind that are looked for at a unit's end: two are usual, and thousands would cost time."""


@dataclass(frozen=True, slots=True)
class Units:
    """How a stream's packets are made of units."""

    codec: str
    length_bytes: int
    """Size of the field before each unit that holds its length."""

    def is_overwritten(self, packet: bytes) -> bool:
        """Whether the packet's units break the rule, or do not fill the packet. Zeros at a unit's end are padding."""
        place = 0
        while place < len(packet):
            end = place + self.length_bytes + int.from_bytes(packet[place : place + self.length_bytes], "big")
            unit = packet[place + self.length_bytes : end].rstrip(b"\0")
            if end > len(packet):
                return True
            if any(zeros in unit for zeros in _FORBIDDEN):
                unit = self._without_trailing(unit)
                if any(zeros in unit for zeros in _FORBIDDEN):
                    return True
            place = end
        return False

    def _without_trailing(self, unit: bytes) -> bytes:
        """The unit without those at its end that have nothing to show."""
        for _ in range(_MAX_TRAILING):
            before, start, last = unit.rpartition(_START_CODE)
            if not start or not _WITHOUT_PICTURE[self.codec].fullmatch(last):
                break
            unit = before.rstrip(b"\0")
        return unit


def units_of(codec: VideoCodecContext) -> Units | None:
    """None when the stream's units are not length-prefixed, so not checked."""
    place = _PLACE_OF_LENGTH_SIZE.get(codec.name)
    record = codec.extradata
    if place is None or record is None or len(record) <= place or record[0] != 1:
        return None
    return Units(codec.name, (record[place] & 3) + 1)
