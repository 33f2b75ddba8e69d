from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from h2a_curation.acquire.errors import ErrorKind, FetchError, Policy
from h2a_curation.foundation import yaml_file
from h2a_curation.sources.tiktok_research.api import ERRORS, Credentials
from h2a_curation.sources.tiktok_research.rules import TikTokResearchRules
from h2a_curation.sources.tiktok_research.source import TikTokResearch
from tests import factories
from tests.sources.platform import context
from tests.sources.tiktok_site import KEY, SECRET, error, serving_tiktok, video

DAY = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Clock:
    def __init__(self):
        self.now = DAY

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def tiktok(clock):
    with serving_tiktok(now=clock) as site:
        site.videos = [video(i, DAY - timedelta(days=i)) for i in range(50)]
        yield site


def source(site, clock, **changed):
    """Rules by their names in a recipe, and what the build gives."""
    credentials = changed.pop("credentials", Credentials(KEY, SECRET))
    said = {"clock": clock, "environment": environment(credentials, site.url), "timeout_s": 2.0} | changed
    given = context(said)
    return TikTokResearch(rules({"min_interval_s": 0.0, "num_windows": 2} | said), given)


def environment(credentials, address):
    return {
        "TIKTOK_CLIENT_KEY": credentials.key,
        "TIKTOK_CLIENT_SECRET": credentials.secret,
        "H2A_TIKTOK_BASE_URL": address,
    }


OF_ALL = ("name", "page_size", "min_interval_s", "max_per_host")


def rules(said):
    own = {key: value for key, value in said.items() if key not in OF_ALL}
    return yaml_file.check({key: said[key] for key in OF_ALL if key in said} | {"settings": own}, TikTokResearchRules)


def listed(source, tag="squat"):
    cursor, pages = "", []
    while cursor is not None:
        pages.append(source.search(tag, cursor))
        cursor = pages[-1].next_cursor
        assert len(pages) < 30
    return pages


def queries(site):
    return [asked for what, asked in site.asked if what == "query"]


def failing(source, cursor=""):
    with pytest.raises(FetchError) as caught:
        source.search("squat", cursor)
    return caught.value


def test_a_video_becomes_a_post(tiktok, clock):
    post = source(tiktok, clock).search("squat", "").posts[0]
    assert post == factories.post(
        post_id="tiktok:7300000000000000000",
        source="tiktok",
        url="https://www.tiktok.com/@_/video/7300000000000000000",
        creator="jane.doe",
        caption="leg day #Squat",
        hashtags=["squat", "legday"],
        posted_at=DAY,
        language=None,
        duration_s=14.0,
        width_px=None,
        height_px=None,
        num_views=1000,
        num_likes=10,
        seen_at=DAY,
    )


def test_a_query_says_what_the_documentation_asks_for(tiktok, clock):
    source(tiktok, clock, regions=["US", "DE"], video_lengths=["SHORT"]).search("squat", "")
    [query] = queries(tiktok)
    assert query == {
        "query": {
            "and": [
                {"operation": "EQ", "field_name": "hashtag_name", "field_values": ["squat"]},
                {"operation": "IN", "field_name": "region_code", "field_values": ["US", "DE"]},
                {"operation": "IN", "field_name": "video_length", "field_values": ["SHORT"]},
            ]
        },
        "start_date": "20260401",
        "end_date": "20260501",
        "max_count": 100,
        "cursor": 0,
    }


def test_regions_are_asked_for(tiktok, clock):
    tiktok.videos[3]["region_code"] = "DE"
    pages = listed(source(tiktok, clock, regions=["DE"]))
    assert [post.post_id[-1] for page in pages for post in page.posts] == ["3"]


def test_a_listing_goes_back_window_by_window_and_page_by_page(tiktok, clock):
    pages = listed(source(tiktok, clock, page_size=15, num_windows=3))
    assert len({post.post_id for page in pages for post in page.posts}) == 50
    asked = [(q["end_date"], q["cursor"], "search_id" in q) for q in queries(tiktok)]
    assert asked == [
        ("20260501", 0, False), ("20260501", 15, True), ("20260501", 30, True), ("20260401", 0, False),
        ("20260401", 15, True), ("20260302", 0, False),
    ]  # fmt: skip


def test_the_first_day_may_be_set(tiktok, clock):
    source(tiktok, clock, until="2026-03-15").search("squat", "")
    assert queries(tiktok)[0]["end_date"] == "20260315"


def test_one_token_serves_for_two_hours_and_all_threads(tiktok, clock):
    made = source(tiktok, clock)
    with ThreadPoolExecutor(4) as threads:
        pages = list(threads.map(lambda _: made.search("squat", ""), range(8)))
    assert [what for what, _ in tiktok.asked].count("token") == 1
    assert sum(page.cost.num_requests for page in pages) == 9


