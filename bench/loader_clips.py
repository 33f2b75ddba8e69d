"""What `bench.loader` reads: the clips of a folder as source files of one size, and as shards of a lake."""

import hashlib
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import av

from h2a_curation.measure.cut import CutRules
from h2a_curation.publish import pack
from h2a_curation.publish.version import write_version
from h2a_curation.sample_world.clip_spec import ClipSpec, Shot
from h2a_curation.sample_world.render import render
from h2a_curation.video import transcode
from h2a_curation.video.scenes import longest_scene
from h2a_curation.videomae.data.shards import Version, open_version

MAX_S = 10.0
"""As long as the clips of Kinetics."""
_WITHOUT_CUTS = CutRules(cut_ratio=1e9, min_change_levels=255.0)
MIN_S = 4.0
"""Shorter clips are repeated up to this."""
_SUFFIXES = (".avi", ".mkv", ".mov", ".mp4", ".webm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clips:
    """The same clips twice."""

    sources: list[Path]
    """H.264 with ffmpeg's own spacing of keyframes, 250 frames."""
    version: Version
    """In shards, cut and packed as `h2a build` does."""


def find(folder: Path) -> list[Path]:
    """The folder's videos; ValueError where there are none."""
    files = sorted(f for f in folder.iterdir() if f.suffix.lower() in _SUFFIXES) if folder.is_dir() else []
    if not files:
        raise ValueError(f"no videos in {folder}: give a folder of {', '.join(_SUFFIXES)} files")
    return files


def rendered(folder: Path) -> list[Path]:
    """Clips of the sample world, for where there are no real ones."""
    subjects = ("golf-swing", "surfing", "basketball-shot", "walking", "jump-rope", "skiing")
    files = []
    for seed, subject in enumerate(subjects):
        files.append(folder / f"{subject}.mp4")
        shot = Shot(subject=subject, duration_s=5.0)
        render(ClipSpec(seed=seed, shots=(shot,), width_px=854, height_px=480, fps=25.0), files[-1])
    return files


def prepare(files: list[Path], width_px: int, height_px: int, folder: Path) -> Clips:
    """Bring the clips to a size, then cut and pack them into a lake in `folder`."""
    lake, cut = folder / "lake", folder / "cut"
    for made in (lake, cut):
        made.mkdir(parents=True)

    def both(file: Path) -> tuple[Path, pack.PackClip, bytes]:
        source = folder / f"{file.stem}.mp4"
        _scale(file, source, width_px, height_px)
        return source, *_cut(source, cut)

    with ThreadPoolExecutor(2) as pool:
        made_clips = list(pool.map(both, files))
    content = {clip.clip_id: data for _, clip, data in made_clips}
    clips = {clip.clip_id: clip for _, clip, _ in made_clips}
    members = []
    for shard in pack.plan(list(clips.values()), pack.PackRules()):
        members += pack.write_shard(shard, content.__getitem__, lake)
    empty = {"decision": "", "recipe": ""}
    write_version(lake, "v1", members=members, lineage=[], labels={"any": 0}, now=lambda: datetime.now(UTC), **empty)
    return Clips(sources=[source for source, _, _ in made_clips], version=open_version(lake, "v1"))


def _scale(file: Path, target: Path, width_px: int, height_px: int) -> None:
    repeated = ["-stream_loop", "-1"] if _duration_s(file) < MIN_S else []
    length_s = MIN_S if repeated else MAX_S
    scaled = f"scale={width_px}:{height_px}:force_original_aspect_ratio=increase,crop={width_px}:{height_px},setsar=1"
    encoder = ["-an", "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-threads", "1"]
    quiet = ["-nostdin", "-y", "-loglevel", "error"]
    command = [transcode.ffmpeg_program(), *quiet, *repeated, "-i", str(file), "-t", str(length_s), "-vf", scaled]
    subprocess.run([*command, *encoder, str(target)], check=True)


def _duration_s(file: Path) -> float:
    with av.open(str(file)) as container:
        return (container.duration or 0) / av.time_base


def _cut(source: Path, folder: Path) -> tuple[pack.PackClip, bytes]:
    """The whole source as a clip: no scene is looked for, so that both sides sample from the same frames."""
    scene = longest_scene(str(source), _WITHOUT_CUTS)
    made = None if scene is None else transcode.cut(str(source), scene, CutRules(), folder=folder)
    if scene is None or made is None:
        raise ValueError(f"{source} does not decode")
    data = made.file.read_bytes()
    clip_id = hashlib.sha256(data).hexdigest()
    return pack.PackClip(
        clip_id=clip_id,
        class_id="any",
        class_name="any",
        label=0,
        split="train",
        post_id=source.stem,
        media_id=source.stem,
        creator=None,
        start_s=scene.start_s,
        end_s=scene.end_s,
        width_px=made.width_px,
        height_px=made.height_px,
        fps=made.fps,
        num_frames=made.num_frames,
        num_bytes=len(data),
    ), data
