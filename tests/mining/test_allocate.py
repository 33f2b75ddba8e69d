from dataclasses import replace
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2a_curation.mining.allocate import NO_QUOTA, MineRules, plan
from h2a_curation.mining.arms import Arm, Arms
from h2a_curation.mining.expected_yield import BeliefRules, Prior, beliefs, pooled
from h2a_curation.mining.propose_tags import LearnRules
from tests.mining.tag_world import Miner, TagWorld, uniform

RULES = MineRules(num_rounds=4, pages_per_round=6, max_pages_per_arm=3)
SHORT = {"a": 100, "b": 100, "full": 0}
WANTED = np.array([100.0])
"""Of the one class that most arms here speak for."""


def arm(tag: str, **changed) -> Arm:
    valid = Arm(
        source="s", tag=tag, class_ids=("a",), origin="seed", rank=0, num_bytes=0, new_by_page=(), judged_by_page=(),
        valid_by_page=(), useful_by_page=(), shown_by_page=(), round_by_page=(), num_valid_once=0, num_tagged=0,
        num_tagged_judged=0, tagged_valid_by_class=(0,), num_views=None, is_dry=False, next_cursor="",
    )  # fmt: skip
    return replace(valid, **changed)


def mined(tag: str, new, valid, **changed) -> Arm:
    useful = {"valid_by_page": valid, "useful_by_page": valid, "shown_by_page": valid}
    useful["round_by_page"] = tuple(range(len(new)))
    if "class_ids" in changed:
        useful["tagged_valid_by_class"] = (0,) * len(changed["class_ids"])
    return arm(tag, **{"new_by_page": new, "judged_by_page": new, "next_cursor": "n"} | useful | changed)


def granted(arms, round_no=1, seed=0, rules=RULES, short=SHORT, **known) -> dict[str, tuple[int, str]]:
    return {a.tag: (a.num_pages, a.reason) for a in plan(Arms.of(arms), rules, round_no, seed, short, **known)}


def mean_of(one: Arm, prior: Prior) -> float:
    return float(beliefs(Arms.of([one]), prior, BeliefRules(), WANTED).mean[0])


def shown_by(arms: list[Arm], wanted=None) -> Prior:
    return pooled(Arms.of(arms), BeliefRules(), WANTED if wanted is None else wanted)


def test_the_first_round_asks_every_seed_once_the_best_of_each_class_first():
    arms = [arm(f"{c}{rank}", class_ids=(c,), rank=rank) for c in "ab" for rank in range(4)]
    assert list(granted(arms, round_no=0).values()) == [(1, "seed")] * 6
    assert set(granted(arms, round_no=0)) == {"a0", "a1", "a2", "b0", "b1", "b2"}


def test_more_pages_go_to_what_yields_more():
    arms = [mined("good", (9,), (8,)), mined("poor", (9,), (1,)), mined("none", (9,), (0,))]
    pages = granted(arms, rules=replace(RULES, pages_per_round=4))
    assert pages["good"][0] > pages["poor"][0] >= pages.get("none", (0, ""))[0]


def test_what_idle_rounds_left_is_not_spent_in_one_night():
    arms, many, per_round = [mined(f"t{n}", (9,), (9,)) for n in range(12)], {"a": 10**6}, RULES.pages_per_round
    rules = replace(RULES, max_pages_per_arm=99)
    pages = {r: sum(num for num, _ in granted(arms, r, rules=rules, short=many).values()) for r in (2, 3, 36)}
    assert pages == {2: per_round, 3: 2 * per_round, 36: 6 * per_round}


def test_a_listing_whose_novelty_falls_is_left():
    arms = [mined("falling", (9, 2, 0), (9, 2, 0)), mined("steady", (6, 6, 6), (6, 6, 6))]
    pages = granted(arms, rules=replace(RULES, pages_per_round=5))
    assert pages.get("falling", (0, ""))[0] < pages["steady"][0]


@pytest.mark.parametrize(
    "changed",
    [{"is_dry": True, "next_cursor": None}, {"class_ids": ("full",)}, {"class_ids": ()}, {"class_ids": ("?",)}],
)
def test_dry_arms_and_full_classes_get_nothing(changed):
    assert list(granted([mined("good", (9,), (9,)), mined("x", (9,), (9,), **changed)])) == ["good"]


