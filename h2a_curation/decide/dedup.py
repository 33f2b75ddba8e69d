"""Find copies among valid clips: equal decoded frames, or perceptual hashes that differ in few bits.

The distance of two clips is the mean Hamming distance of their frames' hashes, at the best shift of one against the
other. Clips within `max_distance` are linked, and a connected component of links is one cluster (single linkage). The
clip that was seen first is its canonical member.

Up to `_EXHAUSTIVE` clips all pairs are compared. The 283,582 clips of the paper would have 40 thousand million pairs.
So above that, candidate pairs are found by locality-sensitive hashing, and each is compared in full. The family of
hashes is bit sampling (Indyk and Motwani, STOC 1998): two frames are a candidate if they agree in all of b randomly
chosen bits, in one of `_NUM_SUBSETS` choices. Two hashes that differ in d of 64 bits agree in b chosen ones with the
probability

    C(64 - d, b) / C(64, b), about (1 - d / 64)^b
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
"""[clip, frame] Perceptual hashes of 64 bits."""
Pairs = NDArray[np.int64]
"""[pair, 2] Rows of two clips."""
Compared = tuple[Pairs, NDArray[np.float64]]
"""Pairs, and the distance of each."""

_EXHAUSTIVE = 2048
"""Clips up to which all pairs are compared, which are 2 million: so no copy is missed in a small lake."""
_NUM_SUBSETS = 12
"""Random choices of bits. With 22 of 64 bits (the paper's number of clips) and 8 frames practically every copy at mean
distance 4 is met. At 8, the largest distance that counts, it is 92 % (by simulation) if each frame differs in 8 bits,
and more if frames differ unevenly."""
_WINDOW = 16
"""Neighbours with which an entry of a crowd of equal keys is compared: one title card under many clips would otherwise
compare all of these with each other. A guess."""
_PAIRS_AT_ONCE = 1 << 18
"""Pairs that are compared at once: 34 MB of hashes at 8 frames, whatever the number of clips."""
_FLAT = np.uint64(0)
"""The hash of a frame without a picture (h2a_curation/measure/perceptual_hash.py): black, a fade, a plain card."""
_SEED = 20
"""Seed of the random choices of bits: fixed, so that the same clips have the same copies. Any number will do."""
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4): 2^64 over the golden ratio, odd. A product with it
mixes all bits of a key into its high bits, so that the low ones are free to carry the entry's place."""
_UNRELATED_BITS = 32
"""Bits in which the hashes of two unrelated frames differ on average: half of 64."""
_MOST_SHIFT = 4
"""Largest shift that a recipe may ask for: half of the 8 frames, beyond which little of two clips is aligned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DedupRules:
    """When two clips count as copies of one clip."""

    max_distance: float = 8.0
    """Bits of 64 in which frames of copies differ at most, on average. PDQ's 31 of 256 is about this share. A larger
    number merges clips that only look alike."""
    max_shift: int = 1
    """Frames, of those hashed, by which a copy may start earlier or later and still be found."""

    def __post_init__(self) -> None:
        if not 0 <= self.max_distance < _UNRELATED_BITS:
            raise ValueError(f"dedup.max_distance is below 32, where unrelated hashes meet, not {self.max_distance}")
        if not 0 <= self.max_shift <= _MOST_SHIFT:
            raise ValueError(f"dedup.max_shift is from 0 to 4 frames, not {self.max_shift}")

    def named(self) -> list[Rule]:
        """The one rule of this stage: a member of a cluster that is not the canonical one is a duplicate.

        The value is its distance to the nearest copy.
        """
        return [Rule("duplicate", "CASE WHEN cluster_id <> clip_id THEN distance END", "<=", self.max_distance)]


VALID_SQL = """
    SELECT clip_id, frames_sha256, phash
    FROM (SELECT clip_id, min((round, coalesce(posted_at, 'infinity'::TIMESTAMPTZ), post_id)) AS first_seen
          FROM claim GROUP BY clip_id) JOIN fingerprint USING (clip_id)
    ORDER BY first_seen, clip_id
"""
"""Valid clips, each once, in the order in which they were first seen: a later copy never displaces an earlier clip."""


def dedup(query: Query, claim: pa.Table, rules: DedupRules, *, on: bool) -> tuple[pa.Table, pa.Table]:
    """Duplicate rows of the clips in `claim`, and one Verdict for each row of `claim` that has a fingerprint.

    If the stage is off, all clips are kept. Copies are found even then, since splits must not separate them.
    """
    duplicate = clusters(query(VALID_SQL, {"claim": claim}), rules)
    named, kept = (rules.named(), "ok") if on else ([], "off")
    source = "(FROM claim JOIN duplicate USING (clip_id))"
    sql = verdict_sql("dedup", "clip_id", named, fingerprint(rules), source=source, kept=kept)
    return duplicate, query(sql, {"claim": claim, "duplicate": duplicate})


def clusters(valid: pa.Table, rules: DedupRules) -> pa.Table:
    """Duplicate rows, one a clip; `valid`: clip_id, frames_sha256 and phash, the clip that was seen first on top."""
    pairs, distance = linked(valid, rules)
    num_clips = len(valid)
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(num_clips, num_clips))
    _, component = connected_components(graph, directed=False)
    # Rows come in the order of sight, so the first row of a component is the clip that was seen first.
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
    """[pair] Mean number of bits that differ over aligned frames, at the best shift; `left`, `right`: [pair, frame].

    Frames without a picture say nothing. If less than half of the aligned frames have a picture in both clips, the
    distance is infinite.
    """
    # Frames first: each step of the loop reads one frame of all pairs, which then lie side by side in memory.
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
    """All pairs of rows found within the distance, those with equal decoded frames at 0; `valid` as for `clusters`."""
    exact = _chained(valid["frames_sha256"].to_numpy())
    found = [(exact, np.zeros(len(exact)))]
    lists = valid["phash"].combine_chunks()
    lengths = lists.value_lengths().to_numpy()
    values, offsets = lists.flatten().to_numpy(), np.concatenate([[0], np.cumsum(lengths)])
    # Clips of different numbers of frames are not compared: their frames stand at different places of the clip.
    for num_frames in np.unique(lengths[lengths > 0]):
        rows = np.flatnonzero(lengths == num_frames)
        hashes = values[offsets[rows][:, None] + np.arange(num_frames)]
        for pairs, distance in _near(hashes, rules):
            found.append((rows[pairs], distance))
    return np.concatenate([p for p, _ in found]), np.concatenate([d for _, d in found])


def _near(hashes: Hashes, rules: DedupRules) -> Iterator[Compared]:
    """Pairs within the distance, block by block."""
    pairs = _all_pairs(len(hashes)) if len(hashes) <= _EXHAUSTIVE else _meeting_pairs(hashes)
    for start in range(0, len(pairs), _PAIRS_AT_ONCE):
        some = pairs[start : start + _PAIRS_AT_ONCE]
        distance = distances(hashes[some[:, 0]], hashes[some[:, 1]], rules.max_shift)
        near = distance <= rules.max_distance
        yield some[near], distance[near]


def _all_pairs(num_clips: int) -> Pairs:
    """Every pair of rows once."""
    return np.stack(np.triu_indices(num_clips, 1), axis=1).astype(np.int64)


def _meeting_pairs(hashes: Hashes) -> Pairs:
    """Pairs of clips of which some frame of one agrees with some frame of the other in a random choice of bits.

    Frames of any places are compared, so a shift costs nothing here.
    """
    num_clips, num_frames = hashes.shape
    flat = hashes.reshape(-1)
    # As many bits as it takes to number all frames. A key is then shared by about one unrelated frame, so the number of
    # candidates grows with the number of clips and not with its square. The same bits hold an entry's place.
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
        # Key and place in one number, so that a plain sort groups equal keys. Two keys may become one by the loss of
        # their low bits: that adds a candidate, which the comparison in full rejects.
        entries = (flat & mask) * _SPREAD & ~low | places
        entries.sort()
        found.append(_window(entries & ~low, (entries & low).astype(np.int64) // num_frames, num_clips))
    codes = np.sort(np.concatenate(found))
    codes = codes[np.diff(codes, prepend=-1) > 0]
    return np.stack([codes // num_clips, codes % num_clips], axis=1)


def _window(keys: NDArray[np.uint64], clips: NDArray[np.int64], num_clips: int) -> NDArray[np.int64]:
    """Codes (first clip * num_clips + second) of neighbours with the same key; `keys` are sorted."""
    # One number a pair, since numpy sorts and compares numbers faster than rows.
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
    """Pairs of each row with the next row of the same value, which is enough to connect all of these."""
    last: dict[str, int] = {}
    pairs = []
    for row, value in enumerate(values):
        if value in last:
            pairs.append((last[value], row))
        last[value] = row
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)
