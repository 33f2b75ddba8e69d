"""Cut each file's longest scene out and encode it as a clip: small, uniform, and cheap to enter anywhere."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from h2a_curation.measure.facts import ClipFile, Scene
from schemas import Clip

VERSION = 1
"""Of a clip's row, beside the versions of video/scenes.py and video/transcode.py. Files are cut anew when it rises.
Raise it when the same input gives another output: tests/measure/test_goldens.py says so when it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CutRules:
    """Where a scene ends, and how its clip is encoded."""

    cut_ratio: float = 3.0
    """How far a frame's change must stand out against its neighbours' to be a cut: lower cuts at fast movement.
    PySceneDetect's default for AdaptiveDetector, as are the next two."""
    min_cut_levels: float = 15.0
    """Least change of a cut in grey levels, so that flicker on a still picture is none."""
    min_scene_frames: int = 15
    """Cuts closer together count as one."""
    short_side_px: int = 320
    """What training crops from. Smaller sources keep their size: enlarging adds bytes and no picture."""
    gop_frames: int = 16
    """Frames from keyframe to keyframe: what a reader decodes in vain before the frame it wants, at most."""
    crf: int = 23
    """x264's quality: 18 is near lossless and twice the bytes, 28 shows blocks."""

    def __post_init__(self) -> None:
        if min(self.min_scene_frames, self.gop_frames, self.short_side_px - 1) < 1 or not 0 < self.crf <= 51:
            raise ValueError(f"no clip can be encoded like this: {self}")


FindScene = Callable[[str, CutRules], Scene | None]
"""`find(file, rules)`; None when the file does not decode to its end."""
Transcode = Callable[[str, Scene, CutRules], ClipFile | None]
"""`transcode(file, scene, rules)`: a new file; None when the scene does not decode."""
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
        scene = find_scene(file, rules)
        clip = None if scene is None else transcode(file, scene, rules)
        if scene is None or clip is None:
            yield _undecodable(media_id, model)
            continue
        with clip.file.open("rb") as opened:
            clip_id = hashlib.file_digest(opened, "sha256").hexdigest()
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


def _undecodable(media_id: str, model: str) -> Clip:
    return Clip(
        media_id=media_id,
        model=model,
        outcome="undecodable",
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
