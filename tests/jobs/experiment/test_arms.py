import pytest

from h2a_curation.jobs.experiment.arms import ARMS, CURATED, RAW, Claim, chosen, clips_of, hash_of, without_twins


def claims(*names: str) -> list[Claim]:
    return [Claim(clip_id=name, class_id="squat", post_id=f"post-{name}") for name in names]


POOLS = {
    CURATED: claims(*(f"c{n:02}" for n in range(20))),
    RAW: claims(*(f"c{n:02}" for n in range(20)), *(f"r{n:02}" for n in range(20))),
    "no-mining": claims("c00", "c01"),
    "no-screen": claims(),
    "no-validation": claims(*(f"c{n:02}" for n in range(20))),
}


@pytest.mark.parametrize(
    ("arm", "num", "of"),
    [
        ("curated", 20, CURATED),
        ("raw", 40, RAW),
        ("random", 20, RAW),
        ("curated-50", 10, CURATED),
        ("curated-25", 5, CURATED),
        ("curated-10", 2, CURATED),
        ("no-mining", 2, "no-mining"),
        ("scratch", 0, CURATED),
    ],
)
def test_an_arm_has_so_many_clips_of_its_pool(arm, num, of):
    found = clips_of(ARMS[arm], POOLS, seed=0)
    assert len({claim.clip_id for claim in found}) == num
    assert set(found) <= set(POOLS[of])


def test_only_what_is_drawn_follows_the_seed():
    differing = {name for name, arm in ARMS.items() if clips_of(arm, POOLS, 0) != clips_of(arm, POOLS, 1)}
    assert differing == {"random", "curated-50", "curated-25", "curated-10"}
    assert differing == {name for name, arm in ARMS.items() if arm.is_drawn}


def test_shares_of_one_seed_are_nested():
    tenth, quarter, half = (set(clips_of(ARMS[f"curated-{n}"], POOLS, 3)) for n in (10, 25, 50))
    assert tenth < quarter < half


def test_the_order_of_a_pool_decides_nothing():
    turned = {name: pool[::-1] for name, pool in POOLS.items()}
    assert all(clips_of(arm, POOLS, 1) == clips_of(arm, turned, 1) for arm in ARMS.values())
    assert hash_of(POOLS[RAW]) == hash_of(turned[RAW]) != hash_of(POOLS[CURATED])


def test_arms_with_the_same_clips_or_none_are_left_out_and_told():
    kept, notes = without_twins(chosen([]), POOLS)
    assert {"no-screen", "no-validation"} == ARMS.keys() - {arm.name for arm in kept}
    assert notes == [
        "arm no-screen is left out: no clip is in it",
        "arm no-validation is left out: it has the same 20 clips as curated",
    ]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["curated", "rawe"], "no arm 'rawe'; known: curated, scratch, raw"),
        (["curated"], "compared with curated: name it, and at least one other"),
        (["raw", "scratch"], "compared with curated"),
    ],
)
def test_what_is_no_choice_of_arms(names, says):
    with pytest.raises(ValueError, match=says):
        chosen(names)
