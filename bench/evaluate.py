"""What an evaluation costs beside decoding and the model, and what one decode for all views saves.

    python -m bench.evaluate

makes small videos, evaluates a small classifier on them by 5 x 3 views, and measures processor seconds of one thread:
of decoding alone, of the model alone, of the whole evaluation with its rows written, and of a reader that decodes a
video anew for each view, as the official one does. Where decord is installed, by which the official code reads, that
reader is measured too.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import torch

from bench import report
from bench.report import Figure
from h2a_curation.video.transcode import ffmpeg_program
from h2a_curation.videomae.data.frames import Frames
from h2a_curation.videomae.data.videos import ViewedVideo, look
from h2a_curation.videomae.data.views import Views, resized
from h2a_curation.videomae.evaluate.listed import Listed
from h2a_curation.videomae.evaluate.run import Looking, evaluate_split, logits_of
from h2a_curation.videomae.evaluate.store import Store
from h2a_curation.videomae.hardware.parallel import ProcessGroup
from h2a_curation.videomae.model.classifier import Classifier
from h2a_curation.videomae.presets import ModelConfig

CONFIG = ModelConfig(
    image_px=112, width=192, depth=6, num_heads=3, decoder_width=0, decoder_depth=0, decoder_num_heads=0
)
BY_DECORD = "the official reader"
VIEWS = Views(num_frames=CONFIG.num_frames, stride=4, sparse=False, num_segments=5, num_crops=3)


def videos(folder: Path, count: int, seconds: float) -> list[Listed]:
    """Moving test pictures of the size of Kinetics' usual copies."""
    listed = []
    for i in range(count):
        file = folder / f"{i}.mp4"
        picture = f"testsrc2=s=340x256:r=25:d={seconds},hue=h={30 * i}"
        command = [ffmpeg_program(), "-nostdin", "-loglevel", "error", "-threads", "1", "-f", "lavfi", "-i", picture]
        subprocess.run([*command, "-c:v", "libx264", "-pix_fmt", "yuv420p", str(file)], check=True)
        listed.append(Listed(video_id=file.name, path=file, label=i % 10))
    return listed


def processor_s(work: Callable[[], object]) -> float:
    """Seconds of all threads of this process."""
    began_s = time.process_time()
    work()
    return time.process_time() - began_s


def view_by_view(path: Path) -> list[ViewedVideo]:
    """Decode the whole walk of a test anew for each view, and resize all of it, as the official reader does."""
    whole = replace(VIEWS, num_crops=1)
    return [look(path, whole, CONFIG.frame_px) for _ in range(VIEWS.num_segments * VIEWS.num_crops)]


def view_by_view_by_decord(path: Path) -> list[Frames]:
    """The same by decord, as the official data set reads a view: opened, every fourth frame got, all of them resized.

    ImportError where it is not installed: no wheel of it is published for every machine.
    """
    decord = import_module("decord")
    seen = []
    for _ in range(VIEWS.num_segments * VIEWS.num_crops):
        reader = decord.VideoReader(str(path), num_threads=1, ctx=decord.cpu(0))
        walked = reader.get_batch(list(range(0, len(reader), VIEWS.stride))).asnumpy()
        seen.append(np.stack([resized(frame, CONFIG.frame_px) for frame in walked]))
    return seen


def measured(listed: list[Listed], out: Path) -> dict[str, float]:
    """Processor seconds by what was done."""
    model = Classifier(CONFIG, 10).requires_grad_(False).eval()
    looking = Looking(views=VIEWS, workers=1, world=ProcessGroup(device=torch.device("cpu")))
    seen: list[ViewedVideo] = []

    def decode() -> None:
        seen.extend(look(video.path, VIEWS, CONFIG.frame_px) for video in listed)

    def infer() -> None:
        for video in seen:
            logits_of(video, model, looking)

    decode_s, model_s = processor_s(decode), processor_s(infer)
    whole_s = processor_s(lambda: evaluate_split("val", listed, model, looking, Store(out), lambda *_: None))
    anew_s = processor_s(lambda: [view_by_view(video.path) for video in listed])
    found = {"decoding": decode_s, "the model": model_s, "the whole": whole_s, "a decode for each view": anew_s}
    if find_spec("decord") is not None:
        found[BY_DECORD] = processor_s(lambda: [view_by_view_by_decord(video.path) for video in listed])
    return found


def figures(rounds: list[dict[str, float]], num_videos: int) -> list[Figure]:
    """Ratios are medians over the rounds, so that a slow minute of the machine counts on both sides."""

    def took(name: str) -> Figure:
        return Figure(name=name, value=median(found[name] for found in rounds) / num_videos, unit="s a video")

    overhead = median(found["the whole"] / (found["decoding"] + found["the model"]) for found in rounds)
    anew = [name for name in ("a decode for each view", BY_DECORD) if name in rounds[0]]
    gains = {name: median(found[name] / found["decoding"] for found in rounds) for name in anew}
    return [
        *(took(name) for name in rounds[0]),
        Figure(name="the whole by its parts", value=overhead, unit="x", goal="<= 1.10"),
        *(Figure(name=f"{name} by one decode", value=gain, unit="x", goal=">= 3") for name, gain in gains.items()),
    ]


def main() -> int:
    """Exit status 1 where a goal fails."""
    parser = report.options(__doc__)
    parser.add_argument("--videos", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=10, help="length of a video")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory(prefix="h2a-evaluate-") as folder:
        listed = videos(Path(folder), given.videos, given.seconds)
        rounds = [measured(listed, Path(folder) / f"out{i}") for i in range(given.rounds)]
    return report.finish("evaluate", figures(rounds, given.videos), given)


if __name__ == "__main__":
    sys.exit(main())
