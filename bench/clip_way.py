"""What the way from a file to a measured clip costs, beside doing each step with nothing around it.

    python -m bench.clip_way [FOLDER]      # default: ../shared/clips

Four steps of the product: probe beside decoding every frame; scene beside PySceneDetect called on the file; cut beside
the ffmpeg command that somebody would type; look beside decoding the clip. And all four together beside that command:
`way_by_ffmpeg`. Decoders and encoders have one thread each. Files and steps take turns, several rounds, and the medians
of each file are added up. Files of more than a minute are left out, as the recipes that ship leave them out. Seconds
are the processor's, so that a busy machine changes little. What a build does in a decoding child is done in this
process, and what passes between the two is not counted.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import av
from scenedetect import AdaptiveDetector, detect

from bench import report
from bench.report import Figure
from h2a_curation.measure.cut import CutRules
from h2a_curation.measure.facts import SceneToCut
from h2a_curation.measure.frames import LookRules
from h2a_curation.video import transcode
from h2a_curation.video.probe import probe
from h2a_curation.video.sample_frames import look
from h2a_curation.video.scenes import longest_scene

CLIPS = report.ROOT.parent / "shared" / "clips"
PAIRS = {"probe": "decode", "scene": "scenedetect", "cut": "ffmpeg", "look": "clip_decode"}
"""Each step, and what it is measured beside."""
MOST_S = 60.0
"""Files that last longer are left out: one of two minutes would outweigh the other fourteen."""
ENDINGS = {".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".ts", ".flv"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One file, its longest scene, and the clip of it."""

    file: Path
    scene: SceneToCut
    clip: Path
    size_px: tuple[int, int]


def ways(files: Sequence[Path], folder: Path) -> Iterator[Way]:
    """The files that give a clip, each with one in `folder`."""
    for file in files:
        if (probe(str(file)).decoded_s or 0.0) > MOST_S:
            continue
        scene = longest_scene(str(file), CutRules())
        clip = None if scene is None else transcode.cut(str(file), scene, CutRules(), folder=folder)
        if scene is not None and clip is not None:
            yield Way(file=file, scene=scene, clip=clip.file, size_px=(clip.width_px, clip.height_px))


def decode(file: Path) -> int:
    """Decode every frame on one thread, and count them."""
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        return sum(1 for _ in container.decode(stream))


def ffmpeg(way: Way, folder: Path) -> None:
    """Cut and encode the scene as one would on a command line, with the encoder's settings of the product."""
    rules, (width, height) = CutRules(), way.size_px
    start_s, seconds = way.scene.start_s, way.scene.end_s - way.scene.start_s
    command = [transcode.ffmpeg_program(), "-nostdin", "-y", "-loglevel", "error", "-threads", "1", "-i", way.file]
    command += ["-ss", start_s, "-t", seconds, "-an", "-vf", f"scale={width}:{height}", "-c:v", "libx264"]
    command += ["-preset", "veryfast", "-crf", rules.crf, "-g", rules.gop_frames, "-pix_fmt", "yuv420p"]
    command += ["-threads", "1", folder / "bare.mp4"]
    subprocess.run([str(word) for word in command], check=True, stdin=subprocess.DEVNULL)


def contenders(way: Way, folder: Path) -> dict[str, Callable[[], object]]:
    """Everything that is timed, by name."""
    file, rules = str(way.file), CutRules()

    def cut() -> None:
        transcode.cut(file, way.scene, rules, folder=folder)

    return {
        "decode": lambda: decode(way.file),
        "probe": lambda: probe(file),
        "scenedetect": lambda: detect(file, AdaptiveDetector()),
        "scene": lambda: longest_scene(file, rules),
        "ffmpeg": lambda: ffmpeg(way, folder),
        "cut": cut,
        "clip_decode": lambda: decode(way.clip),
        "look": lambda: look(str(way.clip), LookRules()),
    }


def seconds(found: Sequence[Way], folder: Path, rounds: int) -> dict[str, float]:
    """By contender, the sum over files of the median processor seconds."""
    spent: defaultdict[tuple[str, Path], list[float]] = defaultdict(list)
    for _ in range(rounds):
        for way in found:
            for name, do in contenders(way, folder).items():
                start_s = _processor_s()
                do()
                spent[name, way.file].append(_processor_s() - start_s)
    totals: defaultdict[str, float] = defaultdict(float)
    for (name, _), times in spent.items():
        totals[name] += median(times)
    return dict(totals)


def _processor_s() -> float:
    """Seconds of computing, of this process and of the programs that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def figures(spent: dict[str, float]) -> Iterator[Figure]:
    """Seconds of each contender, and what each step and the whole way cost beside the bare thing."""
    for step, bare in PAIRS.items():
        yield Figure(name=f"{bare}_s", value=spent[bare], unit="s")
        yield Figure(name=f"{step}_s", value=spent[step], unit="s", baseline=f"{bare}_s")
        yield Figure(name=f"{step}_by_{bare}", value=spent[step] / spent[bare], unit="x")
    yield Figure(name="way_by_ffmpeg", value=sum(spent[step] for step in PAIRS) / spent["ffmpeg"], unit="x", goal=GOAL)


GOAL = "<= 1.83"
"""What the way cost in November 2026, and 15 % more."""


def main() -> int:
    """Exit status 1 where the goal fails, 2 where there is nothing to time."""
    given = _options()
    files = sorted(file for file in given.folder.rglob("*") if file.suffix.lower() in ENDINGS)
    with tempfile.TemporaryDirectory(prefix="h2a-bench-") as scratch:
        found = list(ways(files, Path(scratch)))
        if not found:
            print(f"{given.folder} has no video that gives a clip: name a folder of videos", file=sys.stderr)
            return 2
        return report.finish("clip_way", list(figures(seconds(found, Path(scratch), given.rounds))), given)


def _options() -> argparse.Namespace:
    parser = report.options(__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folder", type=Path, nargs="?", default=CLIPS, help="videos, also in folders within it")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is timed (3)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
