"""The three generators that the official augmentation draws from, each clip's own."""

import random
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Generators:
    """Which of them draws what is part of what the official code does with a seed."""

    python: random.Random
    numpy: np.random.RandomState
    torch: torch.Generator


def of_key(key: str) -> Generators:
    """Generators that this key decides."""
    digest = blake2b(key.encode(), digest_size=16).digest()
    return Generators(
        python=random.Random(key),
        numpy=np.random.RandomState(np.frombuffer(digest, np.uint32)),
        torch=torch.Generator().manual_seed(int.from_bytes(digest[:8], "little", signed=True)),
    )


def of_seed(seed: int) -> Generators:
    """All three with one seed, as official code that sets each."""
    return Generators(
        python=random.Random(seed),
        numpy=np.random.RandomState(seed),
        torch=torch.Generator().manual_seed(seed),
    )
