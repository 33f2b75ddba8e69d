import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from h2a_curation.acquire.errors import POLICIES, ErrorKind, FetchError, Policy
from h2a_curation.acquire.fetch import FetchRules, fetch_post, try_post
from h2a_curation.lake import layout
from tests import factories
from tests.loopback import Answer, serving
from tests.sources.platform import MP4, VIDEO, platform, put_post

RULES = FetchRules(first_wait_s=0.0, max_file_bytes=100_000)
MEDIA_ID = hashlib.sha256(VIDEO).hexdigest()


def run(fetch, lake, slept=None, post_id="s:1", url="", rules=RULES):
    post = factories.post(post_id, url=url)
    sleep = (lambda _: None) if slept is None else slept.append

    def under_its_own_address(post, target):
        fetch(post, target)

    return fetch_post(post, 2, under_its_own_address, lake, clock=lambda: factories.DAY, sleep=sleep, rules=rules)


def files(lake):
    return sorted(str(f.relative_to(lake)) for f in lake.rglob("*") if f.is_file())


def test_a_file_lies_under_the_hash_of_its_bytes(tmp_path):
    media = run(lambda post, target: target.write_bytes(VIDEO), tmp_path)
    assert media == factories.media(
        "s:1", round=2, outcome="ok", media_id=MEDIA_ID, num_bytes=len(VIDEO), num_tries=1, fetched_at=factories.DAY
    )
    assert files(tmp_path) == [f"media/{MEDIA_ID[:2]}/{MEDIA_ID}"]
    assert (tmp_path / layout.media_file(MEDIA_ID)).read_bytes() == VIDEO


def test_two_posts_of_one_file_share_it(tmp_path):
    ids = {run(lambda post, target: target.write_bytes(VIDEO), tmp_path, post_id=f"s:{i}").media_id for i in range(3)}
    assert (ids, len(files(tmp_path))) == ({MEDIA_ID}, 1)


@pytest.mark.parametrize("kind", [k for k in ErrorKind if POLICIES[k] is not Policy.STOP])
def test_a_failure_of_the_post_is_a_row_and_leaves_nothing(tmp_path, kind):
    def fetch(post, target):
        target.write_bytes(b"a part")
        raise FetchError(kind, "the site's\nown words")

    media = run(fetch, tmp_path)
    assert (media.outcome, media.detail, media.media_id, media.num_bytes) == (kind, "the site's own words", None, 0)
    assert media.num_tries == (4 if POLICIES[kind] is Policy.RETRY else 1)
    assert files(tmp_path) == []


@pytest.mark.parametrize("kind", [k for k in ErrorKind if POLICIES[k] is Policy.STOP])
def test_a_failure_of_the_site_burns_no_post(tmp_path, kind):
    def fetch(post, target):
        raise FetchError(kind, "down")

    with pytest.raises(FetchError):
        run(fetch, tmp_path)


@pytest.mark.parametrize("kind", [None, *ErrorKind])
def test_a_canary_comes_or_says_why_not_and_leaves_nothing(tmp_path, kind):
    def fetch(post, target):
        target.write_bytes(VIDEO)
        if kind:
            raise FetchError(kind, "no")

    error = try_post(factories.post("s:canary"), fetch, tmp_path, sleep=lambda _: None, rules=RULES)
    assert (error and error.kind) == kind
    assert files(tmp_path) == []


def test_ctrl_c_leaves_nothing(tmp_path):
    def fetch(post, target):
        target.write_bytes(b"a part")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(fetch, tmp_path)
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("body", "outcome"), [(None, "truncated"), (b"", "truncated"), (b"x" * 100_001, "too_large"), (b"x", "ok")]
)
def test_what_came_is_looked_at(tmp_path, body, outcome):
    def fetch(post, target):
        if body is not None:
            target.write_bytes(body)

    assert run(fetch, tmp_path).outcome == outcome


def test_the_part_of_one_try_does_not_reach_the_next(tmp_path):
    seen = []

    def fetch(post, target):
        seen.append(target.exists())
        target.write_bytes(VIDEO)
        if len(seen) < 3:
            raise FetchError(ErrorKind.TRUNCATED, "half")

    assert run(fetch, tmp_path).num_tries == 3
    assert seen == [False] * 3


LATE = [
    ("429 twice", lambda n: Answer(status=429, headers={"Retry-After": "1"}) if n < 2 else None, [1.0, 1.0]),
    ("500 once", lambda n: Answer(status=500) if n < 1 else None, [0.0]),
    ("hangs once", lambda n: Answer(body=VIDEO, headers=MP4, wait_s=0.6) if n < 1 else None, [0.0]),
    ("half a file once", lambda n: Answer(body=VIDEO[:99], headers=MP4, promised_bytes=5012) if n < 1 else None, [0.0]),
]


@pytest.mark.parametrize(("fault", "waited_s"), [case[1:] for case in LATE], ids=[case[0] for case in LATE])
def test_a_temporary_fault_of_a_real_server_clears(tmp_path, fault, waited_s):
    with serving() as site:
        put_post(site, "1")
        site.answers["/media/1.mp4"] = lambda n: fault(n) or Answer(body=VIDEO, headers=MP4)
        slept: list[float] = []
        media = run(platform(site).fetch, tmp_path, slept, url="h2a-sample:post:1")
    assert (media.outcome, media.media_id, media.num_tries) == ("ok", MEDIA_ID, len(waited_s) + 1)
    assert slept == waited_s


def test_threads_fetch_side_by_side(tmp_path):
    with serving() as site, ThreadPoolExecutor(4) as threads:
        for i in range(12):
            put_post(site, str(i), Answer(body=VIDEO + bytes([i]), headers=MP4) if i % 3 else Answer(status=404))
        source = platform(site, socket_timeout_s=5.0, timeout_s=20.0)
        outcomes = list(
            threads.map(lambda i: run(source.fetch, tmp_path, post_id=f"s:{i}", url=f"h2a-sample:post:{i}"), range(12))
        )
    assert [m.outcome for m in outcomes] == ["ok" if i % 3 else "gone" for i in range(12)]
    assert len(files(tmp_path)) == 8


@pytest.mark.parametrize("changed", [{"max_file_bytes": 0}, {"timeout_s": 0.0}, {"max_tries": 0}])
def test_impossible_rules(changed):
    with pytest.raises(ValueError, match=r"at least one try|above 0"):
        FetchRules(**changed)


@pytest.mark.parametrize("link", [".tmp", "media", f"media/{MEDIA_ID[:2]}"])
def test_a_file_is_not_fetched_through_a_link_in_the_lake(tmp_path, link):
    home, lake = tmp_path / "home", tmp_path / "lake"
    home.mkdir()
    (lake / link).parent.mkdir(parents=True)
    (lake / link).symlink_to(home)
    with pytest.raises(ValueError, match=r"is a link to .*nothing is written or removed through links in a lake"):
        run(lambda post, target: target.write_bytes(VIDEO), lake)
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("media_id", ["../../../etc/passwd", "/etc/passwd", "..", "", "ab", MEDIA_ID.upper()])
def test_a_file_that_a_row_names_is_a_hash(tmp_path, media_id):
    with pytest.raises(ValueError, match=r"the lake names a file .* which is no sha256"):
        layout.media_file(media_id)
