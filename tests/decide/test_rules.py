from dataclasses import replace

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2a_curation import recipes
from h2a_curation.decide.decision import DecideRules
from h2a_curation.decide.minor import MinorWords
from h2a_curation.decide.rules import Rule, fingerprint, verdict_sql
from h2a_curation.decide.screen import ClipRules, PostRules
from h2a_curation.decide.validate import ValidateRules

RULES = [
    Rule("low", "size", "<", 2.0),
    Rule("high", "size", ">", 5.0),
    Rule("odd", "size + weight", ">=", 9.0, "unknown_weight"),
]


def verdicts(rows: list[dict[str, float | None]], rules: list[Rule] = RULES) -> list[dict[str, object]]:
    table = pa.table({name: pa.array([r[name] for r in rows], pa.float64()) for name in ("size", "weight")})
    subject = table.append_column("clip_id", pa.array([f"c{i}" for i in range(len(rows))]))
    connection = duckdb.connect()
    connection.register("candidate", subject.append_column("class_id", pa.array(["k"] * len(rows))))
    return connection.sql(verdict_sql("test", "clip_id", rules, "f")).to_arrow_table().to_pylist()


@pytest.mark.parametrize(
    ("size", "weight", "reason", "value", "threshold"),
    [
        (3, 1, "ok", None, None),
        (2, 1, "ok", None, None),
        (1.5, 1, "low", 1.5, 2),
        (6, None, "high", 6, 5),
        (3, None, "unknown_weight", None, None),
        (4, 5, "odd", 9, 9),
        (None, 1, "unknown_weight", None, None),
    ],
)
def test_first_failing_rule_is_the_reason(size, weight, reason, value, threshold):
    [v] = verdicts([{"size": size, "weight": weight}])
    assert (v["keep"], v["reason"], v["value"], v["threshold"]) == (reason == "ok", reason, value, threshold)


def test_a_rule_without_a_threshold_takes_no_part():
    off = [replace(rule, threshold=None) for rule in RULES]
    [v] = verdicts([{"size": 1.5, "weight": None}], off)
    assert (v["keep"], v["reason"], v["value"], v["threshold"]) == (True, "ok", None, None)
    assert verdicts([{"size": 6, "weight": 9}], [off[1], RULES[2]])[0]["reason"] == "odd"


def test_without_rules_all_are_kept():
    assert [v["keep"] for v in verdicts([{"size": 1, "weight": 1}] * 3, [])] == [True] * 3


@pytest.mark.parametrize(
    "value",
    [
        "",
        "size; DROP TABLE post",
        "size) OR (1 = 1",
        "(size",
        "size -- all of them",
        "size /* all */",
        "(SELECT max(size) FROM candidate)",
        "size, 'open",
    ],
)
def test_what_is_not_one_expression_is_refused(value):
    with pytest.raises(ValueError, match="rule 'mine': `value` must be one SQL expression"):
        Rule("mine", value, "<", 1)


@pytest.mark.parametrize(
    "value",
    ["num_likes / nullif(num_views, 0)", "CASE caption WHEN 'a;--' THEN 1 END", "len(list_filter([1], x -> x > 0))"],
)
def test_expressions_are_taken_as_they_are(value):
    assert Rule("mine", value, "<", 1).value == value


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"reason": "Too Long"}, "lower case"),
        ({"reason": "off"}, "kept"),
        ({"fails": "is"}, "one of <"),
        ({"threshold": "2"}, "a number"),
        ({"blames": "tag"}, "one of spam, subject, post"),
        ({"unknown": "it's"}, "lower case"),
    ],
)
def test_a_malformed_rule_says_what_is_wrong(changed, message):
    with pytest.raises(ValueError, match=message):
        Rule(**{"reason": "mine", "value": "size", "fails": "<", "threshold": 1.0, **changed})


def test_a_fingerprint_changes_with_any_threshold_and_nothing_else():
    assert fingerprint(PostRules()) == fingerprint(PostRules())
    assert fingerprint(PostRules(min_duration_s=2.3)) != fingerprint(PostRules())
    assert fingerprint(PostRules(extra=(RULES[0],))) != fingerprint(PostRules())
    assert fingerprint(PostRules(minor=True)) != fingerprint(PostRules())


def test_a_rule_that_came_later_and_is_off_leaves_earlier_decisions_their_fingerprint():
    assert fingerprint(PostRules()) == "9f81836483e765a0"  # as of the first lakes


