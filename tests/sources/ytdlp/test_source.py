import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from yt_dlp import YoutubeDL
from yt_dlp.utils import FormatSorter

from h2a_curation.acquire.errors import ErrorKind, FetchError
from h2a_curation.sources.ytdlp import source
from h2a_curation.sources.ytdlp.recipe_options import DownloadOptions
from tests import factories
from tests.loopback import Answer, running
from tests.sources.platform import JSON, MP4, VIDEO, listed, platform, put_listing, put_post, ytdlp


def test_an_entry_becomes_a_post(site):
    put_listing(site, "squat", [listed("a1")])
    [post] = platform(site).search("squat", "").posts
    assert post == factories.post(
        post_id="h2a:a1",
        source="h2a",
        url="h2a-sample:post:a1",
        creator="u7",
        caption="leg day #Squat",
        hashtags=["fyp", "legday", "squat"],
        posted_at=factories.DAY.replace(month=1, day=1, hour=0),
        duration_s=4.0,
        width_px=360,
        height_px=640,
        num_views=1000,
        num_likes=10,
    )


def test_a_page_costs_one_request_and_going_on_asks_for_no_page_twice(site):
    put_listing(site, "squat", [listed(str(i)) for i in range(25)])
    source = platform(site)
    costs = [source.search("squat", cursor).cost for cursor in ("", "10", "20")]
    assert [cost.num_requests for cost in costs] == [1, 1, 1]
    assert all(cost.num_bytes > 500 for cost in costs)
    assert len(site.asked) == 3


def test_a_page_in_the_middle_asks_for_itself_alone(site):
    put_listing(site, "squat", [listed(str(i)) for i in range(45)])
    page = platform(site).search("squat", "20")
    assert [p.post_id for p in page.posts] == [f"h2a:{i}" for i in range(20, 30)]
    assert (page.next_cursor, page.cost.num_requests) == ("30", 1)


def test_an_empty_listing_ends(site):
    put_listing(site, "squat", [])
    page = platform(site).search("squat", "")
    assert (page.posts, page.next_cursor) == ([], None)


def test_metadata_that_makes_no_sense_is_unknown(site):
    nonsense = listed("1", duration_s="soon", width_px=None, num_views="many", posted_at=None, tags=None, language=None)
    put_listing(site, "squat", [nonsense])
    [post] = platform(site).search("squat", "").posts
    assert (post.duration_s, post.width_px, post.num_views, post.posted_at, post.language) == (None,) * 5
    assert post.hashtags == ["squat"]


@pytest.mark.parametrize("body", [b"<html>Please wait</html>", b'{"posts": [{"title": "no id"}]}', b"{}", b"[]", b"7"])
def test_a_listing_in_another_shape_stops_the_lane(site, body):
    site.answers["/tag/squat"] = lambda _: Answer(body=body, headers=JSON)
    with pytest.raises(FetchError) as caught:
        platform(site).search("squat", "")
    assert caught.value.kind is ErrorKind.EXTRACTOR_BROKEN


def test_a_listing_that_failed_is_asked_again_from_its_cursor(site):
    put_listing(site, "squat", [listed(str(i)) for i in range(15)])
    second = site.answers["/tag/squat?page=2&count=10"]
    site.answers["/tag/squat?page=2&count=10"] = lambda n: Answer(status=500) if n == 0 else second(n)
    source = platform(site)
    source.search("squat", "")
    with pytest.raises(FetchError, match="server_error"):
        source.search("squat", "10")
    page = source.search("squat", "10")
    assert ([p.post_id for p in page.posts], page.next_cursor) == ([f"h2a:{i}" for i in range(10, 15)], None)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://www.tiktok.com/tag/{tag}", "broken"),
        ("https://example.org/{tag}", "no extractor"),
        ("nonsense {tag}", "no extractor"),
    ],
)
def test_a_listing_that_ytdlp_cannot_read_is_refused_before_a_run(url, words):
    with pytest.raises(ValueError, match=words):
        ytdlp(name="x", listing_url=url).check()


@pytest.mark.parametrize(
    "url", ["https://www.youtube.com/hashtag/{tag}", "ytsearch50:{tag}", "https://www.nicovideo.jp/tag/{tag}"]
)
def test_a_listing_that_ytdlp_can_read_is_not(url):
    ytdlp(name="x", listing_url=url).check()


