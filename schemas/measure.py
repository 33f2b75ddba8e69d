"""Record what a file is: functions of its bytes and of a model, the same for every recipe.

The column `model` is always the fingerprint of the program that measured, with its version and its settings. It is part
of a row's key: another model adds rows and changes none.
"""

from dataclasses import dataclass

from schemas.table import Float16, UInt64


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What a file's container declares, and what decoding the whole file showed."""

    media_id: str
    model: str
    outcome: str
    """How decoding ended: `ok`, `not_video`, `no_video_stream`, `truncated`, `damaged`, `timeout`,
    `too_much_memory`, `too_many_frames`, `unexpected`."""
    detail: str
    """The decoder's own message, or the limit that was passed, in one line; empty for `ok`."""
    container: str | None
    codec: str | None
    """The codec, whoever decodes it: `h264`, `av1`, ..."""
    width_px: int | None
    """Width as shown, after rotation."""
    height_px: int | None
    """Height as shown, after rotation."""
    fps: float | None
    """Average frames a second over the decoded span."""
    declared_s: float | None
    """Duration that the container declares for the pictures; None where it tells only that of its longest stream."""
    decoded_s: float | None
    """Duration of the frames that could be decoded."""
    num_frames: int | None
    """Frames that could be decoded."""
    is_variable_rate: bool | None
    """Whether frames are shown for unequal times."""
    has_audio: bool | None
    color_transfer: str | None = None
    """How light becomes levels, as FFmpeg names it: `bt709`; of high dynamic range `smpte2084` (PQ) and `arib-std-b67`
    (HLG). None, as in the next three columns, where the stream does not tell."""
    color_primaries: str | None = None
    """Which red, green and blue are meant: `bt709`, `bt2020`, ..."""
    color_matrix: str | None = None
    """How red, green and blue become the stored planes: `bt709`, `smpte170m` (BT.601), `bt2020nc`, ..."""
    color_range: str | None = None
    """`tv`: black is 16 of 255 levels; `pc`: it is 0."""
    bit_depth: int | None = None
    """Bits of a stored level."""
    num_sizes: int | None = None
    """Different sizes of the stored pictures: above 1, it changes in mid-file. Those of one shape are scaled to the
    scene's first; another shape begins a scene."""
    has_odd_times: bool | None = None
    """Whether the stored times are absent, out of order or jump: then a clip shows its frames at a steady rate, in the
    decoder's order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """The longest scene of a file that moves, encoded again as a file of its own."""

    media_id: str
    model: str
    outcome: str
    """How cutting ended: `ok`, `undecodable`, `hdr` (of high dynamic range, and the machine's ffmpeg cannot make it
    usual), `timeout`, `too_much_memory`, `unexpected`. If it is not ok, all fields below but `detail` are None."""
    clip_id: str | None
    """sha256 of the clip's bytes; the file is `clips/<first two digits>/<clip_id>.mp4` in the lake."""
    start_s: float | None
    """Time of the scene's first frame, counted from the file's first video frame."""
    end_s: float | None
    """Time of the next scene's first frame, or the end of the video."""
    num_scenes: int | None
    """Scenes of the file, of which this is the longest that moves, or the longest of all where none does."""
    width_px: int | None
    height_px: int | None
    fps: float | None
    num_frames: int | None
    num_bytes: int | None
    detail: str | None = None
    """The limit that was passed, or the error, in one line; empty or None where the outcome says all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A clip that could not be measured by one program or model, and why. Nobody tries again with the same one."""

    clip_id: str
    model: str
    """Fingerprint of what would have measured it: that of its hash, its vectors or a signal."""
    outcome: str
    """`undecodable`, `timeout`, `too_much_memory` or `unexpected`."""
    detail: str
    """The limit that was passed, or the error, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """Hashes by which copies of a clip are found."""

    clip_id: str
    model: str
    frames_sha256: str
    """sha256 of the decoded frames: equal for copies of the same encoded stream in other containers."""
    phash: list[UInt64]
    """64-bit DCT hashes of evenly spaced frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameEmbedding:
    """The image vectors of a clip's frames by one open_clip model."""

    clip_id: str
    model: str
    times_s: list[float]
    """Time of each embedded frame in the clip."""
    vectors: list[Float16]
    """[frame * dim], frame by frame, each of length 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One number about a clip by one sensor. A signal is a row and not a column, so a new one changes no table."""

    clip_id: str
    model: str
    signal: str
    """Name of the signal, such as `motion`: SIGNALS in h2a_curation/measure/sense.py has all names and their units."""
    value: float | None
    """The number; None if the signal was measured and this clip has no such number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptEmbedding:
    """A prompt's vector by one open_clip text tower, of length 1."""

    prompt: str
    model: str
    vector: list[Float16]
