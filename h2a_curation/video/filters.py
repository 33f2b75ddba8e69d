"""What ffmpeg does to a scene's pictures between decoder and encoder, as a chain of its filters.

Frames are chosen by their numbers, so that no stream's begin, length or clock can lose one.
"""

import ffmpeg

from h2a_curation.measure.cut import CutRules
from h2a_curation.measure.facts import Pictures, SceneToCut
from h2a_curation.video.colour import is_hdr, is_wide

SCALER = "bicubic+accurate_rnd+full_chroma_int+bitexact"
_SDR = {"p": "bt709", "t": "bt709", "m": "bt709", "r": "tv"}
_SDR_WHITE_NITS = 203
"""Luminance of what is white in the picture, where brighter is glare (ITU-R BT.2408)."""


def filtered(source: ffmpeg.nodes.Stream, scene: SceneToCut, rules: CutRules, *, has_zimg: bool) -> ffmpeg.nodes.Stream:
    """The scene's frames, upright, in the clip's size and colours, the first at time 0.

    Trimmed after decoding, not by seeking: after a seek, streams without a clean entry point decode with errors.
    """
    pictures = scene.pictures
    video = source.filter("trim", start_frame=scene.first_frame, end_frame=scene.end_frame)
    if pictures.steady_fps is None:
        video = video.filter("setpts", "PTS-STARTPTS")
    else:
        video = video.filter("settb", "1/90000").filter("setpts", f"round(N/{pictures.steady_fps:.9g}/TB)")
    width_px, height_px = target_size(pictures.width_px, pictures.height_px, rules.short_side_px)
    if pictures.has_one_size:
        video = _scaled(video, width_px, height_px, pictures)
    else:  # ffmpeg is told not to turn them: its own turning comes first, and would take all for the first one's size
        turned = pictures.rotation_deg % 180 != 0
        video = _scaled(video, *((height_px, width_px) if turned else (width_px, height_px)), pictures)
        video = _upright(video, pictures.rotation_deg)
    if has_zimg and (is_hdr(pictures.colour) or is_wide(pictures.colour)):
        video = _as_sdr(video, pictures)
    return video.filter("setsar", 1)


def target_size(width_px: int, height_px: int, short_side_px: int) -> tuple[int, int]:
    """Even width and height with a short side of at most `short_side_px`, never enlarged.

    >>> target_size(1080, 1920, 320), target_size(427, 240, 320)
    ((320, 568), (426, 240))
    """
    scale = min(1.0, short_side_px / min(width_px, height_px))

    def even(side_px: int) -> int:
        return max(2, int(side_px * scale / 2 + 0.5 if scale < 1 else side_px / 2) * 2)

    return even(width_px), even(height_px)


def _scaled(video: ffmpeg.nodes.Stream, width_px: int, height_px: int, pictures: Pictures) -> ffmpeg.nodes.Stream:
    """The pictures in the clip's size, and in the range of levels that all readers take for granted."""
    narrowed = {"out_range": "tv"} if pictures.colour.range == "pc" else {}
    return video.filter("scale", width_px, height_px, flags=SCALER, **narrowed)


def _upright(video: ffmpeg.nodes.Stream, rotation_deg: int) -> ffmpeg.nodes.Stream:
    turns = {90: ("cclock",), 180: ("clock", "clock"), 270: ("clock",)}.get(rotation_deg % 360, ())
    for turn in turns:
        video = video.filter("transpose", turn)
    return video.filter("sidedata", mode="delete", type="DISPLAYMATRIX")


def _as_sdr(video: ffmpeg.nodes.Stream, pictures: Pictures) -> ffmpeg.nodes.Stream:
    """The pictures in BT.709, after shrinking: arithmetic is in floats, and a clip has a tenth of a video's pixels."""
    colour = pictures.colour
    stored = {
        "tin": colour.transfer or "bt709",
        "pin": colour.primaries or "bt2020",
        "min": colour.matrix or "bt2020nc",
        "rin": "tv",
    }
    linear = video.filter("zscale", t="linear", npl=_SDR_WHITE_NITS, **stored).filter("format", "gbrpf32le")
    narrow = linear.filter("zscale", p="bt709")
    if is_hdr(colour):
        narrow = narrow.filter("tonemap", tonemap="mobius", desat=0)
    return narrow.filter("zscale", **_SDR).filter("format", "yuv420p")
