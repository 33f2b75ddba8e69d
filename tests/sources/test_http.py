"""The client of our own sources: what it follows, whose turn it waits for, and its word for each way to fail.

What it does where the other side is hostile is in test_hostile.py, for the sources that are built on it.
"""

import contextlib
import gzip
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from h2a_curation.acquire.errors import ErrorKind, FetchError
from h2a_curation.acquire.fetch import FetchRules
from h2a_curation.sources.http import HttpClient, status_kind
from h2a_curation.sources.politeness.pace import Hosts, Pace, host_of
from h2a_curation.sources.politeness.robots import Robots
from tests.loopback import ANYWHERE, Answer, serving
from tests.sources.hostile import FAULTS, standing_before
from tests.sources.platform import JSON, MP4, VIDEO

LIMITS = FetchRules(max_file_bytes=100_000, timeout_s=1.0, socket_timeout_s=0.5)


class Clock:
    """Time that passes by waiting alone."""

    def __init__(self):
        self.now_s = 0.0
        self.hosts = Hosts(now_s=lambda: self.now_s, sleep=self.sleep)

    def sleep(self, seconds):
        self.now_s += seconds


def client(min_interval_s=0.0, hosts=None, **changed):
    pace = Pace(min_interval_s, max_pause_s=60.0, hosts=hosts or Hosts())
    return HttpClient(pace, LIMITS, **{"reach": ANYWHERE} | changed)


def moved(place, status=302):
    return lambda _: Answer(status=status, headers={"Location": place}, body=b"it is over there")


def failing(call, *arguments):
    with pytest.raises(FetchError) as caught:
        call(*arguments)
    return caught.value


def test_an_answer_is_what_came_and_what_it_cost(site):
    site.answers["/a"] = lambda _: Answer(body=b"{}", headers=JSON)
    answer = client().get(f"{site.url}/a")
    assert (answer.status, answer.body, answer.num_requests, answer.num_bytes) == (200, b"{}", 1, 2)
    assert answer.headers["content-type"] == "application/json"


def test_what_is_compressed_comes_whole(site):
    body = gzip.compress(b"squat " * 1000)
    site.answers["/a"] = lambda _: Answer(body=body, headers=JSON | {"Content-Encoding": "gzip"})
    assert client().get(f"{site.url}/a").body == b"squat " * 1000


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed_and_counted(site, status):
    site.answers["/a"], site.answers["/b"] = moved("/b", status), lambda _: Answer(body=b"here")
    answer = client().get(f"{site.url}/a")
    assert (answer.body, answer.url, answer.num_requests) == (b"here", f"{site.url}/b", 2)


def test_each_hop_waits_for_its_own_hosts_turn(site):
    clock = Clock()
    with serving() as other:
        site.answers["/a"], other.answers["/b"] = moved(f"{other.url}/b"), lambda _: Answer(body=b"here")
        asking = client(4.0, clock.hosts)
        asking.get(f"{other.url}/b")
        asking.get(f"{site.url}/a")
    assert clock.now_s == 4.0, "the second host was asked before, the first was not"
    assert clock.hosts.num_seated == 0


def test_a_redirect_within_a_host_is_no_way_around_its_pace(site):
    clock = Clock()
    site.answers["/a"], site.answers["/b"] = moved("/b"), lambda _: Answer(body=b"here")
    client(4.0, clock.hosts).get(f"{site.url}/a")
    assert clock.now_s == 4.0


def test_a_secret_goes_to_no_other_address():
    def good():
        raise AssertionError("the front answers by itself")

    with standing_before(good) as front, serving() as other:
        front.fault = lambda s: s.sendall(
            f"HTTP/1.1 307 Moved\r\nLocation: {other.url}/token\r\nContent-Length: 0\r\n\r\n".encode()
        )
        answer = client().post(f"{front.url}/token", data={"client_secret": "s3cret"})
    assert (answer.status, answer.num_requests, other.asked) == (307, 1, [])


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "ftp://127.0.0.1/a", "dict://127.0.0.1/a", "/etc/passwd", "http://[", ""]
)
def test_only_the_web_is_asked(address, tmp_path):
    for call in (lambda: client().get(address), lambda: client().save(address, tmp_path / "file")):
        assert failing(call).kind is ErrorKind.EXTRACTOR_BROKEN


def test_a_file_is_saved_and_what_came_with_a_redirect_is_not(site, tmp_path):
    site.answers["/a.mp4"], site.answers["/b.mp4"] = moved("/b.mp4"), lambda _: Answer(body=VIDEO, headers=MP4)
    client().save(f"{site.url}/a.mp4", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == VIDEO


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(body=VIDEO * 30, headers=MP4), ErrorKind.TOO_LARGE),
        (Answer(body=VIDEO * 30, headers=MP4 | {"Content-Length": ""}), ErrorKind.TOO_LARGE),
        (Answer(body=b"", headers=MP4), ErrorKind.TRUNCATED),
        (Answer(body=VIDEO, headers=MP4, promised_bytes=9000), ErrorKind.TRUNCATED),
        (Answer(body=b"<html>", headers={"Content-Type": "text/html; charset=utf-8"}), ErrorKind.NOT_VIDEO),
        (Answer(status=404, body=b"<html>", headers={"Content-Type": "text/html"}), ErrorKind.GONE),
        (Answer(status=403, body=b"no"), ErrorKind.BLOCKED),
        (Answer(body=VIDEO, headers=MP4, wait_s=2.0), ErrorKind.TIMEOUT),
        (Answer(body=VIDEO, headers=MP4, chunk_wait_s=0.4), ErrorKind.TIMEOUT),
    ],
)
def test_a_file_that_does_not_come(site, tmp_path, answer, kind):
    site.answers["/a.mp4"] = lambda _: answer
    assert failing(client().save, f"{site.url}/a.mp4", tmp_path / "file").kind is kind