def test_a_token_that_ended_is_renewed_on_the_way(tiktok, clock):
    made = source(tiktok, clock)
    made.search("squat", "")
    tiktok.tokens.clear()
    page = made.search("squat", "")
    assert (page.cost.num_requests, len(page.posts)) == (3, 31)


def test_a_token_is_not_used_beyond_its_time(tiktok, clock):
    made = source(tiktok, clock)
    now_s = [0.0]
    made._api._now_s = lambda: now_s[0]
    for now_s[0], num_tokens in ((0.0, 1), (7000.0, 1), (7100.0, 2)):
        made.search("squat", "")
        assert [what for what, _ in tiktok.asked].count("token") == num_tokens


def test_a_token_that_is_refused_twice_stops_the_lane(tiktok, clock):
    tiktok.answers = [error(401, "access_token_invalid", "no")] * 2
    failed = failing(source(tiktok, clock))
    assert (failed.kind, failed.policy) == (ErrorKind.CREDENTIALS, Policy.STOP)
    assert len(queries(tiktok)) == 2


def test_credentials_come_from_the_environment(monkeypatch):
    monkeypatch.delenv("TIKTOK_CLIENT_KEY", raising=False)
    monkeypatch.setenv("TIKTOK_CLIENT_SECRET", SECRET)
    with pytest.raises(ValueError, match=r"\$TIKTOK_CLIENT_KEY is not set: take both from") as caught:
        TikTokResearch(TikTokResearchRules(), context({}))
    assert SECRET not in str(caught.value)
    monkeypatch.setenv("TIKTOK_CLIENT_KEY", KEY)
    assert Credentials.of() == Credentials(KEY, SECRET)
    assert repr(Credentials.of()) == "Credentials()"


def test_no_secret_stands_in_an_error(tiktok, clock, tmp_path):
    failed = failing(source(tiktok, clock, credentials=Credentials("a-wrong-key", "a-wrong-secret")))
    assert failed.kind is ErrorKind.CREDENTIALS
    assert "invalid_client: key ***" in str(failed)
    tiktok.answers = [error(400, "invalid_params", "clt.0 may not do this")]
    failed = failing(source(tiktok, clock, state=tmp_path))
    assert "clt.0" not in str(failed)
    kept = "".join(file.read_text() for file in tmp_path.iterdir() if file.is_file())
    assert KEY not in kept
    assert SECRET not in kept


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (error(400, "invalid_params", "hashtag_name is too long"), ErrorKind.GONE),
        (error(400, "scope_permission_missed", "no"), ErrorKind.CREDENTIALS),
        (error(401, "scope_not_authorized", "no"), ErrorKind.CREDENTIALS),
        (error(403, "", ""), ErrorKind.CREDENTIALS),
        (error(404, "", ""), ErrorKind.EXTRACTOR_BROKEN),
        (error(429, "rate_limit_exceeded", "slower"), ErrorKind.RATE_LIMITED),
        (error(429, "daily_quota_limit_exceeded", "enough"), ErrorKind.QUOTA),
        (error(500, "internal_error", "oops"), ErrorKind.SERVER_ERROR),
        (error(503, "", ""), ErrorKind.SERVER_ERROR),
        (error(200, "internal_error", "oops"), ErrorKind.SERVER_ERROR),
        ((200, {"raw": b"<html>Please wait</html>"}), ErrorKind.EXTRACTOR_BROKEN),
        ((502, {"raw": b"<html>Bad gateway</html>"}), ErrorKind.SERVER_ERROR),
        ((200, {"raw": b"[" * 100_000}), ErrorKind.EXTRACTOR_BROKEN),
        ((200, {"data": [], "error": {"code": "ok"}}), ErrorKind.EXTRACTOR_BROKEN),
        ((200, {"data": {"videos": {}}, "error": {"code": "ok"}}), ErrorKind.EXTRACTOR_BROKEN),
        ((200, {"data": {"videos": [{"no": "id"}]}}), ErrorKind.EXTRACTOR_BROKEN),
        ((301, {"raw": b""}), ErrorKind.EXTRACTOR_BROKEN),
    ],
)
def test_every_other_answer_is_an_error_of_the_taxonomy(tiktok, clock, said, kind):
    tiktok.answers = [said, said]
    assert failing(source(tiktok, clock)).kind is kind


def test_every_documented_code_has_a_kind():
    assert {"access_token_invalid", "internal_error", "invalid_params", "rate_limit_exceeded"} <= set(ERRORS)


def test_a_wait_that_is_asked_for_is_told(tiktok, clock):
    tiktok.headers = {"Retry-After": "7"}
    tiktok.answers = [error(429, "rate_limit_exceeded", "slower")]
    assert failing(source(tiktok, clock)).retry_after_s == 7.0