def test_learnt_tags_start_on_probation():
    learnt = [
        arm(f"l{i}", origin="learnt", num_tagged=2, num_tagged_judged=2, tagged_valid_by_class=(2,)) for i in range(3)
    ]
    pages = granted([mined("seed", (9,), (9,)), *learnt])
    assert {tag: pages[tag] for tag in ("l0", "l1", "l2")} == {f"l{i}": (1, "probation") for i in range(3)}
    assert pages["seed"][1] == "yield"


def test_probation_leaves_pages_for_what_is_known_to_yield():
    learnt = [arm(f"l{i:02}", origin="learnt", num_tagged=2) for i in range(40)]
    known = [mined("seed", (9,), (9,)), mined("poor", (9,), (0,))]
    assert "seed" in granted([*known, *learnt], rules=replace(RULES, probation_share=0.5))


def test_a_tag_that_nobody_carries_waits():
    known = mined("known", (9, 9), (9, 9))
    carried = arm("carried", rank=1, num_tagged=3, num_tagged_judged=3, tagged_valid_by_class=(3,))
    assert set(granted([known, arm("unheard", rank=1), carried])) == {"known", "carried"}


def test_pages_that_a_round_left_are_there_in_the_next():
    arms = [mined("x", (9,), (9,)), *(arm(f"y{i}", num_tagged=5, tagged_valid_by_class=(5,)) for i in range(30))]
    assert sum(n for n, _ in granted(arms, round_no=2).values()) == 3 * 6 - 1
    spent = mined("x", (9,) * 18, (9,) * 18)
    assert granted([spent], round_no=2) == {}


def test_a_class_that_wants_little_gets_little():
    one = mined("one", (9,), (9,), class_ids=("b",))
    arms = [mined("many", (9,), (9,)), one]
    pages = granted(arms, rules=replace(RULES, pages_per_round=3), short={"a": 100, "b": 1})
    assert pages["many"][0] > pages["one"][0]


def test_an_arm_that_is_left_out_gets_nothing():
    arms = [mined("good", (9,), (9,)), mined("paused", (9,), (9,))]
    assert set(granted(arms, left_out={("s", "paused")})) == {"good"}


def test_a_class_whose_clips_people_found_wrong_comes_later():
    arms = [mined("trusted", (9,), (6,)), mined("doubted", (9,), (6,), class_ids=("b",))]
    pages = granted(arms, rules=replace(RULES, pages_per_round=3), reliability={"b": 0.4})
    assert pages["trusted"][0] > pages.get("doubted", (0, ""))[0]


def test_bytes_count_as_far_as_the_recipe_says():
    arms = [mined("light", (9,), (6,), num_bytes=2**20), mined("heavy", (9,), (6,), num_bytes=2**31)]
    few = replace(RULES, pages_per_round=2)
    assert granted(arms, rules=few) == {"light": (1, "yield"), "heavy": (1, "yield")}
    assert granted(arms, rules=replace(few, cost_per_gib=5.0)) == {"light": (2, "yield")}


def test_a_floor_serves_every_class_and_a_cap_holds_the_greatest_back():
    arms = [mined(f"a{i}", (9,), (9,)) for i in range(6)] + [mined("b0", (9,), (1,), class_ids=("b",))]
    few = replace(RULES, pages_per_round=6, balance=0.0)
    assert "b0" not in granted(arms, rules=replace(few, pages_per_round=5))
    assert "b0" in granted(arms, rules=replace(few, pages_per_round=5, floor_pages=1))
    capped = granted(arms, rules=replace(few, cap_share=0.5, pages_per_round=8))
    assert sum(n for tag, (n, _) in capped.items() if tag.startswith("a")) == 5  # of ten


