import pytest

from h2a_curation.sources.politeness.opt_out import MARKS, OptOuts
from tests import factories

POST = factories.post("tiktok:73", url="https://www.tiktok.com/@_/video/73", creator="Jane.Doe")
PSEUDONYMS = {"Jane.Doe": "9f3c", "jane.doe": "77aa", "@jawed": "51ee", "UCx": "c0de"}


def pseudonym(name):
    return PSEUDONYMS.get(name, "none")


@pytest.mark.parametrize(
    "entry",
    [
        "tiktok:73", "73", "https://www.tiktok.com/@_/video/73", "https://tiktok.com/@jane.doe/video/73?lang=en",
        "https://m.tiktok.com/@jane.doe/video/73", "tiktok.com/@jane.doe/video/73", "HTTPS://WWW.TikTok.com/@x/video/73/#a",
        "Jane.Doe", "@jane.doe", "@JANE.DOE", "https://www.tiktok.com/@jane.doe", "https://www.tiktok.com/@jane.doe/",
        "tiktok.com/@Jane.Doe?lang=de", "https://www.tiktok.com/@jane.doe/videos",
        "tiktok.com", "https://www.tiktok.com/", "www.tiktok.com", "https://tiktok.com?lang=en",
    ],
)  # fmt: skip
def test_a_post_its_creator_and_its_host_are_named_in_many_ways(entry):
    assert OptOuts([entry]).reason(POST)


@pytest.mark.parametrize(
    "entry",
    [
        "tiktok:7", "7", "jane", "https://www.tiktok.com/@jane", "other:73", "https://www.tiktok.com/@jane.doe/video/7",
        "tok.com", "com", "https://com/", "video", "https://www.youtube.com/watch?v=73", "@_", "https://www.tiktok.com/@_",
        "_", "tiktok.com.example.org",
    ],
)  # fmt: skip
def test_others_are_not_meant(entry):
    assert not OptOuts([entry]).reason(POST)


@pytest.mark.parametrize(
    "url",
    [
        "https://youtube.com/watch?v=a1", "https://www.youtube.com/watch?list=x&v=a1&t=5s", "https://youtu.be/a1?si=zz",
        "https://m.youtube.com/shorts/a1", "https://www.youtube-nocookie.com/embed/a1", "youtube.com/live/a1",
    ],
)  # fmt: skip
def test_a_video_of_youtube_is_one_however_it_is_spelt(url):
    listed = OptOuts([url])
    for spelt in ("https://www.youtube.com/watch?v=a1", "https://youtu.be/a1", "https://www.youtube.com/shorts/a1"):
        assert listed.reason(factories.post(url=spelt)), spelt
    assert not listed.reason(factories.post(url="https://youtube.com/watch?v=b2"))


@pytest.mark.parametrize(
    ("entry", "url", "is_meant"),
    [
        ("https://example.org/play?id=5", "https://example.org/play?id=5&utm_source=mail", True),
        ("https://example.org/play?id=5", "https://example.org/play?id=6", False),
        ("https://example.org/v/5?ref=mail", "https://example.org/v/5", True),
        ("https://example.org/v/5", "http://www.example.org/v/5/?quality=hd", True),
        ("https://s3.example.org/5.mp4?sig=a", "https://s3.example.org/5.mp4?sig=b", True),
        ("https://example.org/v/5", "https://example.org/v/55", False),
        ("https://example.org/v/5", "https://example.com/v/5", False),
        ("https://example.org:8080/v/5", "https://example.org:8080/v/5", True),
        ("https://example.org/v/%C3%A9t%C3%A9", "https://example.org/v/e\u0301te\u0301", True),
        ("/data/Clip 1.mp4", "/data/Clip 1.mp4", True),
        ("file:///data/Clip%201.mp4", "/data/Clip 1.mp4", True),
    ],
)
def test_of_an_address_counts_what_names_the_post(entry, url, is_meant):
    assert bool(OptOuts([entry]).reason(factories.post(url=url))) is is_meant


