"""What colours alone tell: the baseline that must fail if the world is hard enough to need a model."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from h2a_curation.sample_world.model.training_frames import SUBJECTS, clip_subjects

_LEVELS = 6
"""Steps of red, green and blue: 216 bins."""


class ColourHistogram:
    """Nearest neighbour over the colour histograms of single frames."""

    def fit(self, frames: NDArray[np.uint8], labels: Sequence[str]) -> "ColourHistogram":
        """Take [frame, height, width, rgb] with a label each."""
        assert len(frames) == len(labels)
        self._labels = np.array(labels)
        self._tree = cKDTree(_histograms(frames))
        return self

    def predict(self, frames: NDArray[np.uint8]) -> list[str]:
        """The label of the nearest frame, for each of [frame, height, width, rgb]."""
        nearest = self._tree.query(_histograms(frames))[1]
        return [str(label) for label in self._labels[nearest]]

    def predict_clips(self, clips: NDArray[np.uint8]) -> list[str]:
        """What most frames of each of [clip, frame, height, width, rgb] say; the first of equals by name."""
        found = np.array(self.predict(clips.reshape(-1, *clips.shape[2:]))).reshape(clips.shape[:2])
        winners = []
        for clip in found:
            labels, times = np.unique(clip, return_counts=True)
            winners.append(str(labels[times.argmax()]))
        return winners


def fit_colour_histogram(clips: NDArray[np.uint8]) -> ColourHistogram:
    """Fit on frames of the training seeds, [clip, frame, height, width, rgb] as `training_frames` draws them."""
    labels = [SUBJECTS[i] for i in clip_subjects(len(clips)) for _ in range(clips.shape[1])]
    return ColourHistogram().fit(clips.reshape(-1, *clips.shape[2:]), labels)


def _histograms(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """[frame, bin], square roots of shares, so that distances do not hang on the largest bin alone."""
    steps = frames.astype(np.int32) * _LEVELS // 256
    bins = (steps[..., 0] * _LEVELS + steps[..., 1]) * _LEVELS + steps[..., 2]
    counts = np.stack([np.bincount(frame.ravel(), minlength=_LEVELS**3) for frame in bins])
    roots: NDArray[np.float32] = np.sqrt(counts / bins[0].size).astype(np.float32)
    return roots
