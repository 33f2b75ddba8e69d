"""No source connects to a host of this machine or its network, whichever way an address comes, unless it is permitted.

A site at a port that the program may ask stands for the public network; at another port is the service inside.
"""

import socket
from contextlib import contextmanager
from dataclasses import replace

import pytest

from h2a_curation.acquire.errors import ErrorKind, FetchError
from h2a_curation.acquire.fetch import FetchRules
from h2a_curation.acquire.permissions import Permissions
from h2a_curation.sources import open_source
from h2a_curation.sources.http import HttpClient
from h2a_curation.sources.politeness.pace import Hosts, Pace
from h2a_curation.sources.reach import Reach
from h2a_curation.sources.rules import SourceRules
from h2a_curation.sources.short_links import ShortLinks
from h2a_curation.sources.ytdlp import networking
from h2a_curation.sources.ytdlp.recipe_options import DownloadOptions
from tests import factories
from tests.loopback import ON_LOOPBACK, Answer, serving
from tests.sources.platform import MP4, VIDEO

LIMITS = FetchRules(timeout_s=10.0, socket_timeout_s=5.0)
BROWSER = DownloadOptions(impersonate="chrome")
WAYS = pytest.mark.parametrize("options", [DownloadOptions(), BROWSER], ids=["requests", "curl"])
SPELLINGS = (
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "0",
    "0.0.0.0", "localhost", "LOCALHOST", "localhost.", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[0:0:0:0:0:0:0:1]", "１２７.０.０.１", "127。0。0。1", "user:word@127.0.0.1", "example.org@127.0.0.1",
    r"example.org\@127.0.0.1", "127.0.0.1%2f",
)  # fmt: skip
"""Of this machine, as tables, pages and redirects may write it."""


@pytest.fixture
def inside():
    """A service of this machine, which gives what looks like a video to whoever asks."""
    with serving() as site:
        site.answers["/1.mp4"] = lambda _: Answer(body=VIDEO, headers=MP4)
        yield site


@pytest.fixture
def outside():
    with serving() as site:
        yield site


def port_of(site):
    return site.url.rpartition(":")[2]


def table(folder, *urls, options=DownloadOptions(), permissions=None):
    (folder / "posts.csv").write_text("\n".join(["url", *urls]))
    rules = SourceRules(kind="table", file=folder / "posts.csv", min_interval_s=0, options=options)
    return open_source(rules, LIMITS, permissions=permissions or Permissions())


def error_of(source, folder, url=None):
    """Why the table's one post, or another address, gives no file."""
    [post] = source.search("", "").posts
    with pytest.raises(FetchError) as refused:
        source.fetch(post if url is None else replace(post, url=url), folder / "file")
    return refused.value


@WAYS
@pytest.mark.parametrize("host", SPELLINGS)
def test_no_spelling_of_this_machine_is_asked(inside, tmp_path, host, options):
    source = table(tmp_path, "https://example.org/1.mp4", options=options)
    error = error_of(source, tmp_path, f"http://{host}:{port_of(inside)}/1.mp4")
    assert error.kind in (ErrorKind.NOT_PERMITTED, ErrorKind.NOT_VIDEO)
    assert inside.asked == []