LONG = VIDEO * 30


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(body=VIDEO, headers=MP4, promised_bytes=9000), ErrorKind.TRUNCATED),
        (Answer(body=b"", headers=MP4), ErrorKind.TRUNCATED),
        (Answer(body=VIDEO, headers=MP4, wait_s=1.0), ErrorKind.TIMEOUT),
        (Answer(body=VIDEO * 2, headers=MP4, chunk_wait_s=0.3), ErrorKind.TIMEOUT),
        (Answer(body=LONG, headers=MP4), ErrorKind.TOO_LARGE),
        (Answer(body=LONG, headers=MP4 | {"Content-Length": ""}), ErrorKind.TOO_LARGE),
        (Answer(status=403), ErrorKind.BLOCKED),
        (Answer(status=503), ErrorKind.SERVER_ERROR),
    ],
    ids=["promised more", "nothing", "hangs", "drips", "too large", "too large, unannounced", "forbidden", "503"],
)
def test_a_file_that_does_not_come(site, tmp_path, answer, kind):
    put_post(site, "1", answer)
    with pytest.raises(FetchError) as caught:
        platform(site).fetch(factories.post(url="h2a-sample:post:1"), tmp_path / "file")
    assert caught.value.kind is kind


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (403, b'{"error": "private", "message": "this post is private"}', ErrorKind.PRIVATE),
        (403, b'{"error": "forbidden", "message": "this video is not available in your region"}', ErrorKind.BLOCKED),
        (404, b'{"error": "missing", "message": "this video no longer exists"}', ErrorKind.GONE),
        (410, b'{"error": "deleted", "message": "this post was deleted"}', ErrorKind.GONE),
        (429, b"", ErrorKind.RATE_LIMITED),
        (500, b"", ErrorKind.SERVER_ERROR),
    ],
)
def test_a_refusal_by_number_and_words(site, tmp_path, status, body, kind):
    site.answers["/post/1"] = lambda _: Answer(status=status, body=body, headers={"Retry-After": "7"})
    with pytest.raises(FetchError) as caught:
        platform(site).fetch(factories.post(url="h2a-sample:post:1"), tmp_path / "file")
    assert caught.value.kind is kind
    assert caught.value.retry_after_s == (7.0 if status in (429, 500) else None)


@pytest.mark.parametrize("options", [{}, {"impersonate": "chrome"}], ids=["plain", "as a browser"])
def test_a_file_that_never_ends_is_hung_up_on(tmp_path, options):
    """curl_cffi downloads in a thread of its own, which would go on for as long as the site does."""
    begun, left = threading.Semaphore(0), threading.Semaphore(0)

    class Endless(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "video/mp4")
            self.end_headers()
            begun.release()
            try:
                while True:
                    self.wfile.write(VIDEO)
            except ConnectionError:
                left.release()

        def log_message(self, *_): ...

    source = ytdlp(name="x", max_file_bytes=100_000, honour_robots=False, options=DownloadOptions(**options))
    with running(Endless) as url:
        with pytest.raises(FetchError) as caught:
            source.fetch(factories.post(url=f"{url}/a.mp4"), tmp_path / "file")
        assert caught.value.kind is ErrorKind.TOO_LARGE
        while begun.acquire(blocking=False):
            assert left.acquire(timeout=30), "a download goes on"


def test_a_page_instead_of_a_video(site, tmp_path):
    page = Answer(body=b"<html><body>404</body></html>", headers={"Content-Type": "text/html"})
    site.answers["/watch"] = lambda _: page
    with pytest.raises(FetchError) as caught:
        ytdlp(name="x").fetch(factories.post(url=f"{site.url}/watch"), tmp_path / "file")
    assert caught.value.kind is ErrorKind.NOT_VIDEO


def test_a_site_that_is_down_stops_the_lane(site, tmp_path):
    with pytest.raises(FetchError) as caught:
        ytdlp(name="x").fetch(factories.post(url="http://127.0.0.1:9/1.mp4"), tmp_path / "file")
    assert caught.value.kind is ErrorKind.UNREACHABLE


def test_a_thread_keeps_its_own_client(site):
    source = platform(site)
    clients = []
    threads = [threading.Thread(target=lambda: clients.append((source._client(), source._client()))) for _ in range(2)]
    for thread in threads:
        thread.start()
        thread.join()
    assert clients[0][0] is clients[0][1] is not clients[1][0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cookiefile": Path("/none/cookies.txt")}, "no cookiefile /none/cookies.txt; export one from your browser"),
        ({"impersonate": "netscape"}, "source x: Impersonate target .netscape. is not available"),
        ({"format": "bv*["}, "source x: Invalid format specification"),
    ],
)
def test_what_the_machine_has_not_is_said_before_a_run(options, words):
    with pytest.raises(ValueError, match=words):
        ytdlp(name="x", options=DownloadOptions(**options)).check()


def test_cookies_proxy_and_a_browser_are_configuration(tmp_path):
    (tmp_path / "cookies.txt").write_text("# Netscape HTTP Cookie File\n")
    options = DownloadOptions(
        cookiefile=tmp_path / "cookies.txt", proxy="socks5://127.0.0.1:9", impersonate="chrome", ratelimit=50_000.0,
        format="b", format_sort=("res:480",), geo_bypass_country="JP", http_headers={"User-Agent": "us"},
    )  # fmt: skip
    source = ytdlp(name="x", options=options)
    source.check()
    params = source._client().params
    assert str(params["impersonate"]) == "chrome"
    assert (params["format"], params["format_sort"], params["ratelimit"]) == ("b", ["res:480"], 50_000)
    assert (params["geo_bypass_country"], params["http_headers"]["User-Agent"]) == ("JP", "us")
    with pytest.raises(FetchError) as caught:
        source.fetch(factories.post(url="https://example.org/1.mp4"), tmp_path / "file")
    assert caught.value.kind is ErrorKind.UNREACHABLE


