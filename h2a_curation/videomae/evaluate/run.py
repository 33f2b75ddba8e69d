"""An evaluation: each video decoded once for all its views, the views through the model, rows written as they come.

The views of a video go through the model by themselves, so that what a video scores depends on no other video, on no
order and on no number of processes.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from h2a_curation.foundation.machine import is_of_machine
from h2a_curation.videomae.data.ahead import done_ahead
from h2a_curation.videomae.data.frames import Frames
from h2a_curation.videomae.data.videos import ViewedVideo, look
from h2a_curation.videomae.data.views import Views
from h2a_curation.videomae.evaluate.listed import Listed
from h2a_curation.videomae.evaluate.merge import Merge, merged, probabilities, ranked
from h2a_curation.videomae.evaluate.store import Key, Store
from h2a_curation.videomae.hardware.devices import autocast
from h2a_curation.videomae.hardware.parallel import ProcessGroup
from h2a_curation.videomae.model.classifier import Classifier
from h2a_curation.videomae.presets import Dtype
from schemas import VideoScore, ViewScore
from schemas.evaluate import MISSING, OK, UNDECODABLE

COMMIT_VIDEOS, COMMIT_S = 64, 60.0
"""Rows are written after so many videos or seconds, whatever comes first: that is what a kill costs."""
Progress = Callable[[int, int, VideoScore], None]
"""Called after each video with how many of this process's are done, how many there are, and its row."""
Made = TypeVar("Made")
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
    world: ProcessGroup
    """The processes that share the videos, each with its device."""


def evaluate_split(
    split: str, videos: Sequence[Listed], model: Classifier, looking: Looking, store: Store, progress: Progress
) -> dict[Key, VideoScore]:
    """Rows of all videos of a split, in the order of the list; those that the store has are not seen again.

    Several processes take turns along the list, and all of them return the rows of all.
    """
    cv2.setNumThreads(1)  # videos are resized beside each other
    world = looking.world
    known = world.agreed(store.seen())
    todo = [video for video in videos if (split, video.video_id) not in known][world.rank :: world.size]
    model = model.eval().to(world.device)
    own_rows: list[VideoScore] = []
    target = model.config.frame_px
    with done_ahead(todo, lambda video: seen_or_why(video, looking.views, target), looking.workers) as outcomes:

        def scored() -> Iterator[tuple[VideoScore, list[ViewScore]]]:
            for num, (video, outcome) in enumerate(outcomes, 1):
                row, views = _scored(split, video, outcome, model, looking)
                progress(num, len(todo), row)
                yield row, views

        for batch in to_commit(scored()):
            rows_of_batch = [row for row, _ in batch]
            store.commit([view for _, views in batch for view in views], rows_of_batch)
            own_rows += rows_of_batch
    rows = {**known, **{(split, row.video_id): row for row in world.gathered(own_rows)}}
    return {(split, video.video_id): rows[split, video.video_id] for video in videos}


def to_commit(made: Iterable[Made]) -> Iterator[list[Made]]:
    """What is made, in lists that are each committed before more is made; the last one has what is left."""
    batch: list[Made] = []
    began_s = time.monotonic()
    for one in made:
        batch.append(one)
        if len(batch) >= COMMIT_VIDEOS or time.monotonic() - began_s > COMMIT_S:
            yield batch
            batch, began_s = [], time.monotonic()
    if batch:
        yield batch


def logits_of(video: ViewedVideo, model: Classifier, looking: Looking) -> NDArray[np.float32]:
    """[view, class] in float32; RuntimeError where they are not finite."""
    return numbers_of(video.views(), model, looking)


@torch.inference_mode()
def numbers_of(views: Frames, model: Callable[[Tensor], Tensor], looking: Looking) -> NDArray[np.float32]:
    """[view, number] in float32: what the model makes of uint8 views; RuntimeError where a number is not finite."""
    device, pixels = looking.world.device, torch.from_numpy(views)
    found = []
    for some in torch.split(pixels, looking.views_at_once or len(pixels)):
        with autocast(device, looking.dtype):
            found.append(model(some.to(device)).float())
    numbers: NDArray[np.float32] = torch.cat(found).cpu().numpy()
    if not np.isfinite(numbers).all():
        raise RuntimeError("the model's numbers are not finite: its weights are damaged, or ask for --dtype float32")
    return numbers


def seen_or_why(video: Listed, views: Views, target: tuple[int, int]) -> Outcome:
    """The frames of a video of a list, or why there are none; a fault of the machine is raised."""
    if not video.path.exists():
        return MISSING, "there is no such file or folder"
    return looked_or_why(video.path, str(video.path), views, target, video.num_frames)


def looked_or_why(
    video: Path | bytes, name: str, views: Views, target: tuple[int, int], num_frames: int | None = None
) -> Outcome:
    """The frames of what is there, or why they cannot be decoded; a fault of the machine is raised."""
    try:
        return look(video, views, target, num_frames)
    except (ValueError, OSError) as broken:
        if is_of_machine(broken):
            raise
        return UNDECODABLE, " ".join(str(broken).split())
    except MemoryError as full:
        raise OSError(f"no memory left to decode {name}: fewer --workers take less") from full


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
