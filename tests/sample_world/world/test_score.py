"""Precision and recall against a small truth."""

import json

import pytest

from h2a_curation.sample_world.world.score import score


def post(wanted=None, cluster=None, **changed):
    facts = {"shows": wanted, "role": "right", "defects": [], "listed_under": ["fyp"]}
    return {"wanted": wanted, "cluster": cluster, **facts, **changed}


@pytest.fixture
def truth_file(tmp_path):
    posts = {
        "a": post("squat", "a"),
        "b": post("squat", "a", role="copy", defects=["exact_copy"]),
        "c": post("surfing", "c"),
        "d": post(None, "d", shows="surfing", defects=["too_long"]),
        "e": post("surfing", "e", defects=["wrong_class"]),
    }
    file = tmp_path / "truth.json"
    file.write_text(json.dumps({"posts": posts}))
    return file


@pytest.mark.parametrize(
    ("kept", "precision", "recall", "why"),
    [
        ([("a", "squat"), ("c", "surfing"), ("e", "surfing")], 1.0, 1.0, []),
        ([("ytdlp:a", "squat"), ("site:x:c", "surfing")], 1.0, 2 / 3, []),
        ([("b", "squat")], 1.0, 1 / 3, []),
        ([("a", "squat"), ("b", "squat")], 0.5, 1 / 3, ["a copy of a is kept already"]),
        ([("a", "squat"), ("a", "squat")], 0.5, 1 / 3, ["a copy of a is kept already"]),
        ([("e", "squat")], 0.0, 0.0, ["shows surfing"]),
        ([("d", "surfing")], 0.0, 0.0, ["too_long"]),
        ([("z", "squat")], 0.0, 0.0, ["no such post in this world"]),
        ([], 0.0, 0.0, []),
    ],
)
def test_a_kept_pair_is_right_if_it_is_wanted_and_the_first_of_its_cluster(truth_file, kept, precision, recall, why):
    result = score(truth_file, kept)
    assert (result.precision, result.recall, result.num_kept) == (precision, pytest.approx(recall), len(kept))
    assert result.num_wanted == 3
    assert [reason for _, _, reason in result.wrong] == why


def test_what_was_missed_says_where_it_was_to_be_found(truth_file):
    missed = score(truth_file, [("a", "squat"), ("c", "surfing")]).missed
    assert missed == [("e", "surfing", "right; wrong_class; under fyp")]
