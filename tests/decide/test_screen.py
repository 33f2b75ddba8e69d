from dataclasses import fields, replace
from datetime import timedelta

import pytest

import schemas
from h2a_curation.decide.decision import DecideRules, Stages, screen_posts
from h2a_curation.decide.rules import Rule
from h2a_curation.decide.screen import ClipRules, PostRules
from tests import factories
from tests.decide.small_lake import CLASSES, SmallLake, open_query, verdict


def screened(rules: PostRules | None = None, on: bool = True, **changed):
    query = open_query({"post": [factories.post(**changed)], "hit": [factories.hit()]})
    decide = DecideRules(post=rules or PostRules(), stages=Stages(screen=on))
    [v] = screen_posts(query, decide, CLASSES)["verdict"].to_pylist()
    return v


POSTS = [
    ({}, {}, "ok"),
    ({}, {"duration_s": 2.1}, "too_short"),
    ({}, {"duration_s": 2.2}, "ok"),
    ({}, {"duration_s": None}, "ok"),
    ({}, {"duration_s": 61.0}, "too_long"),
    ({"max_age_days": 365}, {"posted_at": factories.DAY - timedelta(days=366)}, "too_old"),
    ({"max_age_days": 365}, {"posted_at": factories.DAY - timedelta(days=365)}, "ok"),
    ({"max_age_days": 365}, {"posted_at": None}, "ok"),
    ({}, {"posted_at": factories.DAY - timedelta(days=9999)}, "ok"),
    ({}, {"width_px": 239}, "too_small"),
    ({}, {"width_px": 239, "duration_s": 61.0}, "too_long"),
    ({}, {"hashtags": ["x"] * 31}, "tag_spam"),
    ({}, {"num_views": 0}, "ok"),
    ({}, {"sensitive": True, "duration_s": 61.0}, "sensitive"),
    ({}, {"sensitive": False}, "ok"),
    ({}, {"sensitive": None}, "ok"),
    ({"sensitive": False}, {"sensitive": True}, "ok"),
    ({}, {"licence": "CC-BY-ND"}, "ok"),
    ({"licences": ("CC-BY", "it's free")}, {"licence": "it's free"}, "ok"),
    ({"licences": ("CC-BY", "CC0")}, {"licence": "CC-BY-ND"}, "licence"),
    ({"licences": ("CC-BY", "CC0")}, {"licence": None}, "licence"),
    ({"min_num_views": 1}, {"num_views": 0}, "too_few_views"),
    ({"min_num_views": 1}, {"num_views": None}, "ok"),
]
"""Rules other than the defaults, what is changed of a post that they keep, and the reason that it then gets."""


@pytest.mark.parametrize(("rules", "changed", "reason"), POSTS)
def test_first_failing_post_rule_is_the_reason(rules, changed, reason):
    v = screened(PostRules(**rules), **changed)
    assert (v["stage"], v["keep"], v["reason"]) == ("screen_post", reason == "ok", reason)


def test_a_rejection_says_what_was_compared_with_what():
    v = screened(duration_s=61.0)
    assert (v["value"], v["threshold"]) == (61.0, 60.0)


def test_a_recipe_adds_a_rule_of_its_own():
    rules = PostRules(extra=(Rule("no_likes", "num_likes", "<", 10, "unknown_likes"),))
    assert screened(rules)["reason"] == "no_likes"
    assert screened(rules, num_likes=None)["reason"] == "unknown_likes"
    assert screened(rules, num_likes=10)["reason"] == "ok"


def test_switched_off_everything_passes_and_says_so():
    v = screened(on=False, duration_s=1.0)
    assert (v["keep"], v["reason"]) == (True, "off")


def clip_verdict(rules: ClipRules | None = None, **changed):
    lake = SmallLake()
    lake.add("a", **changed)
    decided = lake.decide(DecideRules(clip=rules or ClipRules()))
    [v] = [v for v in decided["verdict"].to_pylist() if v["stage"] == "screen_clip"]
    return v