@pytest.mark.parametrize(
    ("off", "before"),
    [
        (PostRules(min_num_views=None), PostRules(min_num_views=0)),
        (PostRules(min_short_side_px=None), PostRules(min_short_side_px=0)),
        (ClipRules(min_fps=None), ClipRules(min_fps=0.0)),
        (ClipRules(min_scene_s=None), ClipRules(min_scene_s=0.0)),
        (ClipRules(min_person_frames=None), ClipRules(person="off")),
        (ClipRules(min_motion=None), ClipRules(motion="off")),
        (ClipRules(max_black=None), ClipRules(black="off")),
        (ClipRules(person="off", min_person_frames=5), ClipRules(person="off")),
        (ClipRules(motion="record", min_motion=9.0), ClipRules(motion="record")),
        (PostRules(minor_words=MinorWords(words={"en": ("kid",)})), PostRules()),
        (PostRules(max_age_days=None), PostRules()),
        (PostRules(extra=(Rule("mine", "num_likes", "<", None),)), PostRules()),
    ],
)
def test_a_rule_that_is_off_is_in_no_fingerprint_however_it_is_switched_off(off, before):
    assert fingerprint(off) == fingerprint(before)


@pytest.mark.parametrize(
    "on",
    [PostRules(max_age_days=365), PostRules(min_num_views=1), ClipRules(min_motion=0.4), PostRules(max_hashtags=None)],
)
def test_a_rule_that_rejects_others_has_another_fingerprint(on):
    assert fingerprint(on) != fingerprint(type(on)())


def test_what_a_rule_blames_changes_no_verdict_and_no_fingerprint():
    rules = [PostRules(extra=(Rule("mine", "num_likes", "<", 1, blames=blames),)) for blames in (None, "spam")]
    assert fingerprint(rules[0]) == fingerprint(rules[1])


@pytest.mark.parametrize(
    ("recipe", "post", "clip"),
    [
        ("sample", "8ee50275ed605744", "a441865fd48724d1"),
        ("sample-mini", "84018f9b72e439ff", "e2613149a7144ed9"),
        ("table", "4ee1c5e24047bb09", "40156c3822d46058"),
        ("clips", "5e8e4d5590629668", "508b8fccf0e2f91e"),
    ],
)
def test_recipes_that_ship_keep_the_fingerprints_of_their_first_decisions(recipe, post, clip):
    decide = recipes.load(recipe).decide
    assert (fingerprint(decide.post), fingerprint(decide.clip)) == (post, clip)


@pytest.mark.parametrize(
    ("rules", "reason", "blamed"),
    [
        (DecideRules(), "too_long", "post"),
        (DecideRules(), "tag_spam", "spam"),
        (DecideRules(), "other_class", "subject"),
        (DecideRules(), "no_person", "subject"),
        (DecideRules(post=PostRules(extra=(Rule("mine", "num_likes", "<", 1, "unliked"),))), "unliked", "post"),
        (DecideRules(post=PostRules(extra=(Rule("mine", "num_likes", "<", 1, blames="spam"),))), "mine", "spam"),
        (DecideRules(validate=ValidateRules(extra=(Rule("mine", "margin", "<", 1),))), "mine", "subject"),
        (DecideRules(clip=ClipRules(extra=(Rule("mine", "fps", "<", 1),))), "mine", "post"),
        (DecideRules(), "removed", None),
        (DecideRules(), "ok", None),
    ],
)
def test_a_reason_says_what_it_blames(rules, reason, blamed):
    assert rules.blames().get(reason) == blamed


@settings(max_examples=50)
@given(st.dictionaries(st.text(max_size=5), st.none() | st.booleans() | st.floats(allow_nan=False), max_size=5))
def test_a_fingerprint_does_not_depend_on_the_order_of_keys(content):
    assert fingerprint(content) == fingerprint(dict(reversed(content.items())))


@pytest.mark.parametrize(
    "bad", [{"min_duration_s": 70.0}, {"min_duration_s": 0.0}, {"max_hashtags": 0}, {"max_age_days": 0}]
)
def test_impossible_rules_are_refused(bad):
    with pytest.raises(ValueError, match="PostRules"):
        PostRules(**bad)


def test_an_unknown_mode_is_refused_by_name():
    with pytest.raises(ValueError, match=r"clip.person is one of decide, record, off, not 'maybe'"):
        ClipRules(person="maybe")  # type: ignore[arg-type]
