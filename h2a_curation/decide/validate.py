"""Validate clips by what their frames show: stored frame vectors against the classes' prompts and against negatives.

The sums are numpy, over blocks of clips, so that memory does not grow with the lake; the verdicts are named rules over
the numbers. A changed prompt costs this product and no image model.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from h2a_curation.decide.rules import Mode, Query, Rule, check_mode, fingerprint, verdict_sql

VectorBlocks = Iterable[tuple[list[str], NDArray[np.float16]]]
"""Clip ids and the unit vectors of their frames [clip, frame, dim], each clip once."""
_VALUES_AT_ONCE = 1 << 17
"""Logits of a step: 512 KiB, which stay in the processor's caches throughout the softmax."""
_CLIPS_AT_ONCE = 2048
"""Rows of a product: 27 MB of logits, enough that threads of the linear algebra seldom wait for each other."""
_SIGN_EXPONENT_FRACTION = 0x8FFFE000 - (1 << 32)
"""Bits of a single that a half fills, as a signed number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidateRules:
    """What the frames must show of a class that a tag claims for them."""

    mode: Mode = "decide"
    """`record` keeps every clip and stores its scores: for a model that has not seen this kind of video."""
    min_margin: float = 0.0
    """Cosine over the best other class or negative. Above 0, close classes lose clips that a person would accept."""
    min_sibling_margin: float = 0.0
    """The same over siblings; below 0, the tag's word counts where frames cannot tell them apart:
    then lower min_agreement and min_probability as well."""
    min_agreement: float = 0.5
    """Share of frames that show the class best of all: less means that half of the clip is something else."""
    min_probability: float = 0.5
    """Mean over frames; a start value, to be calibrated on audited clips."""
    allow_sight: bool = False
    """Also accept clips that no tag claims for the class: they were found under another class's tag."""
    sight_probability: float = 0.95
    """What such a clip needs, as no tag speaks for it."""
    extra: tuple[Rule, ...] = ()
    """Rules of your own over probability, margin, agreement, the three margins of SCORED and CLAIM_SQL's columns."""

    def __post_init__(self) -> None:
        check_mode("validate", mode=self.mode)
        for name in ("min_agreement", "min_probability", "sight_probability"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"validate.{name} is a share from 0 to 1, not {getattr(self, name)}")

    def named(self) -> list[Rule]:
        """The rules in the order in which they are tried: who wins first, then by how much."""
        return [
            Rule("negative", "CASE rival_kind WHEN 'negative' THEN margin END", "<", 0.0),
            Rule("other_class", "CASE rival_kind WHEN 'other_class' THEN margin END", "<", 0.0),
            Rule("sibling", "CASE rival_kind WHEN 'sibling' THEN margin END", "<", min(0.0, self.min_sibling_margin)),
            Rule("low_margin", "least(negative_margin, other_margin)", "<", self.min_margin),
            Rule("low_margin", "sibling_margin", "<", self.min_sibling_margin),
            Rule("low_agreement", "agreement", "<", self.min_agreement),
            Rule("low_probability", "probability", "<", self.min_probability),
            *self.extra,
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptVectors:
    """Classes and negatives as the text tower sees them."""

    model: str
    class_ids: tuple[str, ...]
    negative_ids: tuple[str, ...]
    matrix: NDArray[np.float32]
    """[classes + negatives, dim], rows of length 1: see mean_prompts."""
    logit_scale: float
    """The model's own: what its cosines were multiplied with in training."""

    def __post_init__(self) -> None:
        assert len(self.matrix) == len(self.class_ids) + len(self.negative_ids)
        if len(self.matrix) < 2:
            raise ValueError("one class and no negatives leave nothing to compare with: add a class, or negatives")


SCORED = pa.schema(
    [
        ("clip_id", pa.string()),
        ("class_id", pa.string()),
        ("probability", pa.float64()),
        ("margin", pa.float64()),
        ("agreement", pa.float64()),
        ("negative_margin", pa.float64()),
        ("other_margin", pa.float64()),
        ("sibling_margin", pa.float64()),
        ("rival", pa.string()),
        ("rival_kind", pa.string()),
        ("is_best", pa.bool_()),
    ]
)
"""schemas.Score; the margin's three parts (over negatives, classes that are no siblings, siblings; NULL where there are
none); the best other class or negative, and which of the three it is; whether the class is the best of all for the
clip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipScores:
    """A block of clips against all classes and negatives [clip, class or negative]."""

    probability: NDArray[np.float32]
    """Mean over frames of the softmax over all classes and negatives."""
    cosine: NDArray[np.float32]
    """Mean over frames."""
    best: NDArray[np.intp]
    """[clip, frame]: the column that wins the frame."""


def mean_prompts(vectors: Sequence[NDArray[np.floating]]) -> NDArray[np.float32]:
    """One row of length 1 a class: the mean of its prompts' vectors, each [prompt, dim]."""
    means = np.stack([v.astype(np.float32).mean(axis=0) for v in vectors])
    unit: NDArray[np.float32] = means / np.linalg.norm(means, axis=1, keepdims=True)
    return unit


def score_clips(vectors: NDArray[np.float16], matrix: NDArray[np.float32], logit_scale: float) -> ClipScores:
    """Score [clip, frame, dim] against [class or negative, dim]: one large product, then a few clips at a time.

    Sums of a product depend in their last bits on how many rows are multiplied at once and by how many threads, unless
    they are exact. So vectors are rounded to 2^-12 and prompts to 2^-11, which moves a cosine by 2e-4: each partial sum
    is then a multiple of 2^-23 below 2, which a single holds, and the same clip has the same scores in any company.
    """
    num_clips, num_frames, dim = vectors.shape
    shape = (num_clips, len(matrix))
    probability, cosine = np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.float32)
    best = np.empty((num_clips, num_frames), dtype=np.intp)
    cosines = _rounded(_single(vectors), 12).reshape(-1, dim) @ _rounded(matrix.copy(), 11).T
    step = max(1, _VALUES_AT_ONCE // (num_frames * len(matrix)))
    for start in range(0, num_clips, step):
        block = slice(start, start + step)
        logits = cosines[start * num_frames : (start + step) * num_frames]
        by_clip = logits.reshape(-1, num_frames, len(matrix))
        by_clip.mean(axis=1, out=cosine[block])
        winner = logits.argmax(axis=1)
        best[block] = winner.reshape(-1, num_frames)
        logits -= np.take_along_axis(logits, winner[:, None], axis=1)
        logits *= np.float32(logit_scale)
        np.exp(logits, out=logits)
        logits /= logits.sum(axis=1, keepdims=True)
        by_clip.mean(axis=1, out=probability[block])
    return ClipScores(probability=probability, cosine=cosine, best=best)


def score_claims(
    vectors: VectorBlocks, prompts: PromptVectors, claims: Mapping[str, Sequence[int]], siblings: NDArray[np.bool_]
) -> pa.Table:
    """Rows of SCORED: for each clip the classes that are claimed for it, and the best.

    `claims` maps clip ids to columns of the prompts' matrix; `siblings` is [class, class].
    """
    tables = [SCORED.empty_table()]
    for clip_ids, block in _ahead(vectors):
        for start in range(0, len(clip_ids), _CLIPS_AT_ONCE):
            some = slice(start, start + _CLIPS_AT_ONCE)
            scores = score_clips(block[some], prompts.matrix, prompts.logit_scale)
            tables.append(_rows(clip_ids[some], scores, prompts, claims, siblings))
    return pa.concat_tables(tables)


def validate(
    query: Query, claim: pa.Table, scored: pa.Table, rules: ValidateRules, prompts: str, *, on: bool
) -> pa.Table:
    """One Verdict for each row of `claim` that has scores (without: undecided); `prompts` is their fingerprint.

    Where the stage does not decide, each claim is kept, scored or not.
    """
    decides = on and rules.mode == "decide"
    kept = "ok" if decides else "recorded" if on and rules.mode == "record" else "off"
    name = fingerprint([rules, prompts])
    source = "(FROM claim JOIN scored USING (clip_id, class_id))" if decides else "claim"
    sql = verdict_sql("validate", "clip_id", rules.named() if decides else [], name, source=source, kept=kept)
    return query(sql, {"claim": claim, "scored": scored})


def _rows(
    clip_ids: list[str],
    scores: ClipScores,
    prompts: PromptVectors,
    claims: Mapping[str, Sequence[int]],
    siblings: NDArray[np.bool_],
) -> pa.Table:
    num_classes = len(prompts.class_ids)
    top = scores.probability[:, :num_classes].argmax(axis=1)
    wanted = [sorted({*claims.get(clip, ()), int(top[i])}) for i, clip in enumerate(clip_ids)]
    clip = np.repeat(np.arange(len(clip_ids)), [len(w) for w in wanted])
    column = np.array([c for w in wanted for c in w], dtype=np.intp)
    pick = np.arange(len(column))
    own = scores.cosine[clip, column]
    others = scores.cosine[clip]
    others[pick, column] = -np.inf
    rival = others.argmax(axis=1)
    is_sibling = siblings[column]
    kind = np.where(rival >= num_classes, 0, 1 + is_sibling[pick, np.minimum(rival, num_classes - 1)])
    classes = others[:, :num_classes]
    rivals = {
        "negative_margin": others[:, num_classes:].max(axis=1, initial=-np.inf),
        "other_margin": np.where(is_sibling, -np.inf, classes).max(axis=1, initial=-np.inf),
        "sibling_margin": np.where(is_sibling, classes, -np.inf).max(axis=1, initial=-np.inf),
    }
    columns: dict[str, pa.Array] = {
        "clip_id": pa.array(clip_ids, pa.string()).take(pa.array(clip)),
        "class_id": pa.array(prompts.class_ids, pa.string()).take(pa.array(column)),
        "probability": _float(scores.probability[clip, column]),
        "margin": _float(own - others[pick, rival]),
        "agreement": _float((scores.best[clip] == column[:, None]).mean(axis=1)),
        **{name: _float(own - best) for name, best in rivals.items()},
        "rival": pa.array([*prompts.class_ids, *prompts.negative_ids], pa.string()).take(pa.array(rival)),
        "rival_kind": pa.array(["negative", "other_class", "sibling"]).take(pa.array(kind)),
        "is_best": pa.array(top[clip] == column),
    }
    return pa.table(columns, schema=SCORED)


def _ahead(vectors: VectorBlocks) -> Iterator[tuple[list[str], NDArray[np.float16]]]:
    """The same blocks; the next one is read while this one is scored."""
    blocks = iter(vectors)
    with ThreadPoolExecutor(max_workers=1) as reader:
        coming = reader.submit(next, blocks, None)
        while (block := coming.result()) is not None:
            coming = reader.submit(next, blocks, None)
            yield block


def _single(halves: NDArray[np.float16]) -> NDArray[np.float32]:
    """As float32, four times faster than numpy's own conversion; finite numbers only, as unit vectors are.

    A half's bits, moved to where a single has its exponent and fraction, are the number with another bias.
    """
    bits = halves.view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= np.int32(_SIGN_EXPONENT_FRACTION)
    singles = bits.view(np.float32)
    singles *= np.float32(2.0**112)
    return singles


def _rounded(values: NDArray[np.float32], num_bits: int) -> NDArray[np.float32]:
    """To so many binary places, in place: the sum with a number whose last bit is worth as much."""
    large = np.float32(1.5 * 2.0 ** (23 - num_bits))
    values += large
    values -= large
    return values


def _float(values: NDArray[np.floating]) -> pa.Array:
    """As float64; infinite, where there is nobody to compare with, is NULL."""
    wide = values.astype(np.float64)
    return pa.array(wide, mask=~np.isfinite(wide))
