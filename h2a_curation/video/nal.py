"""Finds overwritten bytes in H.264 and HEVC packets, which decoders often take for an early end of the picture.

Both codecs never write two zero bytes and then a byte below 3 inside a unit: that is how a unit's start is told from
its contents. Holes of zeros, the commonest damage of an interrupted download, break that rule.
"""

from av.video.codeccontext import VideoCodecContext

_FORBIDDEN = (b"\0\0\0", b"\0\0\1", b"\0\0\2")
_PLACE_OF_LENGTH_SIZE = {"h264": 4, "hevc": 21}
"""Byte of the configuration record (avcC, hvcC) that says how long a unit's length field is."""


def length_size(codec: VideoCodecContext) -> int | None:
    """Bytes of each unit's length field; None when the stream's units are not length-prefixed, so not checked."""
    place = _PLACE_OF_LENGTH_SIZE.get(codec.name)
    record = codec.extradata
    if place is None or record is None or len(record) <= place or record[0] != 1:
        return None
    return (record[place] & 3) + 1


def is_overwritten(packet: bytes, length_bytes: int) -> bool:
    """Whether the packet's units break the rule, or do not fill the packet. Zeros at a unit's end are padding."""
    place = 0
    while place < len(packet):
        end = place + length_bytes + int.from_bytes(packet[place : place + length_bytes], "big")
        unit = packet[place + length_bytes : end].rstrip(b"\0")
        if end > len(packet) or any(zeros in unit for zeros in _FORBIDDEN):
            return True
        place = end
    return False
