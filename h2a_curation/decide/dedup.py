"""Find copies among valid clips: equal decoded frames, or perceptual hashes that differ in few bits.

Few clips are compared each with each. Many are first brought together by equal random subsets of a frame's hash bits
(locality-sensitive hashing), then compared in full: at 283,582 clips all pairs would be 40 thousand million.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from h2a_curation.decide.rules import Query, Rule, fingerprint, verdict_sql
from schemas import Duplicate, arrow_schema

Hashes = NDArray[np.uint64]
"""[clip, frame], 64 bits each."""
Pairs = NDArray[np.int64]
"""[pair, 2]: rows of clips."""
Compared = tuple[Pairs, NDArray[np.float64]]
"""Pairs and their distances."""

_EXHAUSTIVE = 2048
"""Up to so many clips, all pairs are compared."""
_NUM_SUBSETS = 12
"""With 22 of 64 bits and 8 frames, a copy at mean distance 4 is met with probability 1 - 1e-6, one at 8 with 0.94."""
_WINDOW = 16
"""In a crowd of equal keys (one title card under many clips) each is compared with so many neighbours, not with all."""
_PAIRS_AT_ONCE = 1 << 18
_FLAT = np.uint64(0)
"""The hash of a frame without a picture (h2a_curation/measure/perceptual_hash.py): black, a fade, a plain card."""
_SEED = 20
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""Multiplying by it brings all bits of a key into the high ones; the low ones then carry the key's place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DedupRules:
    """When two clips are copies of one."""

    max_distance: float = 8.0
    """Of 64 bits, on average over frames: PDQ's 31 of 256 (design/peers.md C3). Higher merges lookalikes."""
    max_shift: int = 1
    """Frames by which a copy may be cut earlier or later and still be aligned."""

    def __post_init__(self) -> None:
        if not 0 <= self.max_distance < 32:
            raise ValueError(f"dedup.max_distance is below 32, where unrelated hashes meet, not {self.max_distance}")
        if not 0 <= self.max_shift <= 4:
            raise ValueError(f"dedup.max_shift is from 0 to 4 frames, not {self.max_shift}")

    def named(self) -> list[Rule]:
        """The distance is that to the nearest copy; only the canonical member has none to show."""
        return [Rule("duplicate", "CASE WHEN cluster_id <> clip_id THEN distance END", "<=", self.max_distance)]


VALID_SQL = """
    SELECT clip_id, frames_sha256, phash
    FROM (SELECT clip_id, min((round, coalesce(posted_at, 'infinity'::TIMESTAMPTZ), post_id)) AS first_seen
          FROM claim GROUP BY clip_id) JOIN fingerprint USING (clip_id)
    ORDER BY first_seen, clip_id
"""
"""Each valid clip once, in the order in which they were first seen."""


def dedup(query: Query, claim: pa.Table, rules: DedupRules, *, on: bool) -> tuple[pa.Table, pa.Table]:
    """Duplicate rows of the clips in `claim`, and one Verdict for each row of `claim` that has a fingerprint.

    Switched off, copies are still found, since splits must not part them, and all are kept.
    """
    duplicate = clusters(query(VALID_SQL, {"claim": claim}), rules)
    named, kept = (rules.named(), "ok") if on else ([], "off")
    source = "(FROM claim JOIN duplicate USING (clip_id))"
    sql = verdict_sql("dedup", "clip_id", named, fingerprint(rules), source=source, kept=kept)
    return duplicate, query(sql, {"claim": claim, "duplicate": duplicate})


def clusters(valid: pa.Table, rules: DedupRules) -> pa.Table:
    """Duplicate rows, one a clip, of clip_id, frames_sha256 and phash in the order in which clips were first seen."""
    pairs, distance = linked(valid, rules)
    num_clips = len(valid)
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(num_clips, num_clips))
    _, component = connected_components(graph, directed=False)
    _, first, member = np.unique(component, return_index=True, return_inverse=True)
    nearest = np.full(num_clips, np.inf)
    for side in (0, 1):
        np.minimum.at(nearest, pairs[:, side], distance)
    canonical = first[member]
    nearest[canonical == np.arange(num_clips)] = 0.0
    clip_id = valid["clip_id"].combine_chunks()
    columns = [clip_id, clip_id.take(pa.array(canonical)), pa.array(nearest)]
    return pa.Table.from_arrays(columns, schema=arrow_schema(Duplicate)).sort_by("clip_id")


