"""An evaluation: each video decoded once for all its views, the views through the model, rows written as they come.

The views of a video go through the model by themselves, so that what a video scores depends on no other video and on no
order.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from h2a_curation.foundation.machine import is_of_machine
from h2a_curation.videomae.data.videos import ViewedVideo, look
from h2a_curation.videomae.data.views import Views
from h2a_curation.videomae.evaluate.listed import Listed
from h2a_curation.videomae.evaluate.merge import Merge, merged, probabilities, ranked
from h2a_curation.videomae.evaluate.store import Key, Store
from h2a_curation.videomae.hardware.devices import autocast
from h2a_curation.videomae.hardware.parallel import device_kind
from h2a_curation.videomae.model.classifier import Classifier
from h2a_curation.videomae.presets import Dtype
from schemas import VideoScore, ViewScore
from schemas.evaluate import MISSING, OK, UNDECODABLE

COMMIT_VIDEOS, COMMIT_S = 64, 60.0
"""Rows are written after so many videos or seconds, whatever comes first: that is what a kill costs."""
Progress = Callable[[int, int, VideoScore], None]
"""Called after each video with how many are done, how many there are, and its row."""
Outcome = ViewedVideo | tuple[str, str]
"""The frames of a video, or else its status and the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """How videos are looked at, and with what means."""

    views: Views
    merge: Merge = "prob"
    dtype: Dtype = "float32"
    views_at_once: int | None = None
    """Views in a pass through the model; None takes all of a video. Logits differ by rounding alone."""
    workers: int = 2
    device: str | None = None
    """None is a GPU where there is one."""


def evaluate_split(
    split: str, videos: Sequence[Listed], model: Classifier, looking: Looking, store: Store, progress: Progress
) -> dict[Key, VideoScore]:
    """Rows of all videos of a split, in the order of the list; those that the store has are not seen again."""
    cv2.setNumThreads(1)  # videos are resized beside each other
    rows = store.seen()
    todo = [video for video in videos if (split, video.video_id) not in rows]
    model = model.eval().to(torch.device(device_kind(looking.device)))
    views: list[ViewScore] = []
    fresh: list[VideoScore] = []
    committed_s = time.monotonic()
    with _decoded(todo, looking.views, model.config.frame_px, looking.workers) as outcomes:
        for num, (video, outcome) in enumerate(outcomes, len(videos) - len(todo) + 1):
            row, own = _scored(split, video, outcome, model, looking)
            views += own
            fresh.append(row)
            rows[split, video.video_id] = row
            progress(num, len(videos), row)
            if len(fresh) >= COMMIT_VIDEOS or time.monotonic() - committed_s > COMMIT_S or num == len(videos):
                store.commit(views, fresh)
                views, fresh, committed_s = [], [], time.monotonic()
    return {(split, video.video_id): rows[split, video.video_id] for video in videos}


@torch.inference_mode()
def logits_of(video: ViewedVideo, model: Classifier, looking: Looking) -> NDArray[np.float32]:
    """[view, class] in float32; RuntimeError where they are not finite."""
    device, pixels = torch.device(device_kind(looking.device)), torch.from_numpy(video.views())
    found = []
    for some in torch.split(pixels, looking.views_at_once or len(pixels)):
        with autocast(device, looking.dtype):
            found.append(model(some.to(device)).float())
    logits: NDArray[np.float32] = torch.cat(found).cpu().numpy()
    if not np.isfinite(logits).all():
        raise RuntimeError("the model's logits are not finite: its weights are damaged, or ask for --dtype float32")
    return logits


def seen_or_why(video: Listed, views: Views, target: tuple[int, int]) -> Outcome:
    """The frames of a video, or why there are none; a fault of the machine is raised."""
    if not video.path.exists():
        return MISSING, "there is no such file or folder"
    try:
        return look(video.path, views, target, video.num_frames)
    except (ValueError, OSError) as broken:
        if is_of_machine(broken):
            raise
        return UNDECODABLE, " ".join(str(broken).split())
    except MemoryError as full:
        raise OSError(f"no memory left to decode {video.path}: fewer --workers take less") from full


def _scored(
    split: str, video: Listed, outcome: Outcome, model: Classifier, looking: Looking
) -> tuple[VideoScore, list[ViewScore]]:
    known = {"split": split, "video_id": video.video_id, "label": video.label}
    if isinstance(outcome, tuple):
        status, reason = outcome
        return _row(known, video.path, status=status, reason=reason), []
    logits = logits_of(outcome, model, looking)
    num_crops = len(outcome.regions)
    views = [
        ViewScore(**known, segment=place // num_crops, crop=place % num_crops, logits=row.tolist())  # type: ignore[arg-type]
        for place, row in enumerate(logits)
    ]
    scores = merged(logits, looking.merge)
    shares = probabilities(scores, looking.merge)
    top = ranked(scores)
    row = replace(
        _row(known, video.path, status=OK, reason=""),
        num_frames=outcome.length,
        top=top,
        confidence=float(shares[top[0]]),
        label_probability=float(shares[video.label]),
    )
    return row, views


def _row(known: Mapping[str, object], path: Path, *, status: str, reason: str) -> VideoScore:
    return VideoScore(
        **known,  # type: ignore[arg-type]
        path=str(path),
        status=status,
        reason=reason,
        num_frames=None,
        top=[],
        confidence=None,
        label_probability=None,
    )


@contextmanager
def _decoded(
    videos: Sequence[Listed], views: Views, target: tuple[int, int], workers: int
) -> Iterator[Iterator[tuple[Listed, Outcome]]]:
    """Each video with its frames, in order, decoded ahead by threads: one video more than there are threads."""
    left = iter(videos)
    waiting: deque[tuple[Listed, Future[Outcome]]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="decoder") as pool:

        def in_order() -> Iterator[tuple[Listed, Outcome]]:
            while True:
                while len(waiting) <= workers and (video := next(left, None)) is not None:
                    waiting.append((video, pool.submit(seen_or_why, video, views, target)))
                if not waiting:
                    return
                video, outcome = waiting.popleft()
                yield video, outcome.result()

        try:
            yield in_order()
        finally:
            for _, outcome in waiting:
                outcome.cancel()