CLIPS = [
    ({}, {}, "ok"),
    ({}, {"probe_decoded_s": 1.9, "probe_declared_s": 1.9}, "too_short"),
    ({}, {"probe_decoded_s": 61.0, "probe_declared_s": 61.0}, "too_long"),
    ({}, {"probe_decoded_s": 2.5}, "duration_mismatch"),
    ({}, {"probe_declared_s": None}, "ok"),
    ({}, {"probe_declared_s": 0.0}, "ok"),
    ({}, {"clip_start_s": 2.5}, "scene_too_short"),
    ({}, {"clip_start_s": 1.9}, "ok"),
    ({}, {"probe_height_px": 120}, "too_small"),
    ({}, {"probe_fps": 5.0}, "low_fps"),
    ({}, {"signals": {"motion": 0.18}}, "still"),  # a page with a drawing
    ({}, {"signals": {"motion": 0.31}}, "ok"),  # a plank
    ({}, {"signals": {"black": 0.9}}, "black"),
    ({}, {"signals": {"person": 1.0}}, "no_person"),
    ({}, {"signals": {"person": 2.0}}, "ok"),
]
"""Rules other than the defaults, what is changed of a clip that they keep, and the reason that it then gets."""


@pytest.mark.parametrize(("rules", "changed", "reason"), CLIPS)
def test_first_failing_clip_rule_is_the_reason(rules, changed, reason):
    v = clip_verdict(ClipRules(**rules), **changed)
    assert (v["subject_id"], v["keep"], v["reason"]) == ("c-a", reason == "ok", reason)


@pytest.mark.parametrize(("rules", "table"), [(PostRules(licences=("CC0",)), POSTS), (ClipRules(), CLIPS)])
def test_every_rule_has_a_row_in_its_table(rules, table):
    elsewhere = {"hdr", "not_decodable", "not_measured"}  # they are of no post's or file's own columns: below
    assert {rule.reason for rule in rules.named()} - elsewhere == {reason for *_, reason in table} - {"ok"}


@pytest.mark.parametrize("rules", [PostRules(), ClipRules()])
def test_every_rule_says_what_it_blames(rules):
    assert [rule.reason for rule in rules.named() if rule.blames is None] == []


@pytest.mark.parametrize(("rules", "table"), [(PostRules, POSTS), (ClipRules, CLIPS)])
def test_every_limit_may_be_off_and_then_rejects_nobody(rules, table):
    limits = [f.name for f in fields(rules) if f.name.startswith(("min_", "max_"))]
    switches = [f.name for f in fields(rules) if isinstance(f.default, bool)]
    off = rules(**dict.fromkeys(limits), **dict.fromkeys(switches, False))
    assert [rule.reason for rule in off.named() if rule.threshold is not None] in (
        [],
        ["hdr", "not_decodable", "not_measured"],
    )
    judge = screened if rules is PostRules else clip_verdict
    changed = {key: value for _, changed, reason in table if reason != "ok" for key, value in changed.items()}
    assert judge(off, **changed)["reason"] == "ok"


def test_age_is_counted_from_the_day_on_which_a_post_was_first_seen():
    old = {"posted_at": factories.DAY, "seen_at": factories.DAY + timedelta(days=3, hours=12)}
    v = screened(PostRules(max_age_days=3), **old)
    assert (v["reason"], v["value"], v["threshold"]) == ("too_old", 3.5, 3.0)
    assert screened(PostRules(max_age_days=4), **old)["reason"] == "ok"


@pytest.mark.parametrize("mode", ["record", "off"])
def test_a_signal_that_does_not_decide_rejects_nobody(mode):
    rules = ClipRules(person=mode, motion=mode, black=mode)
    assert clip_verdict(rules, signals={"person": 0.0, "motion": 0.0, "black": 1.0})["reason"] == "ok"