def test_a_long_wait_is_every_callers_and_nobody_asks_meanwhile(tiktok, clock):
    tiktok.headers = {"Retry-After": "3600"}
    tiktok.answers = [error(429, "rate_limit_exceeded", "slower")]
    made = source(tiktok, clock)
    for _ in range(3):
        failed = failing(made)
        assert failed.kind is ErrorKind.RATE_LIMITED
        assert 3590 < failed.retry_after_s <= 3600
    assert len(queries(tiktok)) == 1


def test_a_site_that_is_down_stops_the_lane(clock):
    made = source(type("Down", (), {"url": "http://127.0.0.1:9"}), clock)
    assert failing(made).kind is ErrorKind.UNREACHABLE


def test_the_day_ends_with_our_own_count_before_tiktok_says_so(tiktok, clock, tmp_path):
    made = source(tiktok, clock, requests_per_day=2, state=tmp_path)
    made.search("squat", "")
    made.search("squat", "")
    failed = failing(made)
    assert (failed.kind, failed.policy) == (ErrorKind.QUOTA, Policy.STOP)
    assert failed.retry_after_s == 12 * 3600
    assert "it goes on at 2026-05-02 00:00 UTC" in str(failed)
    assert len(queries(tiktok)) == 2
    clock.now += timedelta(hours=12)
    made.search("squat", "")


def test_the_day_ends_when_tiktok_says_so_for_every_process(tiktok, clock, tmp_path):
    tiktok.per_day = 1
    one, other = (source(tiktok, clock, state=tmp_path) for _ in range(2))
    one.search("squat", "")
    assert failing(one).kind is ErrorKind.QUOTA
    num_asked = len(queries(tiktok))
    assert failing(other).kind is ErrorKind.QUOTA
    assert len(queries(tiktok)) == num_asked
    clock.now += timedelta(days=1)
    assert other.search("squat", "").posts


def test_a_failure_counts_as_tiktok_counts_it(tiktok, clock, tmp_path):
    tiktok.answers = [error(500, "internal_error", "oops")]
    made = source(tiktok, clock, requests_per_day=2, state=tmp_path)
    assert failing(made).kind is ErrorKind.SERVER_ERROR
    made.search("squat", "")
    assert failing(made).kind is ErrorKind.QUOTA


def test_a_search_that_tiktok_forgot_is_asked_again_from_its_window(tiktok, clock):
    made = source(tiktok, clock, page_size=20)
    first = made.search("squat", "")
    tiktok.searches.clear()
    page = made.search("squat", first.next_cursor)
    assert [p.post_id for p in page.posts] == [p.post_id for p in first.posts]
    assert page.cost.num_requests == 2
    assert len({p.post_id for q in (page, made.search("squat", page.next_cursor)) for p in q.posts}) == 31


def test_a_search_that_tiktok_forgets_again_and_again_ends(tiktok, clock):
    made = source(tiktok, clock, page_size=5, num_windows=2)
    cursor, num_pages = "", 0
    while cursor is not None:
        page = made.search("squat", cursor)
        cursor, num_pages = page.next_cursor, num_pages + 1
        tiktok.searches.clear()
        assert num_pages < 10
    assert num_pages == 5


@pytest.mark.parametrize("offset", [0, -5, "100", None, 1e3])
def test_a_cursor_that_does_not_go_forward_ends_its_window(tiktok, clock, offset):
    data = {"videos": [video(1, DAY)], "cursor": offset, "has_more": True, "search_id": "1"}
    tiktok.answers = [(200, {"data": data, "error": {"code": "ok"}})] * 9
    assert len(listed(source(tiktok, clock, num_windows=3))) == 3


def test_a_video_of_nonsense_is_a_post_of_unknowns(tiktok, clock):
    odd = video(1, DAY) | {
        "video_description": 7, "create_time": 10**30, "view_count": "many", "like_count": None, "hashtag_names": "x",
        "username": None, "video_duration": True,
    }  # fmt: skip
    tiktok.answers = [(200, {"data": {"videos": [odd], "has_more": False}, "error": {"code": "ok"}})]
    [post] = source(tiktok, clock).search("squat", "").posts
    assert (post.caption, post.hashtags, post.creator, post.posted_at) == ("", [], None, None)
    assert (post.num_views, post.num_likes, post.duration_s) == (None, None, None)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"regions": ["usa"]}, "two-letter codes such as US"),
        ({"video_lengths": ["TINY"]}, "'SHORT', 'MID'"),
        ({"page_size": 101}, "from 1 to 100"),
        ({"requests_per_day": 0}, "give at least 1"),
        ({"until": "soon"}, "until: .*valid date"),
    ],
)
def test_a_wrong_setting_is_named(tiktok, clock, changed, words):
    with pytest.raises(ValueError, match=words):
        source(tiktok, clock, **changed)


def test_it_gives_no_files(tiktok, clock, tmp_path):
    with pytest.raises(ValueError, match="needs fetch_with"):
        source(tiktok, clock).fetch(factories.post(), tmp_path / "file")
