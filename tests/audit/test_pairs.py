import pytest

from h2a_curation.audit.pairs import drawn_pairs
from tests.audit.small_audit import SmallAudit


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (("ok", "ok", "ok", "ok", "ok"), "taken"),
        (("ok", "ok", "ok", "duplicate"), "taken"),
        (("ok", "ok", "ok", "ok", "class_full"), "taken"),
        (("ok", "ok", "ok", "ok", "creator_cap"), "taken"),
        (("ok", "ok", "ok", "ok", "better_class"), "select: better_class"),
        (("ok", "ok", "low_margin"), "validate: low_margin"),
        (("ok", "still"), "screen_clip: still"),
        (("too_short",), "screen_post: too_short"),
        (("too_short", "ok", "ok", "ok", "ok"), "screen_post: too_short"),
        (("ok", "ok"), None),
        (("ok",), None),
    ],
)
def test_what_the_decision_says_of_what_a_clip_shows(tmp_path, verdicts, expected):
    audit = SmallAudit(tmp_path)
    audit.add("a", *verdicts)
    [pair] = drawn_pairs(audit.committed())
    assert (pair.verdict, pair.shows, pair.probability, pair.by_sight) == (expected, None, 0.1, False)


def test_only_drawn_posts_with_a_file_are_asked_about(tmp_path):
    audit = SmallAudit(tmp_path)
    audit.add("drawn", "ok", "ok", "ok", "ok", "ok")
    audit.add("other", "ok", "ok", "ok", "ok", "ok", probability=None)
    audit.add("gone", "ok", outcome="gone")
    audit.add("odd", "ok", "not_decodable", has_clip=False)
    found = {pair.post_id: pair.verdict for pair in drawn_pairs(audit.committed())}
    assert found == {"s:drawn": "taken", "s:odd": "screen_clip: not_decodable"}


def test_a_copy_s_verdict_is_that_of_its_clip_and_the_newest_label_counts(tmp_path):
    audit = SmallAudit(tmp_path)
    audit.add("first", "ok", "ok", "low_margin", probability=None)
    audit.add("copy", "ok", clip="first", ground="sight")
    audit.label("copy", True)
    [pair] = drawn_pairs(audit.committed())
    assert (pair.verdict, pair.shows, pair.by_sight) == ("validate: low_margin", True, True)
