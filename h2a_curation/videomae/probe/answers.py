"""A probe's answers as an evaluation's rows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from h2a_curation.videomae.evaluate.merge import ranked
from h2a_curation.videomae.probe.nearest import Shares
from h2a_curation.videomae.probe.sides import Side
from schemas import VideoFeature, VideoScore
from schemas.evaluate import OK


def answers(side: Side, shares: Shares, labels: NDArray[np.int64]) -> list[VideoScore]:
    """A row a video; `labels` are those of the columns of `shares`. A class without any share is no answer."""
    return [
        _row(row, own if row.status == OK else None, labels.tolist())
        for row, own in zip(side.rows, shares, strict=True)
    ]


def _row(row: VideoFeature, shares: NDArray[np.float64] | None, labels: Sequence[int]) -> VideoScore:
    top = [] if shares is None else [place for place in ranked(shares) if shares[place] > 0]
    own = labels.index(row.label) if row.label in labels else None
    return VideoScore(
        split=row.split,
        video_id=row.video_id,
        path=row.path,
        label=row.label,
        status=row.status,
        reason=row.reason,
        num_frames=row.num_frames,
        top=[labels[place] for place in top],
        confidence=float(shares[top[0]]) if shares is not None else None,
        label_probability=None if shares is None else float(shares[own]) if own is not None else 0.0,
    )
