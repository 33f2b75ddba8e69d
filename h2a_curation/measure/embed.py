"""Embed a few frames of each clip: the dear half of validation, independent of any class or threshold."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from h2a_curation.measure.frames import Frames, Look
from schemas import FrameEmbedding, PromptEmbedding
from schemas.table import Float16

VERSION = 1
"""Of a clip's vectors, with the preprocessing in clip_model. Clips are embedded anew when it rises.
Raise it when the same input gives another output: tests/measure/test_goldens.py says so when it does."""
PROMPT_VERSION = 1
"""Of a prompt's vector, likewise. Prompts are embedded anew when it rises."""

EncodeImages = Callable[[Frames], NDArray[np.float16]]
"""[frame, dim], rows of length 1. One clip is one batch, so that its vectors depend on no other clip."""
EncodeTexts = Callable[[list[str]], NDArray[np.float16]]
"""[text, dim], rows of length 1."""


def embed(looks: Iterable[tuple[str, Look]], *, model: str, encode: EncodeImages) -> Iterator[FrameEmbedding]:
    """Yield one row per (clip id, look), in order."""
    for clip_id, look in looks:
        vectors = encode(look.frames)
        yield FrameEmbedding(clip_id=clip_id, model=model, times_s=look.times_s, vectors=_halves(vectors))


def embed_prompts(prompts: Iterable[str], *, model: str, encode: EncodeTexts) -> Iterator[PromptEmbedding]:
    """Yield one row per prompt, in order. Each is a batch of its own, so that its vector depends on no other prompt."""
    for prompt in prompts:
        [vector] = encode([prompt])
        yield PromptEmbedding(prompt=prompt, model=model, vector=_halves(vector))


def _halves(vectors: NDArray[np.float16]) -> list[Float16]:
    return [Float16(value) for value in vectors.ravel().tolist()]