def test_an_answer_above_the_limit_is_not_kept(site):
    site.answers["/a"] = lambda _: Answer(body=b"x" * 5001)
    assert failing(client(max_answer_bytes=5000).get, f"{site.url}/a").kind is ErrorKind.TOO_LARGE
    assert len(client(max_answer_bytes=5001).get(f"{site.url}/a").body) == 5001


def test_nobody_there_is_unreachable():
    assert failing(client().get, "http://127.0.0.1:9/").kind is ErrorKind.UNREACHABLE
    assert failing(client().get, "http://nowhere.invalid/").kind is ErrorKind.UNREACHABLE


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (304, ErrorKind.SERVER_ERROR), (400, ErrorKind.GONE), (401, ErrorKind.LOGIN), (403, ErrorKind.BLOCKED),
        (404, ErrorKind.GONE), (408, ErrorKind.TIMEOUT), (418, ErrorKind.GONE), (429, ErrorKind.RATE_LIMITED),
        (451, ErrorKind.BLOCKED), (500, ErrorKind.SERVER_ERROR), (503, ErrorKind.SERVER_ERROR),
        (599, ErrorKind.SERVER_ERROR),
    ],
)  # fmt: skip
def test_a_status_has_one_word(status, kind):
    assert status_kind(status) is kind


def test_a_wait_that_is_asked_for_is_told_and_kept(site):
    clock = Clock()
    site.answers["/a"] = lambda n: Answer(status=503 if n == 0 else 200, headers={"Retry-After": "7"} if n == 0 else {})
    asking = client(0.0, clock.hosts)
    error = failing(asking.get(f"{site.url}/a").raise_for_status)
    assert (error.kind, error.retry_after_s) == (ErrorKind.SERVER_ERROR, 7.0)
    assert asking.get(f"{site.url}/a").raise_for_status().status == 200
    assert clock.now_s == 7.0


def test_what_is_waited_for_a_turn_is_not_the_calls_time(site):
    site.answers["/a"], site.answers["/b"] = moved("/b"), lambda _: Answer(body=b"here")
    started_s = time.monotonic()
    assert client(1.2).get(f"{site.url}/a").body == b"here"
    assert time.monotonic() - started_s > LIMITS.timeout_s


def test_all_redirects_of_a_call_share_its_time(site):
    for hop in range(5):
        answer = Answer(status=302, headers={"Location": f"/{hop + 1}"}, wait_s=0.4)
        site.answers[f"/{hop}"] = lambda _, answer=answer: answer
    started_s = time.monotonic()
    assert failing(client().get, f"{site.url}/0").kind is ErrorKind.TIMEOUT
    assert time.monotonic() - started_s < 4.0


def test_what_is_done_at_the_turn_is_done_once_for_each_request_and_may_refuse_it(site):
    site.answers["/a"] = lambda _: Answer(body=b"here")

    def refuse():
        raise FetchError(ErrorKind.QUOTA, "used up")

    assert failing(lambda: client().post(f"{site.url}/a", at_turn=refuse)).kind is ErrorKind.QUOTA
    assert site.asked == []


def test_threads_share_a_client(site):
    site.answers["/a"] = lambda n: Answer(body=str(n).encode())
    asking = client()
    with ThreadPoolExecutor(4) as threads:
        bodies = list(threads.map(lambda _: asking.get(f"{site.url}/a").body, range(40)))
    assert sorted(map(int, bodies)) == list(range(40))


@pytest.mark.parametrize(
    ("status", "forbids"), [(200, True), (404, False), (403, False), (500, None), (429, None)]
)  # fmt: skip
def test_robots_txt_may_be_read_through_it(site, status, forbids):
    site.answers["/robots.txt"] = lambda _: Answer(status=status, body=b"User-agent: *\nDisallow: /closed")
    check = lambda: Robots().check(f"{site.url}/closed/1.mp4", client().small_text)  # noqa: E731
    if forbids is False:
        check()
        return
    expected = {200: ErrorKind.OPT_OUT, 500: ErrorKind.SERVER_ERROR, 429: ErrorKind.RATE_LIMITED}
    assert failing(check).kind is expected[status]


def test_a_text_without_end_is_read_as_far_as_it_is_wanted(site):
    site.answers["/robots.txt"] = lambda _: Answer(body=b"Disallow: /\n" * 2000)
    asking = client(max_answer_bytes=10_000)
    assert asking.small_text(f"{site.url}/robots.txt", 12) == "Disallow: /\n"


def test_a_host_that_fails_once_serves_the_next_caller_on_the_same_client(site):
    with standing_before(lambda: site.url) as front:
        site.answers["/a"] = lambda _: Answer(body=b"here")
        asking = client()
        for fault in FAULTS.values():
            front.fault, front.num_faults = fault, 1
            with contextlib.suppress(FetchError):  # some faults are answers, such as a redirect
                asking.get(f"{front.url}/a")
            asking._pace = Pace(0.0, hosts=Hosts())  # the pause that one of them asks for is not what is tested
            assert asking.get(f"{front.url}/a").body == b"here"
    assert host_of(front.url).startswith("127.0.0.1:")
