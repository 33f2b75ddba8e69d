"""A valid look with the fields changed that a test is about."""

from dataclasses import replace
from typing import Any

import numpy as np

from h2a_curation.measure.frames import Look


def look(**changed: Any) -> Look:
    rng = np.random.default_rng(0)
    valid = Look(
        frames_sha256="aa",
        times_s=[0.5, 1.5],
        frames=rng.integers(0, 256, (2, 32, 32, 3), np.uint8),
        grey=rng.integers(0, 256, (8, 16, 16), np.uint8),
    )
    return replace(valid, **changed)
