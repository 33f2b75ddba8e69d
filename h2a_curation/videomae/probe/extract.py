"""Features of videos: each decoded once for all its views, and through the frozen encoder by itself.

So a feature depends on no other video, on no order and on no number of processes.
"""

from collections.abc import Callable, Iterator

import cv2
import numpy as np

from h2a_curation.videomae.data.ahead import done_ahead
from h2a_curation.videomae.evaluate.run import Looking, Outcome, numbers_of, to_commit
from h2a_curation.videomae.model.classifier import Classifier
from h2a_curation.videomae.model.frozen import FrozenEncoder
from h2a_curation.videomae.probe.store import FeatureRow, FeatureStore
from h2a_curation.videomae.probe.wanted import Wanted, WantedSet
from schemas import VideoFeature
from schemas.evaluate import OK

Encoding = FrozenEncoder | Classifier
FeatureProgress = Callable[[int, int, VideoFeature], None]
"""Called after each video with how many of this process's are done, how many there are, and its row."""


def features_of(
    wanted: WantedSet, model: Encoding, looking: Looking, store: FeatureStore, progress: FeatureProgress
) -> list[FeatureRow]:
    """Rows of all videos in the set's order; those that the store has are not seen again.

    Several processes take turns along the set, and all of them return the rows of all.
    """
    cv2.setNumThreads(1)  # videos are resized beside each other
    world = looking.world
    known = world.agreed(store.seen())
    todo = [one for one in wanted.videos if (one.split, one.video_id) not in known][world.rank :: world.size]
    model = model.eval().to(world.device)
    target = model.config.frame_px
    own: list[FeatureRow] = []
    with done_ahead(todo, lambda one: one.see(looking.views, target), looking.workers) as outcomes:

        def made() -> Iterator[FeatureRow]:
            for num, (one, outcome) in enumerate(outcomes, 1):
                row = _row(one, outcome, model, looking)
                progress(num, len(todo), row.about)
                yield row

        for batch in to_commit(made()):
            store.commit(batch)
            own += batch
    rows = {**known, **{row.key: row for row in world.gathered(own)}}
    return [rows[one.split, one.video_id] for one in wanted.videos]


def _row(one: Wanted, outcome: Outcome, model: Encoding, looking: Looking) -> FeatureRow:
    vector, num_frames, status, reason = None, None, OK, ""
    if isinstance(outcome, tuple):
        status, reason = outcome
    else:
        views = numbers_of(outcome.views(), model.features, looking)
        vector = views.mean(axis=0, dtype=np.float64).astype(np.float16)
        num_frames = outcome.length
        if not np.isfinite(vector).all():
            raise RuntimeError(f"the feature of {one.video_id} does not fit into 16 bits: is its model trained?")
    about = VideoFeature(
        split=one.split, video_id=one.video_id, path=one.path, label=one.label, class_name=one.class_name,
        status=status, reason=reason, num_frames=num_frames,
    )  # fmt: skip
    return FeatureRow(about, vector)
