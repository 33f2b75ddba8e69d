import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2a_curation.decide import dedup as module
from h2a_curation.decide.decision import DecideRules, Stages
from h2a_curation.decide.dedup import DedupRules, clusters, distances
from tests.decide.small_lake import SmallLake, verdict

NUM_FRAMES = 8


def originals(rng: np.random.Generator, num: int) -> np.ndarray:
    return rng.integers(0, 2**64, size=(num, NUM_FRAMES), dtype=np.uint64)


def flipped(rng: np.random.Generator, hashes: np.ndarray, num_bits: int) -> np.ndarray:
    """Each hash with exactly so many bits changed."""
    masks = [sum(1 << int(b) for b in rng.choice(64, size=num_bits, replace=False)) for _ in range(hashes.size)]
    return hashes ^ np.array(masks, dtype=np.uint64).reshape(hashes.shape)


def shifted(rng: np.random.Generator, hashes: np.ndarray, shift: int) -> np.ndarray:
    """The same clips, cut some frames later or earlier."""
    moved = np.roll(hashes, -shift, axis=1)
    fresh = originals(rng, len(hashes))
    edge = slice(NUM_FRAMES - shift, None) if shift > 0 else slice(0, -shift)
    moved[:, edge] = fresh[:, edge]
    return moved


def found(hashes: np.ndarray, shas: list[str] | None = None, rules: DedupRules | None = None) -> dict[str, str]:
    """Clip to canonical clip; clips are named by their rows and first seen in that order."""
    names = [f"c{i:06d}" for i in range(len(hashes))]
    table = pa.table({
        "clip_id": names,
        "frames_sha256": shas or names,
        "phash": pa.array(list(hashes), pa.list_(pa.uint64())),
    })  # fmt: skip
    rows = clusters(table, rules or DedupRules()).to_pylist()
    assert [r["clip_id"] for r in rows] == names
    return {r["clip_id"]: r["cluster_id"] for r in rows}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 8), st.sampled_from([-1, 0, 1]))
def test_copies_are_found_and_others_are_not(seed, num_bits, shift):
    rng = np.random.default_rng(seed)
    first = originals(rng, 20)
    copies = flipped(rng, shifted(rng, first, shift) if shift else first, num_bits)
    cluster = found(np.concatenate([first, copies]))
    assert [cluster[f"c{i + 20:06d}"] for i in range(20)] == [f"c{i:06d}" for i in range(20)]
    assert len(set(cluster.values())) == 20


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False))
def test_clusters_do_not_depend_on_the_order_of_rows(random):
    rng = np.random.default_rng(5)
    first = originals(rng, 12)
    hashes = np.concatenate([first, flipped(rng, first[:6], 3), flipped(rng, first[:3], 5)])
    order = list(range(len(hashes)))
    random.shuffle(order)

    def members(clusters, names):
        heads = set(clusters.values())
        return {frozenset(names[int(c[1:])] for c in clusters if clusters[c] == head) for head in heads}

    assert members(found(hashes[order]), order) == members(found(hashes), list(range(len(hashes))))


@pytest.mark.parametrize(("num_bits", "at_least"), [(0, 1.0), (4, 0.999), (6, 0.98), (8, 0.85)])
def test_many_clips_are_not_compared_each_with_each_and_copies_are_still_found(monkeypatch, num_bits, at_least):
    rng = np.random.default_rng(3)
    first = originals(rng, 3000)
    monkeypatch.setattr(module, "_all_pairs", None)
    cluster = found(np.concatenate([first, flipped(rng, first[:1000], num_bits)]))
    hit = [cluster[f"c{i + 3000:06d}"] == f"c{i:06d}" for i in range(1000)]
    assert np.mean(hit) >= at_least
    assert all(cluster[f"c{i:06d}"] == f"c{i:06d}" for i in range(3000))


def test_a_crowd_of_equal_frames_costs_little_and_joins_nobody_but_copies(monkeypatch):
    rng = np.random.default_rng(4)
    hashes = originals(rng, 5000)
    hashes[:, 0] = 7
    assert len(module._meeting_pairs(hashes)) < 5000 * module._WINDOW * 4
    assert len(set(found(hashes).values())) == 5000


def test_equal_frames_are_copies_whatever_their_hashes():
    rng = np.random.default_rng(6)
    assert found(originals(rng, 3), ["x", "y", "x"]) == {
        "c000000": "c000000",
        "c000001": "c000001",
        "c000002": "c000000",
    }


def test_clips_of_other_numbers_of_frames_are_compared_among_themselves():
    hashes = [
        np.array([1, 2], np.uint64),
        np.array([1, 2, 3], np.uint64),
        np.array([1, 2], np.uint64),
        np.array([], np.uint64),
    ]
    assert list(found(hashes).values()) == ["c000000", "c000001", "c000000", "c000003"]


def test_no_clips_no_clusters():
    assert found([]) == {}


def test_the_distance_is_the_mean_over_aligned_frames():
    left = np.array([[0b10, 0b111]], np.uint64)
    right = np.array([[0b11, 0b100]], np.uint64)
    assert distances(left, right, 0) == pytest.approx([1.5])
    assert distances(left, right, 1) == pytest.approx([1.0])


@pytest.mark.parametrize(
    ("left", "right", "distance"),
    [
        ([0, 0, 3, 5], [0, 9, 3, 4], 0.5),
        ([0, 0, 0, 5], [0, 9, 3, 5], np.inf),
        ([0, 0, 0, 0], [0, 0, 0, 0], np.inf),
    ],
)
def test_frames_without_a_picture_tell_nothing(left, right, distance):
    assert distances(np.array([left], np.uint64), np.array([right], np.uint64), 0) == pytest.approx([distance])


def test_black_clips_are_no_copies_of_each_other():
    assert len(set(found(np.zeros((3, NUM_FRAMES), np.uint64)).values())) == 3


def test_the_copy_that_came_first_stays_and_the_other_says_how_near_it_is():
    lake = SmallLake()
    lake.add("b", round_=0)
    lake.add("a", round_=1, copy_of="b")
    assert verdict(lake.decide(), "c-b")["keep"]
    v = verdict(lake.decide(), "c-a")
    assert (v["stage"], v["keep"], v["reason"], v["value"], v["threshold"]) == ("dedup", False, "duplicate", 0.0, 8.0)


def test_a_copy_that_is_not_valid_itself_replaces_nobody():
    lake = SmallLake()
    lake.add("a", shows="slides")
    lake.add("b", round_=1, copy_of="a")
    assert lake.decide()["selection"]["clip_id"].to_pylist() == ["c-b"]


def test_switched_off_copies_are_kept_and_share_a_split():
    lake = SmallLake()
    for i in range(30):
        lake.add(f"{i}")
        lake.add(f"{i}-again", copy_of=f"{i}", round_=1)
    tables = lake.decide(DecideRules(stages=Stages(dedup=False)))
    split = {s["clip_id"]: s["split"] for s in tables["selection"].to_pylist()}
    assert len(split) == 60
    assert len(set(split.values())) == 3
    assert all(split[f"c-{i}"] == split[f"c-{i}-again"] for i in range(30))


def test_a_valid_clip_without_a_fingerprint_is_undecided():
    lake = SmallLake()
    lake.add("a")
    lake.rows["fingerprint"] = []
    assert verdict(lake.decide(), "c-a")["stage"] == "validate"


@pytest.mark.parametrize("bad", [{"max_distance": 32}, {"max_distance": -1}, {"max_shift": 5}])
def test_impossible_rules_are_refused(bad):
    with pytest.raises(ValueError, match="dedup"):
        DedupRules(**bad)
