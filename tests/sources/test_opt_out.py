import pytest

from h2a_curation.sources.opt_out import MARKS, OptOuts
from tests import factories

POST = factories.post("tiktok:73", url="https://www.tiktok.com/@_/video/73", creator="Jane.Doe")


@pytest.mark.parametrize(
    "entry",
    [
        "tiktok:73", "73", "https://www.tiktok.com/@_/video/73", "https://tiktok.com/@jane.doe/video/73?lang=en",
        "Jane.Doe", "@jane.doe", "https://www.tiktok.com/@jane.doe", "https://www.tiktok.com/@jane.doe/",
    ],
)  # fmt: skip
def test_a_post_or_its_creator_is_named_in_many_ways(entry):
    assert OptOuts([entry]).reason(POST)


@pytest.mark.parametrize("entry", ["tiktok:7", "7", "jane", "https://www.tiktok.com/@jane", "other:73"])
def test_others_are_not_meant(entry):
    assert not OptOuts([entry]).reason(POST)


def test_videos_of_youtube_are_told_apart():
    listed = OptOuts(["https://www.youtube.com/watch?v=a1"])
    assert listed.reason(factories.post(url="https://youtube.com/watch?v=a1"))
    assert not listed.reason(factories.post(url="https://youtube.com/watch?v=b2"))


def test_a_creator_is_known_in_rows_too():
    pseudonym = {"Jane.Doe": "9f3c", "jane.doe": "77aa"}.get
    listed = OptOuts(["@Jane.Doe"], pseudonym=lambda name: pseudonym(name, "none"))
    assert listed.reason(factories.post(creator="9f3c")) == "the creator is on the opt-out list"
    assert not listed.reason(factories.post(creator="0000"))


@pytest.mark.parametrize("mark", sorted(MARKS))
def test_a_mark_on_the_post_counts_unless_the_user_answers_for_it(mark):
    marked = factories.post(hashtags=["squat", mark])
    assert OptOuts().reason(marked) == f"marked #{mark}"
    assert not OptOuts(by_marks=False).reason(marked)


def test_a_list_is_a_file_with_comments(tmp_path):
    (tmp_path / "list.txt").write_text("# by mail, 3 May\n\n  tiktok:73  \n")
    assert OptOuts.read(tmp_path / "list.txt", by_marks=True, pseudonym=None).reason(POST)


def test_a_list_that_is_not_there_is_no_empty_list(tmp_path):
    with pytest.raises(ValueError, match=r"none.txt: the opt-out list cannot be read .*mend it, or leave it out"):
        OptOuts.read(tmp_path / "none.txt", by_marks=True, pseudonym=None)