def test_near_the_end_a_class_that_can_be_filled_is_finished():
    arms = [mined("nearly", (9,) * 3, (8,) * 3), mined("far", (9,) * 3, (9,) * 3, class_ids=("b",))]
    rules, short = replace(RULES, pages_per_round=3, balance=0.0), {"a": 9, "b": 500}

    def first(rules: MineRules, short: dict[str, int]) -> str:
        return next(iter(granted(arms, round_no=3, rules=rules, short=short)))

    assert first(rules, short) == "nearly"
    assert first(replace(rules, finish=0.0), short) == "far"
    assert first(rules, {"a": 400, "b": 500}) == "far"  # neither can be


def test_a_class_that_has_less_goes_first_only_where_there_are_quotas():
    arms = [mined("much", (9, 9), (9, 9)), mined("little", (9,), (5,), class_ids=("b",))]

    def first(wanted: int) -> str:
        return next(
            iter(granted(arms, rules=replace(RULES, balance=1.0, finish=0.0), short=dict.fromkeys("ab", wanted)))
        )

    assert (first(500), first(NO_QUOTA)) == ("little", "much")


def test_clips_of_a_tag_of_two_classes_are_expected_where_its_posts_were():
    two = mined("two", (9,), (9,), class_ids=("a", "b"), tagged_valid_by_class=(0, 90))
    few = replace(RULES, max_pages_per_arm=9, pages_per_round=9)
    assert granted([two], rules=few, short={"a": 99, "b": 99})["two"][0] > 4
    assert granted([two], rules=few, short={"a": 99, "b": 3})["two"][0] <= 2


def test_a_tag_is_not_believed_in_for_a_class_that_is_full():
    tagged = arm("x", class_ids=("a", "b"), num_tagged=40, num_tagged_judged=40, tagged_valid_by_class=(1, 39))
    means = [beliefs(Arms.of([tagged]), Prior(), BeliefRules(), np.array([9.0, w])).mean[0] for w in (9, 0)]
    assert means[1] < 0.7 * means[0]


def test_first_pages_of_late_rounds_say_what_the_next_will_yield():
    def tried(i: int, round_no: int, useful: int) -> Arm:
        return replace(mined(f"x{i}", (20,), (useful,)), round_by_page=(round_no,))

    early, late = [tried(i, 0, 12) for i in range(30)], [tried(30 + i, 9, 1) for i in range(30)]
    share = [p.base + p.slope * p.acceptance for p in (shown_by(early), shown_by(early + late))]
    assert share[0] > 0.5 > 0.25 > share[1]


def test_what_an_arm_yielded_before_its_class_was_found_by_others_is_not_expected_again():
    old = mined("old", (9,), (8,))
    others = [replace(mined(f"x{i}", (9,), (1,)), shown_by_page=(9,), round_by_page=(5,)) for i in range(9)]
    alone = [replace(other, shown_by_page=(1,)) for other in others]
    found, fresh = (beliefs(Arms.of([old, *a]), Prior(), BeliefRules(), WANTED).mean[0] for a in (others, alone))
    assert found < 0.75 * fresh


def test_a_learnt_tag_below_the_floor_of_views_stays_on_probation():
    arms = [mined(tag, (9,), (9,), origin="learnt", num_views=n) for tag, n in (("seen", 9), ("small", 2), ("?", None))]
    pages = granted(arms, rules=replace(RULES, min_tag_views=5, pages_per_round=7))
    assert pages["small"] == (1, "probation")
    assert min(pages["seen"][0], pages["?"][0]) > 1