@pytest.mark.parametrize(("must_show", "keep"), [("person", False), ("hands", True), ("nothing", True)])
def test_only_a_class_that_must_show_a_person_loses_clips_without_one(must_show, keep):
    lake = SmallLake()
    lake.add("a", signals={"person": 0.0})
    classes = [replace(c, must_show=must_show) if c.id == "deadlift" else c for c in CLASSES]
    v = verdict(lake.decide(classes=classes), "c-a")
    assert (v["keep"], v["reason"]) == (keep, "ok" if keep else "no_person")


def test_rules_of_a_recipe_may_ask_what_a_class_must_show():
    hands = Rule("no_hands", "CASE WHEN must_show = 'hands' THEN signals['hand'] END", "<", 2)
    lake = SmallLake()
    lake.add("a", signals={"person": 0.0, "hand": 1.0})
    classes = [replace(c, must_show="hands") for c in CLASSES]
    decided = lake.decide(DecideRules(clip=ClipRules(extra=(hands,))), classes=classes)
    assert verdict(decided, "c-a")["reason"] == "no_hands"


def test_an_absent_signal_passes():
    lake = SmallLake()
    lake.add("a")
    lake.rows["sighting"] = []
    assert verdict(lake.decide(), "c-a")["keep"]


def test_any_signal_can_be_named_in_a_rule():
    rules = ClipRules(extra=(Rule("text_card", "signals['text_area']", ">", 0.3),))
    assert clip_verdict(rules, signals={"text_area": 0.4})["reason"] == "text_card"
    assert clip_verdict(rules)["reason"] == "ok"


@pytest.mark.parametrize(
    "changed",
    [
        {"probe_outcome": "truncated", "probe_decoded_s": None},
        {"clip_outcome": "undecodable", "clip_clip_id": None},
    ],
)
@pytest.mark.parametrize("on", [True, False])
def test_a_file_that_does_not_decode_never_becomes_a_clip_and_stands_under_its_media_id(changed, on):
    lake = SmallLake()
    lake.add("a", **changed)
    decided = lake.decide(DecideRules(stages=Stages(screen=on)))
    subject = changed.get("clip_clip_id", "c-a") or "m-a"
    v = verdict(decided, subject)
    assert (v["stage"], v["keep"], v["reason"]) == ("screen_clip", False, "not_decodable")
    assert decided["selection"].num_rows == 0


@pytest.mark.parametrize("on", [True, False])
def test_a_file_that_this_machine_cannot_tone_map_is_left_out_as_hdr(on):
    lake = SmallLake()
    lake.add("a", clip_outcome="hdr", clip_clip_id=None)
    v = verdict(lake.decide(DecideRules(stages=Stages(screen=on))), "m-a")
    assert (v["stage"], v["keep"], v["reason"]) == ("screen_clip", False, "hdr")


def test_colours_of_a_file_can_be_named_in_a_rule():
    rules = ClipRules(extra=(Rule("deep", "bit_depth", ">", 8),))
    assert clip_verdict(rules, probe_bit_depth=10)["reason"] == "deep"
    assert clip_verdict(rules)["reason"] == "ok"


@pytest.mark.parametrize("on", [True, False])
def test_a_clip_that_could_not_be_measured_is_left_out(on):
    lake = SmallLake()
    lake.add("a")
    lake.rows["failure"] = [schemas.Failure(clip_id="c-a", model="m", outcome="unexpected", detail="IndexError")]
    v = verdict(lake.decide(DecideRules(stages=Stages(screen=on))), "c-a")
    assert (v["stage"], v["keep"], v["reason"]) == ("screen_clip", False, "not_measured")


@pytest.mark.parametrize("missing", ["media", "probe", "clip"])
def test_what_is_not_measured_yet_is_undecided(missing):
    lake = SmallLake()
    lake.add("a")
    lake.rows[missing] = []
    assert {v["stage"] for v in lake.decide()["verdict"].to_pylist()} == {"screen_post"}
