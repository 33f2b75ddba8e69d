"""What a file is: functions of its bytes and of a model, whatever the recipe.

`model` is everywhere the fingerprint of the program, its version and its settings.
"""

from dataclasses import dataclass

from schemas.table import Float16, UInt64


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What a file says of itself and what decoding it showed."""

    media_id: str
    model: str
    outcome: str
    """`ok`, `not_video`, `no_video_stream`, `truncated`, `damaged`, `timeout`, `too_much_memory`."""
    detail: str
    container: str | None
    codec: str | None
    width_px: int | None
    """As shown, after rotation."""
    height_px: int | None
    fps: float | None
    """Average frames a second over the decoded span."""
    declared_s: float | None
    decoded_s: float | None
    num_frames: int | None
    is_variable_rate: bool | None
    has_audio: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """The longest scene of a file, re-encoded."""

    media_id: str
    model: str
    outcome: str
    """`ok` or `undecodable`."""
    clip_id: str | None
    """sha256 of the clip's bytes; the file is `clips/<first two digits>/<clip_id>.mp4` in the lake."""
    start_s: float | None
    end_s: float | None
    num_scenes: int | None
    width_px: int | None
    height_px: int | None
    fps: float | None
    num_frames: int | None
    num_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """What tells a clip from its copies."""

    clip_id: str
    model: str
    frames_sha256: str
    """Of the decoded frames: equal for copies of the same encoded stream in other containers."""
    phash: list[UInt64]
    """64-bit DCT hashes of evenly spaced frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameEmbedding:
    """The image vectors of a clip's frames by one open_clip model."""

    clip_id: str
    model: str
    times_s: list[float]
    vectors: list[Float16]
    """[frame * dim], frame by frame, each of length 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One number about a clip by one sensor: long form, so that a new signal is no new column."""

    clip_id: str
    model: str
    signal: str
    """`motion`, `black`, `person`, `face`, ...: SIGNALS in h2a_curation/measure/sense.py has the unit of each."""
    value: float | None
    """None where the signal was measured and this clip has no such number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptEmbedding:
    """A prompt's vector by one open_clip text tower, of length 1."""

    prompt: str
    model: str
    vector: list[Float16]