@pytest.mark.parametrize(
    ("host", "is_meant"),
    [
        ("example.org", True), ("www.example.org", True), ("cdn.eu.example.org:8443", True), ("user@example.org", True),
        ("notexample.org", False), ("example.org.evil.net", False), ("org", False), ("example.com", False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("entry", ["example.org", "https://example.org/", "https://www.example.org", "EXAMPLE.org"])
def test_a_host_is_meant_with_all_that_lies_under_it(entry, host, is_meant):
    post = factories.post(url=f"https://{host}/clips/1.mp4")
    assert OptOuts([entry]).reason(post) == ("the host is on the opt-out list" if is_meant else "")


@pytest.mark.parametrize("entry", ["m.co", "https://m.co/x", "www.co"])
def test_a_short_host_is_no_label_in_front_of_a_whole_country(entry):
    assert not OptOuts([entry]).reason(factories.post(url="https://shop.co/clips/1.mp4"))


def test_a_name_with_a_dot_is_a_creator_and_a_host_and_with_an_at_a_creator_alone():
    by_name, on_host = factories.post(creator="Some.One"), factories.post(url="https://clips.some.one/1.mp4")
    both, creator = OptOuts(["some.one"]), OptOuts(["@some.one"])
    assert (bool(both.reason(by_name)), bool(both.reason(on_host))) == (True, True)
    assert (bool(creator.reason(by_name)), bool(creator.reason(on_host))) == (True, False)


@pytest.mark.parametrize(
    "url",
    [
        "https://www.tiktok.com/@Jane.Doe/video/73", "https://social.example/@jane.doe/1234",
        "https://www.youtube.com/%40jane.doe/shorts/zz", "https://www.instagram.com/jane.doe/reel/abc",
        "https://x.com/Jane.Doe/status/73",
    ],
)  # fmt: skip
def test_the_name_in_a_posts_own_address_counts_where_no_creator_is_known(url):
    assert OptOuts(["jane.doe"]).reason(factories.post(url=url, creator=None)) == "the creator is on the opt-out list"
    assert not OptOuts(["jane"]).reason(factories.post(url=url, creator=None))


@pytest.mark.parametrize(
    ("entry", "creator"),
    [
        ("@Jane.Doe", "9f3c"), ("Jane.Doe", "77aa"), ("https://www.tiktok.com/@Jane.Doe", "9f3c"),
        ("jawed", "51ee"), ("https://www.youtube.com/@Jawed/shorts", "51ee"),
        ("https://www.youtube.com/channel/UCx", "c0de"), ("9F3C", "9f3c"),
    ],
)  # fmt: skip
def test_a_creator_is_known_in_rows_too(entry, creator):
    listed = OptOuts([entry], pseudonym=pseudonym)
    assert listed.reason(factories.post(creator=creator)) == "the creator is on the opt-out list"
    assert not listed.reason(factories.post(creator="0000"))


@pytest.mark.parametrize("mark", sorted(MARKS))
def test_a_mark_on_the_post_counts_unless_the_user_answers_for_it(mark):
    marked = factories.post(hashtags=["squat", mark])
    assert OptOuts().reason(marked) == f"marked #{mark}"
    assert not OptOuts(by_marks=False).reason(marked)


@pytest.mark.parametrize("num_posts", [1, 3000])
def test_few_rows_and_many_are_told_apart_alike(num_posts):
    posts = [factories.post(f"s:{n}", creator=None if n % 2 else f"c{n}", hashtags=[]) for n in range(num_posts)]
    found = OptOuts(["c0", "s:2999", "nobody"]).reasons(posts)
    assert {post.post_id for post, reason in zip(posts, found, strict=True) if reason} == {"s:0", f"s:{num_posts - 1}"}


def test_a_list_is_a_file_with_comments(tmp_path):
    (tmp_path / "list.txt").write_text("\ufeff# by mail, 3 May\n\n  tiktok:73  # her post\n", encoding="utf-8")
    listed = OptOuts.read([tmp_path / "list.txt"], by_marks=True)
    assert listed.reason(POST)
    assert not listed.reason(factories.post(caption="by mail, 3 May"))


def test_a_byte_order_mark_does_not_hide_the_first_entry(tmp_path):
    (tmp_path / "list.txt").write_text("jane.doe\n", encoding="utf-8-sig")
    assert OptOuts.read([tmp_path / "list.txt"], by_marks=True).reason(POST)


def test_a_list_that_is_not_there_is_no_empty_list(tmp_path):
    with pytest.raises(ValueError, match=r"none.txt: the opt-out list cannot be read .*mend it, or leave it out"):
        OptOuts.read([tmp_path / "none.txt"], by_marks=True)


def test_a_line_that_names_nobody_is_a_mistake(tmp_path):
    (tmp_path / "list.txt").write_text("jane\n@\n")
    with pytest.raises(ValueError, match=r"list.txt:2: '@' names no creator, post or host: mend the line"):
        OptOuts.read([tmp_path / "list.txt"], by_marks=True)
