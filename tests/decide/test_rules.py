import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2a_curation.decide.rules import Rule, fingerprint, verdict_sql
from h2a_curation.decide.screen import ClipRules, PostRules

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


@settings(max_examples=50)
@given(st.dictionaries(st.text(max_size=5), st.none() | st.booleans() | st.floats(allow_nan=False), max_size=5))
def test_a_fingerprint_does_not_depend_on_the_order_of_keys(content):
    assert fingerprint(content) == fingerprint(dict(reversed(content.items())))


@pytest.mark.parametrize("bad", [{"min_duration_s": 70.0}, {"min_duration_s": 0.0}, {"max_hashtags": 0}])
def test_impossible_rules_are_refused(bad):
    with pytest.raises(ValueError, match="PostRules"):
        PostRules(**bad)


def test_an_unknown_mode_is_refused_by_name():
    with pytest.raises(ValueError, match=r"clip.person is one of decide, record, off, not 'maybe'"):
        ClipRules(person="maybe")  # type: ignore[arg-type]