def test_cookies_are_sent_and_their_file_stays_as_it_is(site, tmp_path):
    """yt-dlp writes cookies back to where it read them, with those of the sites: other threads and runs read there."""
    site.answers["/1.mp4"] = lambda _: Answer(body=VIDEO, headers=MP4 | {"Set-Cookie": "more=2; Max-Age=999"})
    file = tmp_path / "cookies.txt"
    file.write_text("# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t4102444800\tmine\t1\n# a word\n")
    text = file.read_text()
    source = ytdlp(name="x", options=DownloadOptions(cookiefile=file), honour_robots=False)
    with source._client() as client:  # which writes at its end
        source.fetch(factories.post(url=f"{site.url}/1.mp4"), tmp_path / "file")
        assert {cookie.name for cookie in client.cookiejar} == {"mine", "more"}
    assert file.read_text() == text


def test_a_file_that_holds_no_cookies_is_named_before_a_run(tmp_path):
    (tmp_path / "cookies.txt").write_text("alias ll='ls -l'\n")
    source = ytdlp(name="x", options=DownloadOptions(cookiefile=tmp_path / "cookies.txt"))
    with pytest.raises(ValueError, match=r"cookies\.txt does not look like a Netscape format cookies file"):
        source.check()
    assert (tmp_path / "cookies.txt").read_text() == "alias ll='ls -l'\n"


@pytest.mark.parametrize(
    ("url", "words"),
    [("https://www.tiktok.com/tag/dance", "marks its extractor tiktok:tag as broken.*cannot be fetched"),
     ("nonsense", "no extractor for nonsense; correct canary")],
)  # fmt: skip
def test_a_canary_that_cannot_be_fetched_is_refused_before_a_run(url, words):
    with pytest.raises(ValueError, match=words):
        ytdlp(name="x", canary_url=url).check()


SOUND = {"vcodec": "none", "acodec": "aac"}
STORYBOARD = {"vcodec": "none", "acodec": "none"}


@pytest.mark.parametrize(
    ("info", "kind"),
    [
        ({"extractor_key": "TikTok", "formats": [SOUND]}, ErrorKind.PHOTO_POST),
        ({"extractor_key": "Youtube", "formats": [SOUND]}, ErrorKind.NO_VIDEO),
        ({"extractor_key": "Youtube", "formats": [STORYBOARD, STORYBOARD]}, ErrorKind.EXTRACTOR_BROKEN),
        ({"extractor_key": "Youtube", "availability": "private", "formats": [{"vcodec": "h264"}]}, ErrorKind.PRIVATE),
    ],
)
def test_a_post_without_a_video_to_take_says_why(info, kind):
    with pytest.raises(FetchError) as caught:
        ytdlp(name="x")._client().process_video_result({"id": "1", "title": "x", **info})
    assert caught.value.kind is kind


@pytest.mark.parametrize(("status", "kind"), [("is_upcoming", ErrorKind.NOT_YET), ("is_live", ErrorKind.NO_VIDEO)])
def test_what_has_not_begun_may_come_and_what_has_no_end_does_not(status, kind):
    with pytest.raises(FetchError) as caught:
        ytdlp(name="x")._client().params["match_filter"]({"live_status": status}, incomplete=False)
    assert caught.value.kind is kind


@pytest.mark.parametrize(
    "template",
    [
        "https://www.youtube.com/hashtag/{tag}", "https://www.youtube.com/hashtag/{tag}/shorts", "ytsearch200:#{tag}",
        "https://www.nicovideo.jp/tag/{tag}", "https://www.instagram.com/explore/tags/{tag}/",
        "https://www.dailymotion.com/search/{tag}/videos", "bilisearch100:{tag}",
    ],
)  # fmt: skip
def test_the_documented_templates_are_known_to_yt_dlp(template):
    ytdlp(name="x", listing_url=template).check()


@pytest.mark.parametrize("dynamic_range", ["HDR10", "HDR10+", "HLG", "HDR12", "DV"])
def test_of_formats_of_one_height_that_of_usual_dynamic_range_is_taken(dynamic_range):
    sort = source._params(5.0, {"extractor_args": {}}, {})["format_sort"]
    common = {"url": "http://a/v", "ext": "mp4", "acodec": "none", "fps": 30, "tbr": 2000}
    formats = [
        {**common, "format_id": "hdr", "height": 720, "vcodec": "av01", "dynamic_range": dynamic_range, "tbr": 9000},
        {**common, "format_id": "sdr", "height": 720, "vcodec": "avc1", "dynamic_range": "SDR"},
        {**common, "format_id": "small", "height": 360, "vcodec": "avc1", "dynamic_range": "SDR"},
    ]
    with YoutubeDL({"format_sort": sort, "quiet": True}) as client:
        sorter = FormatSorter(client, [])
        assert max(formats, key=sorter.calculate_preference)["format_id"] == "sdr"
