"""Whatever the other side does, every kind that talks to one ends within its limits, with the word that fits."""

import time

import pytest

from h2a_curation.acquire.errors import ErrorKind, FetchError, Policy
from h2a_curation.acquire.fetch import FetchRules
from h2a_curation.sources import KINDS
from tests.sources.fixtures import CASES, made, ruled
from tests.sources.hostile import FAULTS, standing_before
from tests.sources.platform import VIDEO

LIMITS = FetchRules(max_file_bytes=100_000, timeout_s=1.0, socket_timeout_s=0.5, max_retry_after_s=3.0)
PATIENCE_S = 15.0
"""What a call may take: its limit, and what a busy machine adds."""
SIZE, TIME = {ErrorKind.TOO_LARGE}, {ErrorKind.TIMEOUT}
BROKEN = {ErrorKind.EXTRACTOR_BROKEN, ErrorKind.SERVER_ERROR, ErrorKind.TRUNCATED}
"""An answer that cannot be understood: the site's fault, tried again, and no word on the post."""
NO_FILE = BROKEN | {ErrorKind.NOT_VIDEO, ErrorKind.NO_VIDEO}
WORDS: dict[str, set[ErrorKind]] = {
    "a body that never ends": SIZE | TIME,  # whichever limit is met first
    "a body that drips": TIME,
    "chunks whose length drips": TIME | {ErrorKind.SERVER_ERROR},  # curl reads 16 digits of it and no more
    "a header that drips": TIME,
    "headers that drip": TIME,
    "a first line that drips": TIME | {ErrorKind.SERVER_ERROR},
    "headers without end": BROKEN,
    "silence": TIME,
    "fewer bytes than promised": {ErrorKind.TRUNCATED},
    "a connection that is cut": {ErrorKind.SERVER_ERROR},
    "a redirect that loops": BROKEN,
    "a redirect to a file": BROKEN,
    "a redirect to ftp": BROKEN,
    "too many requests": {ErrorKind.RATE_LIMITED},
    "an error of its own": {ErrorKind.SERVER_ERROR},
    "a gzip bomb": SIZE | TIME,
    "no gzip at all": BROKEN,
    "a page of HTML": NO_FILE,
    "JSON of another shape": NO_FILE,
    "no HTTP at all": BROKEN | {ErrorKind.UNREACHABLE},
}
MAY_COME = {"JSON of another shape"}
"""What yt-dlp may take for a file, since it believes an address that ends in .mp4."""
ONLINE = sorted(kind for kind in KINDS if not getattr(CASES[kind], "IS_OFFLINE", False))


@pytest.fixture(params=ONLINE)
def kind(request):
    return request.param


@pytest.fixture
def hostile(kind, site, tmp_path):
    """What makes a source of this kind, and the front through which it talks."""
    good = []

    def through(address):
        good.append(address)
        return front.url

    with standing_before(lambda: good[0]) as front, ruled(kind, site, tmp_path, through) as rules:
        assert good, f"the case of {kind} never calls through(address): what is tested here?"
        yield lambda: made(rules, tmp_path, LIMITS), front


def calls(source, kind, folder):
    """By name, what a build asks of a source; each is made ready while all is well."""
    post = answered(lambda: source.search("squat" if KINDS[kind].by_tag else "", "")).posts[0]
    return {
        "search": lambda: source.search("squat", ""),
        "fetch": lambda: source.fetch(post, folder / f"file{time.monotonic_ns()}"),
    }


def failing(call):
    started_s = time.monotonic()
    with pytest.raises(FetchError) as caught:
        call()
    return caught.value, time.monotonic() - started_s


def answered(call):
    """Call a site that is well. Its limit is a second, which a busy machine may use up by itself: so three tries."""
    for _ in range(2):
        try:
            return call()
        except FetchError as error:
            if error.kind is not ErrorKind.TIMEOUT:
                raise
    return call()


def came(call):
    """Whether a file came; whether it is a video is seen when it is probed."""
    try:
        call()
    except FetchError:
        return False
    return True


def spoken(calls, front):
    """Those of the calls that go through the front: a table is listed from memory, an API gives no files."""
    for name, call in calls.items():
        before = len(front.asked)
        answered(call)
        if len(front.asked) > before:
            yield name, call


def test_every_fault_has_its_words():
    assert set(WORDS) == set(FAULTS)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_hostile_site_is_left_in_time_with_the_word_that_fits(hostile, kind, tmp_path, fault):
    make, front = hostile
    source = make()
    ready = dict(spoken(calls(source, kind, tmp_path), front))
    assert ready, "no call of this kind goes to the site"
    for name, call in ready.items():
        front.fault, front.num_faults = FAULTS[fault], -1
        if fault in MAY_COME and name == "fetch" and came(call):
            front.fault = None
            continue
        error, took_s = failing(call)
        assert error.kind in WORDS[fault], f"{name}: {error}"
        assert took_s < PATIENCE_S, name
        if error.kind not in SIZE:
            assert error.policy in (Policy.RETRY, Policy.STOP) or error.kind in NO_FILE, name
        assert "root:" not in str(error)
        front.fault = None


@pytest.mark.parametrize("fault", ["a header that drips", "a gzip bomb", "a page of HTML", "a redirect to a file"])
def test_a_source_that_never_met_a_good_answer_fails_as_well(hostile, kind, fault):
    """The first request of a new source may be another one, such as that for a token."""
    make, front = hostile
    if not KINDS[kind].by_tag:
        pytest.skip("its listing asks nobody")
    front.fault = FAULTS[fault]
    error, took_s = failing(lambda: make().search("squat", ""))
    assert error.kind in WORDS[fault], error
    assert took_s < PATIENCE_S


def test_a_site_that_failed_once_is_asked_again_and_answers(hostile, kind, tmp_path):
    make, front = hostile
    for name, call in spoken(calls(make(), kind, tmp_path), front):
        front.fault, front.num_faults = FAULTS["an error of its own"], 1
        assert failing(call)[0].kind is ErrorKind.SERVER_ERROR, name
        answered(call)
        front.fault = None
    files = [file.read_bytes() for file in tmp_path.glob("file*") if file.stat().st_size]
    assert all(file == VIDEO for file in files)


def test_a_pause_that_is_asked_for_is_told_and_kept_by_all_sources(hostile, kind, tmp_path):
    """Longer than anybody may wait: so the second call, of another source, asks nobody."""
    make, front = hostile
    source, other = make(), make()
    ready = dict(spoken(calls(source, kind, tmp_path), front))
    others = calls(other, kind, tmp_path)
    name, call = next(iter(ready.items()))
    front.fault = FAULTS["too many requests"]
    assert failing(call)[0].retry_after_s == 7.0
    num_asked = len(front.asked)
    error, _ = failing(others[name])
    assert error.kind is ErrorKind.RATE_LIMITED
    assert 0 < error.retry_after_s <= 7.0
    assert len(front.asked) == num_asked


def test_nobody_goes_on_downloading_what_was_given_up(hostile, kind, tmp_path):
    make, front = hostile
    for _, call in spoken(calls(make(), kind, tmp_path), front):
        front.fault = FAULTS["a body that never ends"]
        failing(call)
        front.fault = None
    ends_s = time.monotonic() + PATIENCE_S
    while front.num_open and time.monotonic() < ends_s:
        time.sleep(0.02)
    assert front.num_open == 0