arms_strategy = st.lists(
    st.builds(
        lambda tag, new, learnt, dry: mined(
            tag, tuple(new), tuple(n // 2 for n in new), origin="learnt" if learnt else "seed", is_dry=dry
        ),
        st.text(min_size=1),
        st.lists(st.integers(0, 10), max_size=5),
        st.booleans(),
        st.booleans(),
    ),
    unique_by=lambda a: a.tag,
    max_size=12,
)


@settings(deadline=None)  # a busy machine is no fault
@given(arms_strategy, st.integers(0, 3), st.integers(0, 5))
def test_a_plan_keeps_the_budget_and_depends_on_rows_alone(arms, round_no, seed):
    allocations = plan(Arms.of(arms), RULES, round_no, seed, SHORT)
    assert allocations == plan(Arms.of(arms[::-1]), RULES, round_no, seed, SHORT)
    assert len({a.tag for a in allocations}) == len(allocations)
    assert all(1 <= a.num_pages <= RULES.max_pages_per_arm for a in allocations)
    spent = sum(a.num_pages for a in arms)
    assert sum(a.num_pages for a in allocations) <= max(0, RULES.pages_per_round * (round_no + 1) - spent)


def test_arms_of_which_the_same_is_known_take_turns():
    arms = [arm(f"x{i}") for i in range(30)]
    assert set(granted(arms, round_no=0, seed=0)) != set(granted(arms, round_no=0, seed=1))


def test_an_arm_without_pages_is_believed_to_be_like_others():
    prior = Prior(new_posts=8.0, acceptance=0.5, base=0.0, slope=1.0)
    untried = beliefs(Arms.of([arm("x", num_tagged=100)]), prior, BeliefRules(), WANTED)
    assert untried.mean[0] == pytest.approx(4.0, rel=0.02)
    assert untried.hope[0] > untried.mean[0]


def test_what_carries_a_tag_tells_of_its_listing():
    means = [
        mean_of(arm("x", num_tagged=9, num_tagged_judged=9, tagged_valid_by_class=(v,)), Prior()) for v in (0, 4, 9)
    ]
    assert means == sorted(means)


def test_the_prior_is_what_all_arms_show():
    shown = shown_by([mined(f"x{i}", (8, 4), (2, 1)) for i in range(200)])
    assert (shown.new_posts, shown.decline, shown.acceptance) == pytest.approx((8, 0.5, 0.25), abs=0.1)


def test_how_much_posts_elsewhere_tell_is_learnt_from_tags_of_which_both_are_known():
    def tried(i: int) -> Arm:
        elsewhere, own = 20 * (i % 5), 4 * (i % 5)
        both = {"num_tagged": 120, "num_tagged_judged": 120, "tagged_valid_by_class": (elsewhere + own,)}
        return mined(f"x{i}", (20,), (own,), **both)

    like_own = shown_by([tried(i) for i in range(50)])
    assert (like_own.base, like_own.slope) == pytest.approx((0, 1), abs=0.1)
    halved = [replace(tried(i), useful_by_page=(tried(i).useful_by_page[0] // 2,)) for i in range(50)]
    assert shown_by(halved).slope < 0.7
    uneven = [replace(a, useful_by_page=(20 * (n % 2),)) for n, a in enumerate(halved)]
    assert like_own.num_judged > shown_by(uneven).num_judged


@pytest.mark.parametrize(
    "changed",
    [{"num_rounds": 0}, {"pages_per_round": 0}, {"probation_share": 1.1}, {"discount": 0.0}, {"prior_posts": 0.0},
     {"min_belief": -1.0}],
)  # fmt: skip
def test_impossible_rules(changed):
    with pytest.raises(ValueError, match="must"):
        MineRules(**changed)


def recall(seed: int, planner, learn_rules) -> float:
    world = TagWorld(seed, num_classes=12, num_right=120, num_noise=240)
    rules = MineRules(num_rounds=4, pages_per_round=int(0.3 * world.num_pages / 4))
    return Miner(world, rules, planner=planner, learn_rules=learn_rules, max_files=200).run(seed).recall


def test_on_the_same_pages_learning_and_planning_each_beat_asking_seeds_in_turn():
    seeds = (20, 21, 22)
    in_turn = fmean(recall(seed, uniform, None) for seed in seeds)
    learnt = fmean(recall(seed, uniform, LearnRules()) for seed in seeds)
    planned = fmean(recall(seed, plan, LearnRules()) for seed in seeds)
    assert planned > 1.2 * in_turn
    assert planned > learnt > in_turn


def test_a_run_is_the_same_every_time():
    world = TagWorld(5, num_classes=10, num_right=60, num_noise=60)
    runs = [
        Miner(world, MineRules(num_rounds=3, pages_per_round=10), learn_rules=LearnRules()).run(seed=3)
        for _ in range(2)
    ]
    assert runs[0].allocations == runs[1].allocations
    assert (runs[0].claims, runs[0].judged) == (runs[1].claims, runs[1].judged)
