"""The k nearest neighbours, as the protocol of DINO has them.

A video's neighbours are the k videos learnt from with the largest cosines s. Each votes for its class with the weight
exp(s / t), t being the temperature; the class with most votes is the answer (Wu et al. 2018, Caron et al. 2021: k = 20
and t = 0.07).
"""

import numpy as np
from numpy.typing import NDArray

NUM_NEIGHBOURS, TEMPERATURE = 20, 0.07
_COSINES_AT_A_TIME = 2**24
"""128 MiB in float64."""
Shares = NDArray[np.float64]
"""[video, class], each row of sum 1."""


def nearest_shares(
    learnt: NDArray[np.float64], classes: NDArray[np.int64], tested: NDArray[np.float64], *, num_neighbours: int,
    temperature: float,
) -> Shares:  # fmt: skip
    """Each class's share of the votes, 0 where no neighbour is of it.

    Of neighbours that are equally near at the border, the first ones in `learnt` vote. ValueError where there are fewer
    videos to learn from than neighbours.
    """
    if num_neighbours > len(learnt):
        raise ValueError(f"--neighbours {num_neighbours}: there are {len(learnt)} videos to learn from")
    known, asked = _of_length_1(learnt), _of_length_1(tested)
    votes = np.zeros((len(asked), int(classes.max()) + 1))
    step = max(1, _COSINES_AT_A_TIME // len(known))
    for first in range(0, len(asked), step):
        cosines = asked[first : first + step] @ known.T
        rows, places = np.nonzero(_nearest(cosines, num_neighbours))
        np.add.at(votes, (first + rows, classes[places]), np.exp(cosines[rows, places] / temperature))
    return np.asarray(votes / votes.sum(axis=1, keepdims=True))


def _nearest(cosines: NDArray[np.float64], num: int) -> NDArray[np.bool_]:
    """Which are the `num` largest of each row."""
    border = -np.partition(-cosines, num - 1, axis=1)[:, num - 1 : num]
    above, at = cosines > border, cosines == border
    left = num - above.sum(axis=1, keepdims=True)
    return np.asarray(above | (at & (np.cumsum(at, axis=1) <= left)))


def _of_length_1(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, 1))