def distances(left: Hashes, right: Hashes, max_shift: int) -> NDArray[np.float64]:
    """Mean bits that differ over aligned frames [pair, frame], at the best shift of one against the other.

    Frames without a picture say nothing: where they are more than half of those aligned, the distance is infinite.
    """
    num_pairs, num_frames = left.shape
    left, right = np.ascontiguousarray(left.T), np.ascontiguousarray(right.T)
    best = np.full(num_pairs, np.inf)
    most = min(max_shift, num_frames - 1)
    for shift in range(-most, most + 1):
        bits, pictures = np.zeros(num_pairs, dtype=np.uint16), np.zeros(num_pairs, dtype=np.uint16)
        aligned = range(max(0, shift), num_frames + min(0, shift))
        for frame in aligned:
            a, b = left[frame], right[frame - shift]
            both = (a != _FLAT) & (b != _FLAT)
            bits += np.bitwise_count(a ^ b) * both
            pictures += both
        mean = np.where(2 * pictures >= len(aligned), bits / np.maximum(pictures, 1), np.inf)
        np.minimum(best, mean, out=best)
    return best


def linked(valid: pa.Table, rules: DedupRules) -> Compared:
    """All pairs found of clip_id, frames_sha256 and phash that are within the distance; equal frames are at 0."""
    exact = _chained(valid["frames_sha256"].to_numpy())
    found = [(exact, np.zeros(len(exact)))]
    lists = valid["phash"].combine_chunks()
    lengths = lists.value_lengths().to_numpy()
    values, offsets = lists.flatten().to_numpy(), np.concatenate([[0], np.cumsum(lengths)])
    for num_frames in np.unique(lengths[lengths > 0]):
        rows = np.flatnonzero(lengths == num_frames)
        hashes = values[offsets[rows][:, None] + np.arange(num_frames)]
        for pairs, distance in _near(hashes, rules):
            found.append((rows[pairs], distance))
    return np.concatenate([p for p, _ in found]), np.concatenate([d for _, d in found])


def _near(hashes: Hashes, rules: DedupRules) -> Iterator[Compared]:
    pairs = _all_pairs(len(hashes)) if len(hashes) <= _EXHAUSTIVE else _meeting_pairs(hashes)
    for start in range(0, len(pairs), _PAIRS_AT_ONCE):
        some = pairs[start : start + _PAIRS_AT_ONCE]
        distance = distances(hashes[some[:, 0]], hashes[some[:, 1]], rules.max_shift)
        near = distance <= rules.max_distance
        yield some[near], distance[near]


def _all_pairs(num_clips: int) -> Pairs:
    return np.stack(np.triu_indices(num_clips, 1), axis=1).astype(np.int64)


def _meeting_pairs(hashes: Hashes) -> Pairs:
    """Pairs of clips that agree in some random subset of some frame's bits."""
    num_clips, num_frames = hashes.shape
    flat = hashes.reshape(-1)
    num_bits = flat.size.bit_length()
    places = np.arange(flat.size, dtype=np.uint64)
    low = np.uint64((1 << num_bits) - 1)
    pictures = np.flatnonzero(flat != _FLAT)
    flat, places = flat[pictures], places[pictures]
    rng = np.random.default_rng(_SEED)
    found = []
    for _ in range(_NUM_SUBSETS):
        subset = rng.choice(64, size=num_bits, replace=False).astype(np.uint64)
        mask = np.bitwise_or.reduce(np.uint64(1) << subset)
        entries = (flat & mask) * _SPREAD & ~low | places
        entries.sort()
        found.append(_window(entries & ~low, (entries & low).astype(np.int64) // num_frames, num_clips))
    codes = np.sort(np.concatenate(found))
    codes = codes[np.diff(codes, prepend=-1) > 0]
    return np.stack([codes // num_clips, codes % num_clips], axis=1)


def _window(keys: NDArray[np.uint64], clips: NDArray[np.int64], num_clips: int) -> NDArray[np.int64]:
    """Codes (first clip * num_clips + second) of neighbours with the same key, keys being sorted."""
    found = []
    for step in range(1, _WINDOW + 1):
        same = np.flatnonzero(keys[step:] == keys[:-step])
        if not len(same):
            break
        a, b = clips[same], clips[same + step]
        differ = a != b
        low, high = np.minimum(a, b)[differ], np.maximum(a, b)[differ]
        found.append(low * num_clips + high)
    return np.concatenate(found) if found else np.empty(0, dtype=np.int64)


def _chained(values: Sequence[str]) -> Pairs:
    """Each row with the next one that has the same value: enough to connect them."""
    last: dict[str, int] = {}
    pairs = []
    for row, value in enumerate(values):
        if value in last:
            pairs.append((last[value], row))
        last[value] = row
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)
