"""Embed a few frames of each clip: the expensive half of validation, independent of any class or threshold."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from h2a_curation.measure.frames import Frames, Look
from schemas import FrameEmbedding, PromptEmbedding
from schemas.table import Float16

VERSION = 1
"""Version of a clip's vectors and of the preprocessing in models/clip.py. Clips are embedded anew when it rises. Raise
it when the same input gives another output: tests/measure/test_goldens.py fails then, and says so."""
PROMPT_VERSION = 1
"""Version of a prompt's vector. Prompts are embedded anew when it rises; raise it as `VERSION`."""

EncodeImages = Callable[[Frames], NDArray[np.float16]]
"""`encode(frames)` returns [frame, dim], rows of length 1. A clip is one batch, so that its vectors depend on no
other."""
EncodeTexts = Callable[[list[str]], NDArray[np.float16]]
"""`encode(texts)` returns [text, dim], rows of length 1."""


def embed(looks: Iterable[tuple[str, Look]], *, model: str, encode: EncodeImages) -> Iterator[FrameEmbedding]:
    """Yield one row for each (clip id, look), in order."""
    for clip_id, look in looks:
        vectors = encode(look.frames)
        yield FrameEmbedding(clip_id=clip_id, model=model, times_s=look.times_s, vectors=_halves(vectors))


def embed_prompts(prompts: Iterable[str], *, model: str, encode: EncodeTexts) -> Iterator[PromptEmbedding]:
    """Yield one row for each prompt, in order. A prompt is one batch, so that its vector depends on no other prompt."""
    for prompt in prompts:
        [vector] = encode([prompt])
        yield PromptEmbedding(prompt=prompt, model=model, vector=_halves(vector))


def _halves(vectors: NDArray[np.float16]) -> list[Float16]:
    return [Float16(value) for value in vectors.ravel().tolist()]
