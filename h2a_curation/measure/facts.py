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


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The scene of a file that becomes its clip, in seconds from the file's first video frame."""

    start_s: float
    end_s: float
    """Time of the next scene's first frame, or the end of the video."""
    num_scenes: int


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
        """`damaged`, `timeout`, `too_much_memory` or `too_many_frames`."""
        self.detail = detail
        """One line; it names the limit."""
