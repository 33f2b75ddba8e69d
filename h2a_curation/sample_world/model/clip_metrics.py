"""How well the sample world's model tells its classes apart, on clips of seeds that it was not trained on.

Scores as the pipeline does: the mean over a clip's frames, classes and negatives as the sides of one softmax.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2a_curation.decide.validate import ClipScores

_CHANCES = 10
"""Right claims of each clip of a class, and as many wrong ones."""
_WRONG_OF_A_NEGATIVE = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """Clips that a tag claims for a class: what the model says of each, and whether the tag was right."""

    probability: NDArray[np.float64]
    margin: NDArray[np.float64]
    """Mean cosine over that of the best other class or negative."""
    right: NDArray[np.bool_]


def draw_claims(
    scores: ClipScores, truth: NDArray[np.int64], num_classes: int, siblings: list[list[int]], rng: np.random.Generator
) -> Claims:
    """Somewhat less than half of the claims right; of the wrong ones every second a sibling where there is one."""
    rows: list[tuple[float, float, bool]] = []
    for clip, own in enumerate(truth):
        claimed = [own] * _CHANCES if own < num_classes else []
        num_wrong = _CHANCES if own < num_classes else _WRONG_OF_A_NEGATIVE
        for _ in range(num_wrong):
            near = siblings[own] if own < num_classes else []
            if near and rng.random() < 0.5:
                claimed.append(int(rng.choice(near)))
            else:
                claimed.append(int(rng.choice([c for c in range(num_classes) if c != own])))
        for side in claimed:
            rival = np.delete(scores.cosine[clip], side).max()
            rows.append((scores.probability[clip, side], scores.cosine[clip, side] - rival, side == own))
    columns = list(zip(*rows, strict=True))
    return Claims(
        probability=np.array(columns[0], np.float64),
        margin=np.array(columns[1], np.float64),
        right=np.array(columns[2], bool),
    )


def threshold_at(value: NDArray[np.float64], right: NDArray[np.bool_], precision: float) -> float:
    """The lowest threshold from which on the claims kept reach this precision; 1 when none does."""
    order = np.argsort(-value)
    kept_right = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    reached = np.flatnonzero(kept_right >= precision)
    return float(value[order][reached[-1]]) if len(reached) else 1.0


def precision_recall(value: NDArray[np.float64], right: NDArray[np.bool_], threshold: float) -> tuple[float, float]:
    """The precision of the claims at or above the threshold, and their recall over all right claims."""
    kept = value >= threshold
    hits = int((kept & right).sum())
    return hits / max(1, int(kept.sum())), hits / max(1, int(right.sum()))


def summary(claims: Claims, validation: Claims) -> dict[str, Any]:
    """Precision and recall on `claims` at thresholds that `validation` set."""
    rows: dict[str, Any] = {}
    for name in ("probability", "margin"):
        for wanted in (0.95, 0.97, 0.98):
            threshold = threshold_at(getattr(validation, name), validation.right, wanted)
            precision, recall = precision_recall(getattr(claims, name), claims.right, threshold)
            rows[f"{name} at validation precision {wanted}"] = {
                "threshold": round(threshold, 4),
                "precision": round(precision, 4),
                "recall": round(recall, 4),
            }
    return rows
