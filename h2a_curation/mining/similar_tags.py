"""Propose tags whose words mean what a class's prompts mean, as a text tower sees both."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from h2a_curation.mining.cooccurrence import LearnRules

_MARGIN_DIGITS = 6
"""Digits after the point to which a margin is rounded."""


def meant(
    tags: Sequence[str],
    texts: NDArray[np.floating],
    class_ids: Sequence[str],
    matrix: NDArray[np.floating],
    rules: LearnRules,
) -> list[tuple[str, str, int]]:
    """(tag, class id, rank from 0) of the tags that are near one class and far from all else, the largest margin first.

    `texts` [tag, dim] and `matrix` [classes and then negatives, dim] are of one text tower, with rows of length 1.

        cosine(t, c) = unit(text(t) - mean) . unit(matrix(c) - mean),    mean: the mean of the classes' rows
        margin(t)    = cosine with the nearest class - largest cosine with any other class or negative

    Prompts of videos are all alike, and how much depends on the tower. So the mean of the classes is taken off first,
    and cosines spread around 0. This is the first step of "All but the top" (Mu and Viswanath, ICLR 2018); its second,
    taking off the first principal components, is not done.
    """
    if not len(tags):
        return []
    common = matrix[: len(class_ids)].mean(axis=0, dtype=np.float64)
    cosine = _unit(texts - common) @ _unit(matrix - common).T
    best = np.argmax(cosine[:, : len(class_ids)], axis=1)
    rows = np.arange(len(tags))
    nearest = cosine[rows, best]
    cosine[rows, best] = -1.0  # the lowest cosine there is, so that the nearest class is not its own rival
    # Rounded, so that the last bits of a machine's arithmetic order no tags.
    margin = np.round(nearest - cosine.max(axis=1, initial=-1.0), _MARGIN_DIGITS)
    good = np.flatnonzero((nearest >= rules.min_cosine) & (margin >= rules.min_margin)).tolist()
    good.sort(key=lambda i: (-margin[i], tags[i]))
    return [(tags[i], class_ids[best[i]], rank) for rank, i in enumerate(good)]


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float64] = vectors / np.where(length > 0, length, 1.0)
    return unit
