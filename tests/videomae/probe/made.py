"""Files of features that a test makes: a blob of points for each class."""

from pathlib import Path
from typing import Any

import numpy as np

from h2a_curation.videomae.probe.store import FeatureRow, FeatureStore
from schemas import VideoFeature

ABOUT: dict[str, Any] = {
    "weights": "aa", "width": 6, "feature": "a mean", "num_heads": 2, "num_frames": 4, "frame_px": [32, 32],
    "sampling": "dense", "stride": 4, "num_segments": 1, "num_crops": 1, "dtype": "float32",
}  # fmt: skip
NAMES = {3: "deadlift", 7: "squat", 40: "surf"}
SPLITS = {"train": 20, "val": 8, "test": 6}


def row(split: str, label: int, number: int, vector: Any, **changed: Any) -> FeatureRow:
    about = VideoFeature(
        split=split, video_id=f"{split}-{label}-{number:03d}", path=f"{label}.mp4", label=label,
        class_name=changed.pop("class_name", NAMES.get(label, str(label))), status=changed.pop("status", "ok"),
        reason=changed.pop("reason", ""), num_frames=24,
    )  # fmt: skip
    assert not changed
    return FeatureRow(about, None if vector is None else np.asarray(vector, np.float16))


def blobs(seed: int = 0, spread: float = 0.8, splits: dict[str, int] | None = None, width: int = 6) -> list[FeatureRow]:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(1).normal(size=(len(NAMES), width))
    return [
        row(split, label, number, centre + spread * rng.normal(size=width))
        for split, num in (splits or SPLITS).items()
        for label, centre in zip(NAMES, centres, strict=True)
        for number in range(num)
    ]


def written(folder: Path, rows: list[FeatureRow], **about: Any) -> Path:
    told = ABOUT | about
    FeatureStore(folder, told["width"]).finish(rows, told)
    return folder
