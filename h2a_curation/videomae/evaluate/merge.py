"""One answer a video from the logits of its views, as the official code merges them."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

Merge = Literal["prob", "score"]
"""The mean of the views' probabilities, or of their logits."""

Scores = NDArray[np.float64]


def merged(logits_VC: NDArray[np.floating], method: Merge = "prob") -> Scores:
    """[class] scores of one video from [view, class] logits, in float64."""
    exact = np.asarray(logits_VC, dtype=np.float64)
    scores: Scores = (softmax(exact, axis=-1) if method == "prob" else exact).mean(axis=0)
    return scores


def ranked(scores_C: Scores, num: int = 5) -> list[int]:
    """The classes with the highest scores, the highest first; of equal scores the first class."""
    order: list[int] = np.argsort(-scores_C, kind="stable")[:num].tolist()
    return order


def probabilities(scores_C: Scores, method: Merge) -> Scores:
    """What a video's scores mean as probabilities: a mean of logits is none yet."""
    return scores_C if method == "prob" else np.asarray(softmax(scores_C), dtype=np.float64)
