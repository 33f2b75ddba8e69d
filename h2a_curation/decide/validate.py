"""Validate clips by what their frames show: stored frame vectors against the classes' prompts and against negatives.

A negative is a text of what no class is, such as a slide show. A class or negative j has a vector p_j: the mean of its
prompts' vectors, of length 1. A clip has frames f with vectors x_f of length 1. For class c:

    probability      mean over f of  softmax_c( scale * x_f . p_j ),    over all classes and negatives j
    margin           mean over f of  x_f . p_c  less the largest such mean of any other class or negative
    agreement        share of frames f for which c has the largest x_f . p_j of all
    negative_margin, other_margin, sibling_margin    margins over negatives, other classes, siblings alone

This is zero-shot classification as CLIP does it (Radford and others, ICML 2021), with prompt ensembling; `scale` is the
model's own temperature. The probability is not calibrated: it is the share among the texts given, so it falls as
classes are added, and a lake's own labels (docs/audit.md) must say which threshold keeps what. Cosines are compared by
margins, not by value, since they are high for any prompt of a video and differ between models.

The sums are numpy, over blocks of clips, so that memory does not grow with the lake. The verdicts are named rules over
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
"""Blocks of clip ids and the unit vectors of their frames [clip, frame, dim]; each clip is in one block."""
_VALUES_AT_ONCE = 1 << 17
"""Logits of one step of the softmax: 512 KiB, which stay in the processor's caches throughout."""
_CLIPS_AT_ONCE = 2048
"""Clips of one matrix product: 27 MB of logits at 8 frames and 400 columns, enough that threads of the linear algebra
seldom wait for each other."""
_VECTOR_BITS = 12
_PROMPT_BITS = 11
"""Binary places to which frame vectors and prompts are rounded: see `score_clips`. Together 23, as many as a float32
has after the leading one."""
_SINGLE_FRACTION_BITS = 23
_HALF_TO_SINGLE_BITS = 13
"""Places by which a half's 10 fraction bits stand further right than a single's 23."""
_HALF_TO_SINGLE_SCALE = 2.0**112
"""Two to the difference of the exponents' biases, 127 of a single and 15 of a half."""
_SIGN_EXPONENT_FRACTION = 0x8FFFE000 - (1 << 32)
"""Bits of a single that a half fills, as a signed number: the sign, 5 bits of exponent, 10 of fraction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidateRules:
    """What the frames must show of a class that a tag claims for them."""

    mode: Mode = "decide"
    """What the scores do: `decide` rejects by them, `off` makes no use of them. `record` keeps every clip and stores
    its scores: for a model that has not seen this kind of video."""
    min_margin: float = 0.0
    """Least cosine of the class, less that of the best other class or negative; siblings apart. Above 0, classes that
    look much alike lose clips that a person would accept."""
    min_sibling_margin: float = 0.0
    """Least cosine of the class, less that of its best sibling. Below 0, the tag decides between siblings that frames
    cannot tell apart: then lower min_agreement and min_probability as well."""
    min_agreement: float = 0.5
    """Least share of frames that show the class best of all: with less, half of the clip is something else."""
    min_probability: float = 0.5
    """Least mean probability over frames. A start value, to be calibrated on audited clips."""
    allow_sight: bool = False
    """Whether clips are also accepted for a class that no tag claims for them, if their frames show it."""
    sight_probability: float = 0.95
    """Least probability of such a clip, higher because no tag speaks for it. A start value."""
    extra: tuple[Rule, ...] = ()
    """Rules of your own over probability, margin, agreement, the three margins of SCORED and CLAIM_SQL's columns."""

    def __post_init__(self) -> None:
        check_mode("validate", mode=self.mode)
        for name in ("min_agreement", "min_probability", "sight_probability"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"validate.{name} is a share from 0 to 1, not {getattr(self, name)}")

    def named(self) -> list[Rule]:
        """The rules in the order in which they are tried: first which text wins, then by how much.

        The first three name what won in the class's stead. A rule has nothing to compare where the winner is of another
        kind, or where there is none of its kind: a NULL passes.
        """
        return [
            # Without these three the reason of every lost clip would be a low margin, whatever it shows.
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
    """Vectors of classes and negatives by one text tower."""

    model: str
    """Fingerprint of the text tower."""
    class_ids: tuple[str, ...]
    negative_ids: tuple[str, ...]
    matrix: NDArray[np.float32]
    """[classes and then negatives, dim] Rows of length 1 by `mean_prompts`."""
    logit_scale: float
    """Factor by which the model's cosines were multiplied in training, before the softmax."""

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
"""Columns of schemas.Score, and what rules compare besides.

The three margins are over negatives, over classes that are no siblings, and over siblings; NULL where there are none.
`rival` is the best other class or negative, and `rival_kind` its kind. `is_best`: it is the clip's most probable class.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipScores:
    """Scores of a block of clips against all classes and negatives, the columns."""

    probability: NDArray[np.float32]
    """[clip, column] Mean over frames of the softmax over all columns."""
    cosine: NDArray[np.float32]
    """[clip, column] Mean over frames of the cosine."""
    best: NDArray[np.intp]
    """[clip, frame] Column of the largest cosine in the frame."""


def mean_prompts(vectors: Sequence[NDArray[np.floating]]) -> NDArray[np.float32]:
    """[class, dim] Mean of each class's prompt vectors, at length 1; `vectors`: [prompt, dim] for each class."""
    means = np.stack([v.astype(np.float32).mean(axis=0) for v in vectors])
    unit: NDArray[np.float32] = means / np.linalg.norm(means, axis=1, keepdims=True)
    return unit


def score_clips(vectors: NDArray[np.float16], matrix: NDArray[np.float32], logit_scale: float) -> ClipScores:
    """Score `vectors` [clip, frame, dim] against `matrix` [class or negative, dim].

    The last bits of a float32 sum depend on its order, so on how many rows are multiplied at once and by how many
    threads, unless the sum is exact. So vectors are rounded to 2^-12 and prompts to 2^-11, which moves a cosine by
    about 2e-4. Each partial sum is then a multiple of 2^-23 below 2, which a float32 holds exactly. So a clip has the
    same scores whichever clips are scored with it.
    """
    # One large product for the linear algebra, then a few clips at a time for the caches.
    num_clips, num_frames, dim = vectors.shape
    shape = (num_clips, len(matrix))
    probability, cosine = np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.float32)
    best = np.empty((num_clips, num_frames), dtype=np.intp)
    cosines = _rounded(_single(vectors), _VECTOR_BITS).reshape(-1, dim) @ _rounded(matrix.copy(), _PROMPT_BITS).T
    step = max(1, _VALUES_AT_ONCE // (num_frames * len(matrix)))
    for start in range(0, num_clips, step):
        block = slice(start, start + step)
        logits = cosines[start * num_frames : (start + step) * num_frames]
        by_clip = logits.reshape(-1, num_frames, len(matrix))
        by_clip.mean(axis=1, out=cosine[block])
        winner = logits.argmax(axis=1)
        best[block] = winner.reshape(-1, num_frames)
        # Less the largest: the softmax is the same, and no exponential overflows.
        logits -= np.take_along_axis(logits, winner[:, None], axis=1)
        logits *= np.float32(logit_scale)
        np.exp(logits, out=logits)
        logits /= logits.sum(axis=1, keepdims=True)
        by_clip.mean(axis=1, out=probability[block])
    return ClipScores(probability=probability, cosine=cosine, best=best)


def score_claims(
    vectors: VectorBlocks, prompts: PromptVectors, claims: Mapping[str, Sequence[int]], siblings: NDArray[np.bool_]
) -> pa.Table:
    """Rows of SCORED: for each clip the classes that are claimed for it, and its most probable class.

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
    """One Verdict for each row of `claim` that has scores; a claim without scores is undecided.

    `prompts` is the fingerprint of the prompts. If the stage does not decide, each claim is kept, scored or not.
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
    """Rows of SCORED for one block of clips; one row is a clip and a class that is claimed for it or best of all."""
    # Only rows that something asks for: all classes of all clips would be hundreds of times as many.
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
    """The same blocks in the same order; a thread reads the next block while this one is scored."""
    blocks = iter(vectors)
    with ThreadPoolExecutor(max_workers=1) as reader:
        coming = reader.submit(next, blocks, None)
        while (block := coming.result()) is not None:
            coming = reader.submit(next, blocks, None)
            yield block


def _single(halves: NDArray[np.float16]) -> NDArray[np.float32]:
    """Convert to float32, four times faster than numpy does; finite numbers only, as those of unit vectors are.

    A half's bits, moved to where a single has its exponent and fraction, are the number but for the exponent's bias.
    """
    bits = halves.view(np.int16).astype(np.int32)
    bits <<= _HALF_TO_SINGLE_BITS
    bits &= np.int32(_SIGN_EXPONENT_FRACTION)
    singles = bits.view(np.float32)
    singles *= np.float32(_HALF_TO_SINGLE_SCALE)
    return singles


def _rounded(values: NDArray[np.float32], num_bits: int) -> NDArray[np.float32]:
    """Round to `num_bits` binary places, in place.

    The sum with a number whose last bit is worth 2^-num_bits has no finer bits. 1.5 and not 1 times a power of two, so
    that the sum stays in the same range of exponents for negative values.
    """
    large = np.float32(1.5 * 2.0 ** (_SINGLE_FRACTION_BITS - num_bits))
    values += large
    values -= large
    return values


def _float(values: NDArray[np.floating]) -> pa.Array:
    """Convert to a column of float64, with NULL for infinite values: there a clip has no rival to compare with."""
    wide = values.astype(np.float64)
    return pa.array(wide, mask=~np.isfinite(wide))
