"""Dual masking: which tokens the encoder does not see, and which the decoder does not predict.

In both masks True means masked. Draws are those of the official code, given a RandomState of the same seed; numpy
keeps that generator's stream the same over versions, so a run can be repeated later.
"""

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
"""[slice, row * column]"""
Window = tuple[int, int, int]
"""Slices, rows and columns of the token grid."""


def tube_mask(window: Window, ratio: float, rng: np.random.RandomState) -> Mask:
    """Hide the same int(ratio * places) places in every slice, so that no token can be copied from another time."""
    slices, rows, columns = window
    num_places = rows * columns
    hidden = np.arange(num_places) >= num_places - int(ratio * num_places)
    rng.shuffle(hidden)
    return np.tile(hidden, (slices, 1))


def cell_mask(window: Window, ratio: float, rng: np.random.RandomState) -> Mask:
    """Mask int(4 * ratio) places of each 2 x 2 cell, which advance by one place a slice, from a random phase."""
    return cell_mask_of_phase(window, ratio, int(rng.randint(4)))


def cell_mask_of_phase(window: Window, ratio: float, phase: int) -> Mask:
    """One of the four running cells. ValueError for a grid with odd sides: official masks are then too small."""
    slices, rows, columns = window
    num_masked = int(4 * ratio)
    if not 0 < num_masked < 4:
        raise ValueError(f"decoder mask {ratio} masks {num_masked} of the 4 places of a cell: use 0.25 to below 1")
    if rows % 2 or columns % 2:
        raise ValueError(f"the running cell needs an even grid of patches, not {rows} x {columns}")
    place = 2 * (np.arange(rows)[:, None] % 2) + np.arange(columns) % 2
    step = np.arange(slices)[:, None, None] + phase + 1  # the official code advances before the first slice
    return ((place + step) % 4 < num_masked).reshape(slices, rows * columns)


def dual_masks(window: Window, encoder: float, decoder: float, rng: np.random.RandomState) -> tuple[Mask, Mask]:
    """The masks of one sample. A decoder ratio of 0 predicts exactly what the encoder does not see."""
    hidden = tube_mask(window, encoder, rng)
    return hidden, cell_mask(window, decoder, rng) if decoder else ~hidden
