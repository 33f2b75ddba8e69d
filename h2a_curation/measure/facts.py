"""Records that the decoder and the encoder return to probe and cut."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeFacts:
    """One file as its container declares it and as decoding showed it; schemas.Probe explains the fields."""

    outcome: str
    detail: str = ""
    container: str | None = None
    codec: str | None = None
    width_px: int | None = None
    height_px: int | None = None
    fps: float | None = None
    declared_s: float | None = None
    decoded_s: float | None = None
    num_frames: int | None = None
    is_variable_rate: bool | None = None
    has_audio: bool | None = None
    color_transfer: str | None = None
    color_primaries: str | None = None
    color_matrix: str | None = None
    color_range: str | None = None
    bit_depth: int | None = None
    num_sizes: int | None = None
    has_odd_times: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Colour:
    """How pictures store their colours, in FFmpeg's words; None is what they do not tell."""

    transfer: str | None = None
    """From light to the stored level: `bt709`; of high dynamic range `smpte2084` (PQ) and `arib-std-b67` (HLG)."""
    primaries: str | None = None
    """Which red, green and blue are meant: `bt709`, `bt2020`, ..."""
    matrix: str | None = None
    """From red, green and blue to the stored planes: `bt709`, `smpte170m`, `bt2020nc`, ..."""
    range: str | None = None
    """`tv`: black is 16 of 255; `pc`: it is 0."""
    bit_depth: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The scene of a file that becomes its clip, in seconds from the file's first video frame."""

    start_s: float
    end_s: float
    """Time of the next scene's first frame, or the end of the video."""
    num_scenes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """What the encoder must know of a scene's pictures, as the scene's first frame has them."""

    stream: int
    """Number of the file's stream that holds them."""
    width_px: int
    """Width in square pixels, after rotation."""
    height_px: int
    """Height in square pixels, after rotation."""
    colour: Colour = Colour()
    rotation_deg: int = 0
    """Degrees by which the stored pictures must be turned, counterclockwise, until they are upright."""
    may_be_joined: bool = False
    """Whether the file may be pieces of a stream, one after the other: where two meet, counters break."""
    begins_late: bool = False
    """Whether packets come before the first keyframe: they are left out, and ffmpeg would stop at them."""
    has_one_size: bool = True
    """Whether all stored pictures of the file have one size."""
    steady_fps: float | None = None
    """Rate at which the frames are shown where the stored times are odd; None where these hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneToCut(Scene):
    """A scene, and all that the encoder must know to cut exactly it."""

    first_frame: int
    """Number of the scene's first frame in the file, in the order of showing."""
    end_frame: int
    """Number of the next scene's first frame, or how many frames the file has."""
    pictures: Pictures


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFile:
    """A clip that has just been encoded, on its way into the lake."""

    file: Path
    width_px: int
    height_px: int
    fps: float
    num_frames: int


class UndecodableError(Exception):
    """A file that was not decoded to its end: it is damaged, crashed the decoder, or went over one of its limits."""

    def __init__(self, outcome: str, detail: str) -> None:
        super().__init__(outcome, detail)
        self.outcome = outcome
        """`damaged`, `timeout`, `too_much_memory`, `too_many_frames` or `hdr`."""
        self.detail = detail
        """One line; it names the limit."""
