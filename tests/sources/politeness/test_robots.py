import time

import pytest

from h2a_curation.acquire.errors import ErrorKind, FetchError
from h2a_curation.sources.politeness.robots import reservation
from tests import factories
from tests.loopback import Answer
from tests.sources.platform import MP4, VIDEO, ytdlp

TEXT = {"Content-Type": "text/plain"}


@pytest.fixture
def host(site):
    site.answers["/open/1.mp4"] = site.answers["/closed/1.mp4"] = lambda _: Answer(body=VIDEO, headers=MP4)
    return site


def says(site, *lines, status=200):
    answer = Answer(status=status, body="\n".join(lines).encode(), headers=TEXT)
    site.answers["/robots.txt"] = lambda _: answer


def fetched(site, path, folder, **settings):
    source = ytdlp(name="x", timeout_s=20.0, **settings)
    file = folder / path.replace("/", "-")
    try:
        source.fetch(factories.post(url=f"{site.url}{path}"), file)
    except FetchError as error:
        return error.kind
    return file.read_bytes() == VIDEO


@pytest.mark.parametrize("agent", ["*", "Hashtag2Action", "hashtag2action"])
def test_what_robots_txt_forbids_is_left_alone(host, tmp_path, agent):
    says(host, f"User-agent: {agent}", "Disallow: /closed")
    assert fetched(host, "/closed/1.mp4", tmp_path) is ErrorKind.OPT_OUT
    assert fetched(host, "/open/1.mp4", tmp_path) is True
    assert ("GET", "/closed/1.mp4") not in host.asked


def test_rules_for_others_do_not_count(host, tmp_path):
    says(host, "User-agent: GPTBot", "Disallow: /", "", "User-agent: *", "Allow: /")
    assert fetched(host, "/closed/1.mp4", tmp_path) is True


def test_a_host_is_asked_once(host, tmp_path):
    says(host, "User-agent: *", "Disallow: /closed")
    source = ytdlp(name="x")
    for number in range(3):
        source.fetch(factories.post(url=f"{host.url}/open/1.mp4"), tmp_path / str(number))
    assert host.asked.count(("GET", "/robots.txt")) == 1


@pytest.mark.parametrize(
    ("status", "came"), [(404, True), (403, True), (500, ErrorKind.SERVER_ERROR), (429, ErrorKind.RATE_LIMITED)]
)
def test_a_host_without_rules_allows_all_and_one_that_fails_nothing_yet(host, tmp_path, status, came):
    says(host, "User-agent: *", "Disallow: /", status=status)
    assert fetched(host, "/open/1.mp4", tmp_path) is came


@pytest.mark.parametrize("text", ["", "\0\1\2", "User-agent\nDisallow", "<html>", "Disallow: /closed\n" * 50_000])
def test_rules_of_nonsense_forbid_nothing(host, tmp_path, text):
    says(host, text)
    assert fetched(host, "/open/1.mp4", tmp_path) is True


@pytest.mark.parametrize(
    ("rules", "path", "came"),
    [
        (["Disallow: /*.mp4$"], "/open/1.mp4", False),
        (["Disallow: /*.mp4$"], "/open/1.mp4?download=1", True),
        (["Disallow: /*.mp4"], "/open/1.mp4?download=1", False),
        (["Disallow: /*/1"], "/open/1.mp4", False),
        (["Disallow: /o*n/"], "/open/1.mp4", False),
        (["Disallow: /closed*"], "/open/1.mp4", True),
        (["Disallow: /", "Allow: /open/"], "/open/1.mp4", True),
        (["Allow: /", "Disallow: /open/"], "/open/1.mp4", False),
        (["Disallow: /open/", "Allow: /*.mp4$"], "/open/1.mp4", True),
        (["Disallow: /open/", "Allow: /open/"], "/open/1.mp4", True),
        (["Disallow: /open/1.mp4$"], "/open/1.mp4", False),
        (["Disallow: /OPEN/"], "/open/1.mp4", True),
        (["Disallow: /%6Fpen/"], "/open/1.mp4", False),
        (["Disallow:"], "/open/1.mp4", True),
        (["Disallow: /closed", "", "User-agent: *", "Disallow: /open"], "/open/1.mp4", False),
    ],
)  # fmt: skip
def test_the_longest_rule_that_matches_counts(host, tmp_path, rules, path, came):
    """RFC 9309, 2.2.2 and 2.2.3: `*` is any text, a last `$` the end, and of equals that which allows counts."""
    host.answers[path] = host.answers["/open/1.mp4"]
    says(host, "User-agent: *", *rules)
    assert fetched(host, path, tmp_path) is (True if came else ErrorKind.OPT_OUT)


def test_rules_at_the_end_of_a_long_file_count(host, tmp_path):
    says(host, "User-agent: *", *["Disallow: /other"] * 20_000, "Disallow: /closed")
    assert fetched(host, "/closed/1.mp4", tmp_path) is ErrorKind.OPT_OUT


@pytest.mark.parametrize("rule", ["/" + "*a" * 3000, "/" + "*" * 100_000, "/" + "[(.+" * 1000], ids=["a*", "*", "["])
def test_a_rule_that_would_take_for_ever_is_matched_in_time(host, tmp_path, rule):
    says(host, "User-agent: *", f"Disallow: {rule}b$")
    started_s = time.monotonic()
    assert fetched(host, "/open/1.mp4", tmp_path) is True
    assert time.monotonic() - started_s < 5.0


@pytest.mark.parametrize("headers", [{"X-Robots-Tag": "noai, noimageai"}, {"TDM-Reservation": "1"}])
def test_an_answer_that_reserves_itself_is_left_alone(host, tmp_path, headers):
    host.answers["/open/1.mp4"] = lambda _: Answer(body=VIDEO, headers=MP4 | headers)
    assert fetched(host, "/open/1.mp4", tmp_path) is ErrorKind.OPT_OUT
    assert fetched(host, "/open/1.mp4", tmp_path, honour_robots=False) is True


def test_the_user_may_answer_for_it(host, tmp_path):
    says(host, "User-agent: *", "Disallow: /")
    assert fetched(host, "/closed/1.mp4", tmp_path, honour_robots=False) is True
    assert ("GET", "/robots.txt") not in host.asked


@pytest.mark.parametrize(
    ("headers", "reserved"),
    [
        ({}, False),
        ({"X-Robots-Tag": "all"}, False),
        ({"X-Robots-Tag": "nofollow"}, False),
        ({"X-Robots-Tag": "googlebot: noindex"}, True),
        ({"X-Robots-Tag": "NOAI"}, True),
        ({"X-Robots-Tag": "none"}, True),
        ({"TDM-Reservation": "0"}, False),
        ({"TDM-Reservation": "1"}, True),
    ],
)
def test_headers(headers, reserved):
    assert bool(reservation(headers)) is reserved
