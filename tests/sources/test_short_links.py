"""Short links: which addresses they are, and where they lead, asked through a proxy that plays the network."""

import pytest

from h2a_curation.acquire.errors import FetchError
from h2a_curation.acquire.fetch import FetchRules
from h2a_curation.sources.http import HttpClient
from h2a_curation.sources.politeness.pace import Hosts, Pace
from h2a_curation.sources.short_links import ShortLinks, is_short
from tests.loopback import ANYWHERE, Answer, serving

POST = "https://www.tiktok.com/@some.one/video/73"


@pytest.mark.parametrize(
    "url",
    [
        "https://vm.tiktok.com/ZMLhV4Lcv/",
        "https://VT.tiktok.com/ZSabc?k=1",
        "https://www.tiktok.com/t/ZTRabc/",
        "https://www.instagram.com/share/reel/BAabc",
        "https://www.instagram.com/share/BAabc",
        "https://fb.watch/abc/",
        "https://www.facebook.com/share/v/1Abc/",
        "https://redd.it/abc",
        "https://www.reddit.com/r/yoga/s/AbCd",
        "https://v.douyin.com/abc/",
        "https://b23.tv/abc",
        "http://t.co/abc",
        "https://bit.ly/3abc",
    ],
)
def test_what_names_a_post_only_by_where_it_leads(url):
    assert is_short(url)


@pytest.mark.parametrize(
    "url",
    [
        POST,
        "https://youtu.be/jNQXAC9IVRw",
        "https://www.instagram.com/p/ABCDEF/",
        "https://v.redd.it/abc/DASH_720.mp4",
        "https://www.reddit.com/comments/abc",
        "https://bit.ly/",
        "https://notbit.ly/abc",
        "https://vm.tiktok.com.example.org/ZM",
        "https://example.org/?u=https://bit.ly/abc",
        "no address",
    ],
)
def test_what_is_no_short_link(url):
    assert not is_short(url)


@pytest.fixture
def network():
    with serving() as site:
        limits = FetchRules(timeout_s=10.0, socket_timeout_s=5.0)
        yield site, ShortLinks(HttpClient(Pace(0.0, hosts=Hosts()), limits, ANYWHERE, proxy=site.url))


def redirect(place, status=301):
    return lambda _: Answer(status=status, headers={"Location": place})


def test_a_link_inside_a_link_is_followed_and_the_post_is_not_asked(network):
    site, links = network
    site.answers["http://t.co/a"] = redirect("http://vm.tiktok.com/ZM1/", status=302)
    site.answers["http://vm.tiktok.com/ZM1/"] = redirect(f"{POST}?_r=1")
    assert links.resolved("http://t.co/a") == f"{POST}?_r=1"
    assert [path for _, path in site.asked] == ["http://t.co/a", "http://vm.tiktok.com/ZM1/"]
    assert links.resolved(POST) == POST


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (redirect("http://bit.ly/a"), "server_error", "more than 5 short links from http://bit.ly/a"),
        (lambda _: Answer(status=404), "gone", "answers 404"),
        (lambda _: Answer(status=200, body=b"<html>"), "gone", "leads nowhere"),
        (lambda _: Answer(status=429, headers={"Retry-After": "0"}), "rate_limited", "answers 429"),
        (lambda _: Answer(status=302), "server_error", "answers 302"),
        (redirect("file:///etc/passwd"), None, "file:///etc/passwd"),
    ],
)
def test_a_link_that_leads_to_no_post(network, answer, kind, says):
    site, links = network
    site.answers["http://bit.ly/a"] = answer
    if kind is None:  # it is no short link any more: who fetches it refuses it, as in a table
        assert links.resolved("http://bit.ly/a") == says
        return
    with pytest.raises(FetchError, match=says) as failed:
        links.resolved("http://bit.ly/a")
    assert failed.value.kind == kind
