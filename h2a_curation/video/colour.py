"""How pictures store their colours, in FFmpeg's words, and which of them a clip may keep."""

from av.video.frame import VideoFrame

from h2a_curation.measure.facts import Colour

_TRANSFERS = {
    1: "bt709", 4: "gamma22", 5: "gamma28", 6: "smpte170m", 7: "smpte240m", 8: "linear", 9: "log100", 10: "log316",
    11: "iec61966-2-4", 12: "bt1361e", 13: "iec61966-2-1", 14: "bt2020-10", 15: "bt2020-12", 16: "smpte2084",
    17: "smpte428", 18: "arib-std-b67",
}  # fmt: skip
_PRIMARIES = {
    1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film", 9: "bt2020", 10: "smpte428",
    11: "smpte431", 12: "smpte432", 22: "ebu3213",
}  # fmt: skip
_MATRICES = {
    0: "gbr", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "ycgco", 9: "bt2020nc",
    10: "bt2020c", 11: "smpte2085", 12: "chroma-derived-nc", 13: "chroma-derived-c", 14: "ictcp",
}  # fmt: skip
"""Numbers of ITU-T H.273, by which all codecs name them; 2 is "unspecified"."""
_RANGES = {1: "tv", 2: "pc"}

HDR = frozenset({"smpte2084", "arib-std-b67"})
"""Transfers of high dynamic range, PQ and HLG: shown as if they were usual, pictures are grey and dark."""
_WIDE = frozenset({"bt2020", "smpte431", "smpte432"})
_OF_2020 = frozenset({"bt2020nc", "bt2020c", "bt2020-10", "bt2020-12"})


def colour_of(frame: VideoFrame) -> Colour:
    """The colours of a decoded frame; None is what it does not tell."""
    name = frame.format.name
    return Colour(
        transfer=_TRANSFERS.get(int(frame.color_trc)),
        primaries=_PRIMARIES.get(int(frame.color_primaries)),
        matrix=_MATRICES.get(int(frame.colorspace)),
        range="pc" if name.startswith("yuvj") else _RANGES.get(int(frame.color_range)),
        bit_depth=max((component.bits for component in frame.format.components), default=None),
    )


def is_hdr(colour: Colour) -> bool:
    """Whether the pictures must be tone-mapped before an 8-bit clip can show them.

    >>> is_hdr(Colour(transfer="smpte2084")), is_hdr(Colour())
    (True, False)
    """
    return colour.transfer in HDR


def is_wide(colour: Colour) -> bool:
    """Whether the colours are of a wider gamut than any reader of a clip expects.

    >>> is_wide(Colour(primaries="bt2020", transfer="bt709")), is_wide(Colour(matrix="bt709"))
    (True, False)
    """
    return colour.primaries in _WIDE or not _OF_2020.isdisjoint({colour.matrix, colour.transfer})