@WAYS
def test_it_is_asked_where_the_user_permits_it(inside, tmp_path, options):
    source = table(tmp_path, f"{inside.url}/1.mp4", options=options, permissions=ON_LOOPBACK)
    [post] = source.search("", "").posts
    source.fetch(post, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == VIDEO


def test_a_refusal_says_what_to_do_and_is_asked_again_later(inside, tmp_path):
    error = error_of(table(tmp_path, f"{inside.url}/1.mp4"), tmp_path)
    assert error.detail == (
        "127.0.0.1 is in a private network (at 127.0.0.1): add --allow-private if you mean that host"
    )
    assert error.policy.value == "later"


def redirects(outside, inside):
    outside.answers["/a.mp4"] = lambda _: Answer(status=302, headers={"Location": "/b.mp4"})
    outside.answers["/b.mp4"] = lambda _: Answer(status=307, headers={"Location": f"{inside}/1.mp4"})
    return "/a.mp4"


def embeds(outside, inside):
    page = f'<html><head><meta property="og:video" content="{inside}/1.mp4"></head><video src="{inside}/1.mp4"></html>'
    outside.answers["/page"] = lambda _: Answer(body=page.encode(), headers={"Content-Type": "text/html"})
    return "/page"


def playlist(outside, body):
    mpegurl = {"Content-Type": "application/vnd.apple.mpegurl"}
    outside.answers["/a.m3u8"] = lambda _: Answer(body=body, headers=mpegurl)
    return "/a.m3u8"


def plays_hls(outside, inside):
    body = f"#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{inside}/1.mp4\n#EXT-X-ENDLIST\n".encode()
    return playlist(outside, body)


def has_a_key_of_hls(outside, inside):
    key = f'#EXT-X-KEY:METHOD=AES-128,URI="{inside}/1.mp4"\n'
    body = f"#EXTM3U\n#EXT-X-TARGETDURATION:3\n{key}#EXTINF:3,\n/s.ts\n#EXT-X-ENDLIST\n".encode()
    outside.answers["/s.ts"] = lambda _: Answer(body=bytes(16), headers={"Content-Type": "video/mp2t"})
    return playlist(outside, body)


def lists_hls(outside, inside):
    body = f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1280000,RESOLUTION=1280x720\n{inside}/1.mp4\n".encode()
    return playlist(outside, body)


def plays_dash(outside, inside):
    body = f"""<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"
        mediaPresentationDuration="PT3S"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1"
        bandwidth="9" width="640" height="720"><BaseURL>{inside}/1.mp4</BaseURL></Representation></AdaptationSet>
        </Period></MPD>""".encode()
    outside.answers["/a.mpd"] = lambda _: Answer(body=body, headers={"Content-Type": "application/dash+xml"})
    return "/a.mpd"


def forbids_by_a_robots_txt_elsewhere(outside, inside):
    outside.answers["/robots.txt"] = lambda _: Answer(status=302, headers={"Location": f"{inside}/robots.txt"})
    outside.answers["/1.mp4"] = lambda _: Answer(body=VIDEO, headers=MP4)
    return "/1.mp4"


LEADING = (
    redirects, embeds, plays_hls, has_a_key_of_hls, lists_hls, plays_dash, forbids_by_a_robots_txt_elsewhere,
)  # fmt: skip


@WAYS
@pytest.mark.parametrize("leading", LEADING, ids=lambda leading: leading.__name__)
def test_what_a_public_site_leads_to_is_not_asked(outside, inside, tmp_path, leading, options):
    url = outside.url + leading(outside, inside.url)
    error = error_of(table(tmp_path, url, options=options, permissions=Permissions(sites=(outside.url,))), tmp_path)
    assert outside.asked
    assert inside.asked == []
    assert error.kind is ErrorKind.NOT_PERMITTED
    assert "--allow-private" in error.detail


def test_a_short_link_into_the_own_network_is_not_followed(inside):
    """A proxy that the environment names answers for the short link's host, as the environment says it should."""
    with serving() as proxy:
        link = "http://vm.tiktok.com/ZMLhV4Lcv/"
        proxy.answers[link] = lambda _: Answer(status=302, headers={"Location": f"{inside.url}/1.mp4"})
        reach = Reach(proxies=(proxy.url,))
        client = HttpClient(Pace(0.0, hosts=Hosts()), LIMITS, reach, proxy=proxy.url)
        place = ShortLinks(client).resolved(link)
        with pytest.raises(FetchError) as refused:
            client.get(place)
        assert refused.value.kind is ErrorKind.NOT_PERMITTED
        assert [path for _, path in proxy.asked] == [link]
        assert inside.asked == []


@contextmanager
def a_name_that_changes(monkeypatch, inside):
    """DNS that says a public address to whoever looks first, and this machine's to whoever connects."""
    real, num = socket.getaddrinfo, 0

    def changing(host, port, *args, **kwargs):
        nonlocal num
        if host != "rebound.example":
            return real(host, port, *args, **kwargs)
        num += 1
        return real("93.184.215.14" if num == 1 else "127.0.0.1", port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", changing)
    yield f"http://rebound.example:{port_of(inside)}/1.mp4"
    assert num >= 2, "who connects asked for the name's address again"


def test_a_name_that_leads_elsewhere_once_it_was_looked_at(inside, tmp_path, monkeypatch):
    with a_name_that_changes(monkeypatch, inside) as url:
        monkeypatch.setattr("h2a_curation.sources.ytdlp.source.Robots.check", lambda *_: None)
        error = error_of(table(tmp_path, url), tmp_path)
    assert error.kind is ErrorKind.NOT_PERMITTED
    assert inside.asked == []


@pytest.mark.parametrize("way", ["own", "yt-dlp's"])
def test_curl_connects_to_no_private_address_whatever_the_name_said_before(inside, tmp_path, monkeypatch, way):
    """libcurl resolves names by itself, so the look before is left out here."""
    monkeypatch.setattr(Reach, "check", lambda *_: None)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        url = f"http://localhost:{server.getsockname()[1]}/1.mp4"
        source, client = table(tmp_path, url, options=BROWSER), HttpClient(Pace(0.0, hosts=Hosts()), LIMITS, Reach())
        with pytest.raises(FetchError):
            client.get(url) if way == "own" else source.fetch(factories.post(url=url), tmp_path / "file")
        with pytest.raises(TimeoutError):
            server.accept()


def test_all_of_yt_dlps_handlers_that_go_to_the_web_are_kept_within_reach():
    from yt_dlp.networking.common import _REQUEST_HANDLERS

    web = {key for key, handler in _REQUEST_HANDLERS.items() if {"http", "https"} & set(handler._SUPPORTED_URL_SCHEMES)}
    assert web == {handler.RH_KEY for handler in networking.KEPT}
    assert networking.DataRH._SUPPORTED_URL_SCHEMES == ("data",)


@pytest.mark.parametrize("said", ["options", "fetch_with"])
def test_a_recipes_proxy_in_a_private_network_is_refused(inside, tmp_path, said):
    (tmp_path / "posts.csv").write_text("url\nhttp://nowhere.invalid/1.mp4\n")
    proxied = DownloadOptions(proxy=inside.url)
    other = {"fetch_with": SourceRules(options=proxied)} if said == "fetch_with" else {"options": proxied}
    rules = SourceRules(kind="table", file=tmp_path / "posts.csv", **other)
    with pytest.raises(ValueError, match=r"its proxy 127\.0\.0\.1 is in a private network .*HTTPS_PROXY"):
        open_source(rules, LIMITS)
    assert inside.asked == []


@WAYS
def test_the_environments_proxy_gets_requests_for_public_hosts_alone(inside, tmp_path, monkeypatch, options):
    with serving() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        proxy.answers["http://nowhere.invalid/1.mp4"] = lambda _: Answer(body=VIDEO, headers=MP4)
        proxy.answers["http://nowhere.invalid/2.mp4"] = lambda _: Answer(
            status=302, headers={"Location": f"{inside.url}/1.mp4"}
        )
        source = table(tmp_path, "http://nowhere.invalid/1.mp4", options=options)
        [post] = source.search("", "").posts
        source.fetch(post, tmp_path / "file")
        assert (tmp_path / "file").read_bytes() == VIDEO
        proxy.asked.clear()
        for url in (
            "http://nowhere.invalid/2.mp4",
            f"{inside.url}/1.mp4",
            f"{proxy.url}/admin",
            "http://nas.lan/1.mp4",
        ):
            assert error_of(source, tmp_path, url).kind is ErrorKind.NOT_PERMITTED
        assert {path for _, path in proxy.asked} <= {
            "http://nowhere.invalid/2.mp4",
            "http://nowhere.invalid/robots.txt",
        }
        assert inside.asked == []
