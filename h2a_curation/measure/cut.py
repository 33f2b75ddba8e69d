"""Cut each file's longest scene out and encode it as a clip: small, uniform, and cheap to enter anywhere."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from h2a_curation.measure.facts import ClipFile, SceneToCut, UndecodableError
from schemas import Clip

VERSION = 1
"""Version of a clip's row, beside the versions of video/scenes.py and video/transcode.py. Files are cut anew when it
rises. Raise it when the same input gives another output: tests/measure/test_goldens.py fails then, and says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CutRules:
    """What counts as the end of a scene, which scene becomes the clip, and how that is encoded."""

    NOT_HERE: ClassVar[dict[str, str]] = {
        "min_scene_frames": "a scene lasts seconds, whatever the frames a second: say min_scene_s, such as 0.5 for 15"
        " frames at 30 a second",
        "min_cut_levels": "it was no grey level, but the detector's mean of hue, saturation and value, which stays 15:"
        " say min_change_levels, in levels of red, green and blue",
    }

    cut_ratio: float = 3.0
    """Least ratio of a frame's change to those around it that makes it a cut; a lower one cuts at fast movement. It is
    PySceneDetect's default for AdaptiveDetector, which proposes cuts by it. Then the changes of levels and of shapes
    are each held against it, held frames left out: 2.8 to 4 gave the same on 67 real clips."""
    min_change_levels: float = field(default=6.0, metadata={"unit": "levels of red, green and blue"})
    """Least change of a cut, as the mean over pixels and colours. Encoders change a whole picture by up to 4, and two
    dark pictures differ by 12: 3 to 7 gave the same on real and made clips."""
    min_scene_s: float = 0.5
    """Least seconds of a scene. What is shorter belongs to none; and where the picture of before comes back sooner,
    there was a flash or a glitch and no cut."""
    min_scene_motion: float = field(default=0.25, metadata={"unit": "grey levels"})
    """A scene in which less moves, by the rule of the signal `motion`, becomes the clip only where none that moves is
    long enough: so an end card does not. Stills have up to 0.2, a held plank 0.3. At 0 all scenes move."""
    min_moving_s: float = 2.0
    """Least seconds of a scene that moves for which a longer one that is still is passed over."""
    short_side_px: int = 320
    """Short side of a clip, from which training takes its crops. A smaller source keeps its size: enlarging adds bytes
    and no picture."""
    gop_frames: int = 16
    """Frames from keyframe to keyframe: the most that a reader decodes before it reaches the frame that it wants."""
    crf: int = 23
    """Quality by x264's scale: 18 is near lossless and takes twice the bytes, 28 shows blocks."""

    def __post_init__(self) -> None:
        if min(self.gop_frames, self.short_side_px - 1) < 1 or not 0 < self.crf <= 51:
            raise ValueError(f"no clip can be encoded like this: {self}")
        if self.cut_ratio <= 1 or min(self.min_change_levels, self.min_scene_s, self.min_scene_motion) < 0:
            raise ValueError(f"no scene can be told by this: {self}")


_OUTCOMES = {"damaged": "undecodable"}
"""What a clip's row says for a word of the decoder, where it is another one."""

FindScene = Callable[[str, CutRules], SceneToCut | None]
"""`find(file, rules)` returns the longest scene of a file, or None if the file does not decode to its end;
UndecodableError, as of `Transcode`, where that goes over a limit."""
Transcode = Callable[[str, SceneToCut, CutRules], ClipFile | None]
"""`transcode(file, scene, rules)` returns a new file, or None if the scene does not decode."""
Keep = Callable[[Path, str], None]
"""`keep(file, clip_id)` moves the clip's file to its place in the lake; the same clip may come twice."""


def cut(
    files: Iterable[tuple[str, str]],
    rules: CutRules,
    *,
    model: str,
    find_scene: FindScene,
    transcode: Transcode,
    keep: Keep,
) -> Iterator[Clip]:
    """Yield one row per (media id, file), in order; the clip's file is kept before its row is yielded."""
    for media_id, file in files:
        try:
            scene = find_scene(file, rules)
            clip = None if scene is None else transcode(file, scene, rules)
        except UndecodableError as failed:
            yield not_cut(media_id, model, _OUTCOMES.get(failed.outcome, failed.outcome), failed.detail)
            continue
        if scene is None or clip is None:
            yield not_cut(media_id, model, "undecodable")
            continue
        with clip.file.open("rb") as opened:
            clip_id = hashlib.file_digest(opened, "sha256").hexdigest()
        # The size is read before the file is moved away.
        num_bytes = clip.file.stat().st_size
        keep(clip.file, clip_id)
        yield Clip(
            media_id=media_id,
            model=model,
            outcome="ok",
            clip_id=clip_id,
            start_s=scene.start_s,
            end_s=scene.end_s,
            num_scenes=scene.num_scenes,
            width_px=clip.width_px,
            height_px=clip.height_px,
            fps=clip.fps,
            num_frames=clip.num_frames,
            num_bytes=num_bytes,
        )


def not_cut(media_id: str, model: str, outcome: str, detail: str = "") -> Clip:
    """The row of a file that gave no clip."""
    return Clip(
        media_id=media_id,
        model=model,
        outcome=outcome,
        detail=detail,
        clip_id=None,
        start_s=None,
        end_s=None,
        num_scenes=None,
        width_px=None,
        height_px=None,
        fps=None,
        num_frames=None,
        num_bytes=None,
    )
