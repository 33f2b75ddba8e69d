"""How often damage is not seen: of clips made from damaged files that the probe calls `ok`, the share that shows it.

For each codec a seeded corpus is made from generated videos; each file is probed and cut as a build does it. A clip
shows damage where a frame of it is like no frame of the undamaged clip: below VISIBLE_DB, where errors are seen without
looking for them.

    python -m bench.damage
    python -m bench.damage --codec vp9 --files 200 --keep build/damage
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import av
import numpy as np

from bench.damaged_files import CODECS, mutated, originals
from bench.report import Figure, finish, options
from h2a_curation.measure.cut import CutRules
from h2a_curation.measure.facts import UndecodableError
from h2a_curation.measure.probe import ProbeRules
from h2a_curation.video import transcode
from h2a_curation.video.answers import DEFAULT_LIMITS
from h2a_curation.video.child import probe_in_child, scene_in_child

VISIBLE_DB = 30.0
"""PSNR of a frame below which damage is visible. Two encodings of one frame differ by 36 dB and more."""
_GOALS = {"vp8": "<= 0.35", "vp9": "<= 0.1", "hevc": "<= 0.15", "mjpeg": "<= 0.1", "wmv2": "<= 0.3", "all": "<= 0.1"}
"""Of files, where a codec has nothing by which its decoder could tell; with 60 files they are off by some 0.05."""


def judged(codec: str, num: int, seed: int, folder: Path, keep: Path | None = None) -> Counter[str]:
    """Counts of a codec's damaged files: `rejected`, `sound` (a clip without visible damage) and `damaged`."""
    folder.mkdir(exist_ok=True)
    files = originals(folder, codec)
    whole = {file: _frames(_clip(file, folder)) for file in files}
    judge = partial(_judge, folder=folder, whole=whole, keep=keep)
    with ThreadPoolExecutor(2) as pool:
        return Counter(pool.map(judge, mutated(files, num, seed)))


def figures(counts: dict[str, Counter[str]]) -> Iterator[Figure]:
    """For each codec and for all: how many files gave a clip, and which share shows damage, of clips and of files."""
    for codec, seen in (counts | {"all": sum(counts.values(), Counter())}).items():
        num_clips, num_files = seen["sound"] + seen["damaged"], max(1, seen.total())
        of_clips = seen["damaged"] / num_clips if num_clips else 0.0
        yield Figure(name=f"{codec}_clips", value=num_clips, unit=f"of {num_files}")
        yield Figure(name=f"{codec}_damaged_of_clips", value=of_clips, unit="")
        of_files = seen["damaged"] / num_files
        goal = _GOALS.get(codec, "<= 0.05")
        yield Figure(name=f"{codec}_damaged_of_files", value=of_files, unit="", goal=goal)


def _judge(mutant: tuple[Path, str, bytes], folder: Path, whole: dict[Path, np.ndarray], keep: Path | None) -> str:
    original, name, content = mutant
    file = folder / name
    file.write_bytes(content)
    clip = None
    try:
        clip = _clip(file, folder)
        if clip is None:
            return "rejected"
        outcome = "damaged" if _worst_db(_frames(clip), whole[original]) < VISIBLE_DB else "sound"
        if keep is not None and outcome == "damaged":
            keep.mkdir(parents=True, exist_ok=True)
            (keep / name).write_bytes(content)
        return outcome
    finally:
        file.unlink()
        if clip is not None:
            clip.unlink()


def _clip(file: Path, folder: Path) -> Path | None:
    """The clip that a build makes of a file; None where it rejects it."""
    rules = ProbeRules()
    if probe_in_child(str(file), rules.timeout_s, rules.max_memory_bytes).outcome != "ok":
        return None
    try:
        scene = scene_in_child(str(file), CutRules(), limits=DEFAULT_LIMITS)
        made = None if scene is None else transcode.cut(str(file), scene, CutRules(), folder=folder)
    except UndecodableError:
        return None
    return None if made is None else made.file


def _frames(clip: Path | None) -> np.ndarray:
    """[frame, pixel] in levels of grey and colour."""
    assert clip is not None, "an undamaged file gives no clip"
    with av.open(str(clip)) as container:
        return np.stack([frame.to_ndarray(format="rgb24").ravel() for frame in container.decode(video=0)])


def _worst_db(shown: np.ndarray, whole: np.ndarray) -> float:
    """PSNR of the frame that is least like any of the undamaged clip's."""
    if shown.shape[1] != whole.shape[1]:
        return 0.0
    of = whole.astype(np.float32)
    worst = max(float(np.square(of - frame.astype(np.float32)).mean(1).min()) for frame in shown)
    return float("inf") if worst == 0 else float(10 * np.log10(255**2 / worst))


def main() -> int:
    """Run from the command line."""
    parser = options(__doc__)
    parser.add_argument("--codec", action="append", choices=CODECS, help="only this codec; may be given again")
    parser.add_argument("--files", type=int, default=60, help="damaged files of each codec")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="a folder for the files whose damage was not seen")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        counts = {
            codec: judged(codec, given.files, given.seed, Path(place) / codec, given.keep)
            for codec in given.codec or CODECS
        }
    return finish("damage", list(figures(counts)), given)


if __name__ == "__main__":
    sys.exit(main())
