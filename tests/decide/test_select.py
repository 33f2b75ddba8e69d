from collections import defaultdict

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from h2a_curation.decide.decision import DecideRules
from h2a_curation.decide.select import SelectRules, splits
from h2a_curation.decide.validate import ValidateRules
from tests.decide.small_lake import SmallLake

CREATORS = st.one_of(st.none(), st.integers(0, 15).map(lambda i: f"by-{i}"))
CLIPS = st.lists(st.tuples(CREATORS, st.integers(0, 40).map(lambda i: f"c-{i}")), max_size=60)


@given(CLIPS, st.integers(0, 3))
def test_no_creator_and_no_cluster_stands_in_two_splits(clips, seed):
    split = splits([c for c, _ in clips], [k for _, k in clips], SelectRules(seed=seed, val_share=0.3, test_share=0.3))
    where = defaultdict(set)
    for (creator, cluster), s in zip(clips, split, strict=True):
        where["cluster", cluster].add(s)
        if creator is not None:
            where["creator", creator].add(s)
    assert all(len(s) == 1 for s in where.values())


@given(CLIPS, st.integers(0, 30))
@example([(None, "c-2"), (None, "c-23"), ("by-1", "c-0")], 2)  # by their hashes, all three would be `val`
def test_no_split_is_empty_where_three_can_be_told_apart(clips, seed):
    split = splits([c for c, _ in clips], [k for _, k in clips], SelectRules(seed=seed, val_share=0.3, test_share=0.3))
    apart = splits([c for c, _ in clips], [k for _, k in clips], SelectRules(seed=seed, val_share=0, test_share=0))
    assert set(apart) <= {"train"}
    if len({cluster for _, cluster in clips}) >= 3 and all(creator is None for creator, _ in clips):
        assert set(split) == {"train", "val", "test"}


@given(st.lists(CREATORS, max_size=40), st.lists(st.integers(16, 30).map(lambda i: f"by-{i}"), max_size=40))
def test_clips_of_new_creators_move_nobody(before, more):
    """In a lake that has all splits by hash; a smaller one fills an empty split first."""
    fixed = [f"by-x{i}" for i in range(12)]
    creators = [*fixed, *before]
    rules = SelectRules(val_share=0.4, test_share=0.3)
    first = splits(creators, [f"c-{i}" for i in range(len(creators))], rules)
    later = splits([*creators, *more], [f"c-{i}" for i in range(len(creators) + len(more))], rules)
    assert later[: len(first)] == first


def test_shares_are_those_of_creators():
    creators = [f"by-{i}" for i in range(4000)]
    split = splits(creators, creators, SelectRules(val_share=0.1, test_share=0.2))
    assert split.count("val") == pytest.approx(400, abs=60)
    assert split.count("test") == pytest.approx(800, abs=90)


@pytest.mark.parametrize("num", [3, 4, 10])
def test_a_small_lake_has_all_three_splits(num):
    creators = [f"by-{i}" for i in range(num)]
    for seed in range(20):
        assert set(splits(creators, creators, SelectRules(seed=seed))) == {"train", "val", "test"}


def test_a_share_of_zero_is_an_absent_split():
    creators = [f"by-{i}" for i in range(50)]
    assert set(splits(creators, creators, SelectRules(val_share=0, test_share=0))) == {"train"}
    assert set(splits(creators, creators, SelectRules(val_share=0))) == {"train", "test"}


def reasons(lake: SmallLake, rules: DecideRules) -> dict[str, str]:
    rows = lake.decide(rules)["verdict"].to_pylist()
    return {f"{v['class_id']} {v['subject_id']}": v["reason"] for v in rows if v["stage"] == "select"}


def test_what_came_first_fills_a_class():
    lake = SmallLake()
    for i, name in enumerate(["c", "a", "b"]):
        lake.add(name, round_=i)
    selected = reasons(lake, DecideRules(select=SelectRules(max_clips_per_class=2)))
    assert selected == {"deadlift c-c": "ok", "deadlift c-a": "ok", "deadlift c-b": "class_full"}


def test_a_creator_over_the_cap_leaves_room_for_others():
    lake = SmallLake()
    for i in range(3):
        lake.add(f"{i}", round_=i, post_creator="loud")
    lake.add("other", round_=9)
    lake.add("unknown", round_=10, post_creator=None)
    selected = reasons(lake, DecideRules(select=SelectRules(max_clips_per_creator=1, max_clips_per_class=3)))
    assert selected == {
        "deadlift c-0": "ok", "deadlift c-1": "creator_cap", "deadlift c-2": "creator_cap",
        "deadlift c-other": "ok", "deadlift c-unknown": "ok",
    }  # fmt: skip


def test_a_clip_stays_in_its_best_class_only():
    lake = SmallLake()
    shows = ["squat", "squat", "squat", "deadlift", "deadlift"]
    lake.add("a", shows=shows, post_hashtags=["deadlift", "squat"])
    lenient = ValidateRules(min_sibling_margin=-0.3, min_agreement=0.3, min_probability=0.3)
    one = reasons(lake, DecideRules(validate=lenient))
    assert one == {"deadlift c-a": "better_class", "squat c-a": "ok"}
    both = reasons(lake, DecideRules(validate=lenient, select=SelectRules(one_class=False)))
    assert both == {"deadlift c-a": "ok", "squat c-a": "ok"}


def test_where_scores_only_record_the_better_ground_wins():
    lake = SmallLake()
    lake.add("a", shows="deadlift", post_hashtags=["squat", "power"])
    lake.claim("power", "deadlift")
    assert reasons(lake, DecideRules(validate=ValidateRules(mode="record"))) == {
        "deadlift c-a": "better_class", "squat c-a": "ok",
    }  # fmt: skip


@pytest.mark.parametrize(
    "bad", [{"max_clips_per_class": 0}, {"val_share": 0.6, "test_share": 0.4}, {"val_share": -0.1}]
)
def test_impossible_rules_are_refused(bad):
    with pytest.raises(ValueError, match="SelectRules"):
        SelectRules(**bad)
