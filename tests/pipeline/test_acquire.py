"""Lanes on a lake and a real site that fails: what came is there, nothing is there twice, and no id is burnt."""

import dataclasses
import email.utils
import functools
import itertools
import threading
import time
from datetime import timedelta
from types import SimpleNamespace

import pytest

import schemas
from h2a_curation.acquire.breaker import Breaker
from h2a_curation.acquire.errors import FetchError
from h2a_curation.acquire.fetch import FetchRules
from h2a_curation.catalog.views import connect
from h2a_curation.executors.local import local_executor
from h2a_curation.lake import lake as lakes
from h2a_curation.lake import parts
from h2a_curation.pipeline import acquire
from h2a_curation.pipeline import build as building
from h2a_curation.pipeline.part import Part, do_part
from h2a_curation.pipeline.rounds import fetch as files
from h2a_curation.recipes import load
from h2a_curation.sources.base import Cost, Page
from h2a_curation.sources.rules import SourceRules
from tests import factories
from tests.loopback import ON_LOOPBACK, Answer
from tests.sources.fixtures import sample_platform
from tests.sources.platform import JSON, MP4, VIDEO, listed, put_listing, put_post

QUICK = FetchRules(max_tries=2, first_wait_s=0.0, max_wait_s=0.0, max_runs=3)


def refusing(status, word):
    return Answer(status=status, body=f'{{"error": "{word}", "message": "no"}}'.encode(), headers=JSON)


FORBIDDEN, MISSING = refusing(403, "not available in your region"), refusing(404, "not found")
NEEDS_COOKIES = Answer(status=403, body=b'{"error": "x", "message": "cookies are no longer valid"}', headers=JSON)


MINI = functools.cache(load)


class World:
    """A lake of a recipe whose source is the site, and what a build does with it."""

    def __init__(self, site, folder, **source):
        self.site = site
        self.lake = lakes.create(folder / "lake", hides_people=False)
        settings = {"name": "h2a", "listing_url": "h2a-sample:tag:{tag}", "page_size": 10, "min_interval_s": 0}
        rules = SourceRules(**settings | {"extractor_args": sample_platform(site)} | source)
        mini = dataclasses.replace(MINI("sample-mini"), source=rules, fetch=QUICK)
        self.recipe = dataclasses.replace(mini, permissions=ON_LOOPBACK)

    def plan(self, round_no, **num_pages):
        granted = [
            schemas.Allocation(round=round_no, source="h2a", tag=tag, num_pages=num, belief=1.0, reason="seed")
            for tag, num in num_pages.items()
        ]
        plan = schemas.RoundPlan(round=round_no, first=0, until=round_no + 1, num_pages=len(granted), reason="granted")
        self.commit("plan", round_no, allocation=granted, round_plan=[plan])

    def end(self, round_no):
        self.commit("round", round_no, round_end=[schemas.RoundEnd(round=round_no)])

    def commit(self, stage, name, **rows):
        kinds = {"allocation": schemas.Allocation, "round_plan": schemas.RoundPlan, "round_end": schemas.RoundEnd,
                 "post": schemas.Post}  # fmt: skip
        tables = {table: schemas.to_arrow(kinds[table], found) for table, found in rows.items()}
        parts.commit(self.lake.path, stage, str(name), tables)

    def mine(self, round_no, part_size=256):
        with local_executor(1, lanes=4) as executor:
            recipe = dataclasses.replace(self.recipe, part_size=part_size)
            job = building.Job(lake=self.lake, recipe=recipe, run=executor, progress=lambda *_: None, models={})
            building.mine(building.Steps(job), round_no)

    def put(self, *names, **changed):
        """Posts that were listed."""
        for name in names:
            put_post(self.site, name)
        posts = [factories.post(f"h2a:{n}", source="h2a", url=f"h2a-sample:post:{n}", **changed) for n in names]
        self.commit("mine", f"listed-{names[0]}", post=posts)

    def fetch(self, *names, round_no=0, part_size=256):
        """As build.fetch does when these are the wanted posts."""
        wanted = [f"h2a:{name}" for name in names]
        left = files.unfetched(connect(self.lake.path), wanted, 10**6, self.recipe.fetch.max_runs)
        chunks = [tuple(left[n : n + part_size]) for n in range(0, len(left), part_size)]
        with local_executor(1, lanes=4) as executor:
            list(executor(self.lake.path, self.recipe, [Part("fetch", keys, round_no) for keys in chunks]))

    def requests(self):
        rows = connect(self.lake.path).query("FROM request ORDER BY tag, round, cursor").to_pylist()
        return [(r["tag"], r["cursor"], r["round"], r["outcome"]) for r in rows]

    def rows(self, table):
        """As they lie in the parts, nothing folded."""
        stage = {"media": "fetch"}.get(table, "mine")
        sql = f"SELECT count(*) AS n FROM read_parquet('{self.lake.path}/parts/{stage}/*/{table}.parquet')"
        return connect(self.lake.path).query(sql)["n"][0].as_py()

    def outcomes(self):
        rows = connect(self.lake.path).query("SELECT post_id, outcome FROM media ORDER BY post_id").to_pylist()
        return {r["post_id"].removeprefix("h2a:"): r["outcome"] for r in rows}


@pytest.fixture
def world(site, tmp_path):
    return World(site, tmp_path)


def pages(site, tag, num, **broken):
    """A listing of so many pages, of which some fail as long as their function says so."""
    put_listing(site, tag, [listed(f"{tag}{i}") for i in range(10 * num)])
    for name, answer in broken.items():
        path = f"/tag/{tag}?page={name.removeprefix('page')}&count=10"
        good = site.answers[path]
        site.answers[path] = lambda n, good=good, answer=answer: answer(n) or good(n)


def always(answer):
    return lambda n: answer


def until(num, answer):
    return lambda n: answer if n < num else None


def test_pages_that_came_before_a_stop_are_kept_and_the_next_run_goes_on(world, site):
    pages(site, "squat", 3, page2=until(2, NEEDS_COOKIES))
    pages(site, "gym", 2)
    world.plan(0, squat=3, gym=1)
    with pytest.raises(FetchError, match="credentials"):
        world.mine(0)
    assert world.requests() == [("gym", "", 0, "ok"), ("squat", "", 0, "ok")]
    assert connect(world.lake.path).query("FROM post JOIN hit USING (post_id)").num_rows == 20
    world.mine(0)
    assert world.requests()[1:] == [("squat", c, 0, "ok") for c in ("", "10", "20")]
    assert (world.rows("request"), world.rows("hit")) == (4, 40)
    num_asked = len(site.asked)
    world.mine(0)
    assert len(site.asked) == num_asked


def test_a_failed_page_is_asked_for_again_in_the_next_round(world, site):
    pages(site, "squat", 3, page2=until(2, Answer(status=500)))
    world.plan(0, squat=3)
    world.mine(0)
    assert world.requests() == [("squat", "", 0, "ok"), ("squat", "10", 0, "server_error")]
    world.plan(1, squat=2)
    world.mine(1)
    assert world.requests() == [("squat", "", 0, "ok"), ("squat", "10", 1, "ok"), ("squat", "20", 1, "ok")]
    early = connect(world.lake.path, before_round=1).query("SELECT outcome FROM request ORDER BY cursor")
    assert early["outcome"].to_pylist() == ["ok", "server_error"]
    num_asked = len(site.asked)
    for round_no in (0, 1):
        world.mine(round_no)
    assert len(site.asked) == num_asked, "the page that round 0 missed is round 1's"


def test_a_resumed_round_asks_for_no_failed_page_again_and_a_later_run_does(world, site):
    pages(site, "squat", 2, page1=until(4, Answer(status=500)))
    pages(site, "gym", 1)
    world.plan(0, squat=2, gym=1)
    world.mine(0)
    num_asked = len(site.asked)
    world.mine(0)
    assert len(site.asked) == num_asked, "the round is not done: this run goes on from a kill"
    world.end(0)
    world.mine(0)
    assert world.requests() == [("gym", "", 0, "ok"), ("squat", "", 0, "server_error")]
    world.mine(0)
    assert world.requests()[1:] == [("squat", "", 0, "ok"), ("squat", "10", 0, "ok")]
    assert world.rows("request") == 5


def test_a_page_is_asked_for_in_so_many_runs_and_no_more(world, site):
    pages(site, "squat", 2, page1=always(FORBIDDEN))
    pages(site, "gym", 1)
    world.plan(0, squat=2, gym=1)
    world.mine(0)
    world.end(0)
    for _ in range(5):
        world.mine(0)
    assert world.requests() == [("gym", "", 0, "ok"), ("squat", "", 0, "blocked")]
    assert sum(path.startswith("/tag/squat") for _, path in site.asked) == QUICK.max_runs


def test_where_no_page_came_at_all_the_same_command_asks_again(world, site):
    pages(site, "squat", 1, page1=until(2, Answer(status=500)))
    world.plan(0, squat=1)
    with pytest.raises(building.NothingKeptError, match="mining listed no post: 1 server_error"):
        world.mine(0)
    world.mine(0)
    assert world.requests() == [("squat", "", 0, "ok")]


def test_a_cursor_that_leads_back_over_rounds_ends_the_listing(world, monkeypatch):
    leads = {"": "a", "a": "b", "b": "a"}
    asked = []

    def search(tag, cursor):
        asked.append(cursor)
        return Page(
            posts=[factories.post(f"h2a:{cursor}")], next_cursor=leads[cursor], cost=Cost(num_requests=1, num_bytes=1)
        )

    source = SimpleNamespace(name="h2a", search=search, canary=lambda: None, listing_breaker=Breaker(5, "page"))
    monkeypatch.setattr("h2a_curation.pipeline.part.source_of", lambda *_: source)
    for round_no in range(4):
        world.plan(round_no, squat=1)
        world.mine(round_no)
    assert asked == ["", "a", "b"]
    assert world.rows("request") == 3


def test_files_that_came_before_a_stop_are_kept_and_the_next_run_goes_on(world, site):
    names = [f"p{n}" for n in range(6)]
    world.put(*names)
    good = site.answers["/post/p3"]
    site.answers["/post/p3"] = lambda n: NEEDS_COOKIES if n < 2 else good(n)
    with pytest.raises(FetchError, match="credentials"):
        world.fetch(*names)
    assert world.outcomes() == dict.fromkeys(names[:3], "ok")
    world.fetch(*names)
    assert world.outcomes() == dict.fromkeys(names, "ok")
    assert world.rows("media") == 6
    assert [p for _, p in site.asked].count("/media/p0.mp4") == 1


def test_a_part_that_failed_as_a_whole_is_asked_again_and_its_rows_are_not_lost(world, site):
    """The same keys in the same round: a commit under the same name would be dropped."""
    world.put("a", "b")
    goods = {name: site.answers[f"/post/{name}"] for name in ("a", "b")}
    for name, good in goods.items():
        site.answers[f"/post/{name}"] = lambda n, good=good: Answer(status=500) if n < 2 else good(n)
    world.fetch("a", "b")
    assert world.outcomes() == {"a": "server_error", "b": "server_error"}
    world.fetch("a", "b")
    assert world.outcomes() == {"a": "ok", "b": "ok"}
    assert world.rows("media") == 4


def test_a_post_that_may_come_is_asked_for_by_later_runs_so_many_times(world, site):
    world.put("good", "elsewhere", "gone")
    site.answers["/post/elsewhere"] = always(FORBIDDEN)
    site.answers["/post/gone"] = always(MISSING)
    names = ("good", "elsewhere", "gone")
    world.plan(0, squat=1)
    world.fetch(*names)
    world.fetch(*names)
    assert world.rows("media") == 3, "the round is not done: this run goes on from a kill"
    world.end(0)
    for _ in range(5):
        world.fetch(*names)
    assert world.outcomes() == {"good": "ok", "elsewhere": "blocked", "gone": "gone"}
    assert world.rows("media") == 2 + QUICK.max_runs


NAMES = [f"p{n:02}" for n in range(30)]


@pytest.mark.parametrize("part_size", [30, 3])
def test_a_site_that_shuts_us_out_stops_the_lane_and_burns_no_id(site, tmp_path, part_size):
    world = World(site, tmp_path, canary="h2a-sample:post:canary")
    put_post(site, "canary")
    world.put(*NAMES)
    goods = {name: site.answers[f"/post/{name}"] for name in (*NAMES, "canary")}
    shut = threading.Event()
    for name, good in goods.items():
        site.answers[f"/post/{name}"] = lambda n, good=good: MISSING if shut.is_set() else good(n)
    site.answers["/media/p04.mp4"] = lambda _: shut.set() or Answer(body=VIDEO, headers=MP4)
    with pytest.raises(FetchError, match="and the canary failed too"):
        world.fetch(*NAMES, part_size=part_size)
    assert set(world.outcomes().values()) == {"ok"}
    shut.clear()
    site.answers["/media/p04.mp4"] = always(Answer(body=VIDEO, headers=MP4))
    world.fetch(*NAMES, part_size=part_size)
    assert world.outcomes() == dict.fromkeys(NAMES, "ok")


def test_where_the_canary_comes_the_failures_are_the_posts_own(site, tmp_path):
    world = World(site, tmp_path, canary="h2a-sample:post:canary", canary_after=3)
    put_post(site, "canary")
    world.put(*NAMES)
    for name in NAMES[:-1]:
        site.answers[f"/post/{name}"] = always(FORBIDDEN)
    world.fetch(*NAMES)
    assert world.outcomes() == dict.fromkeys(NAMES[:-1], "blocked") | {NAMES[-1]: "ok"}
    assert [p for _, p in site.asked].count("/post/canary") == len(NAMES[:-1]) // 3
    assert list((world.lake.path / "media").rglob("*.mp4")) == []
    assert not list((world.lake.path / ".tmp").iterdir())


def test_one_odd_post_stops_nothing_and_a_changed_site_does_without_a_canary_too(world, site):
    world.put(*NAMES)
    site.answers["/post/p03"] = always(Answer(body=b"<html>", headers=JSON))
    world.fetch(*NAMES[:6])
    assert world.outcomes()["p03"] == "extractor_broken"
    for name in NAMES[8:]:
        site.answers[f"/post/{name}"] = always(Answer(body=b"<html>", headers=JSON))
    with pytest.raises(FetchError, match=r"5 posts in a row failed \(5 extractor_broken\): the site has changed"):
        world.fetch(*NAMES)
    assert sorted(world.outcomes()) == NAMES[:8]


def test_listings_are_judged_by_a_listing_that_gave_posts_before(world, site):
    pages(site, "good", 1)
    tags = {f"t{n}": 1 for n in range(12)}
    for tag in tags:
        pages(site, tag, 1, page1=always(Answer(body=b"<html>", headers=JSON)))
    world.plan(0, good=1)
    world.mine(0)
    world.plan(1, **tags)
    world.mine(1)
    assert {outcome for tag, _, _, outcome in world.requests() if tag != "good"} == {"extractor_broken"}
    site.answers["/tag/good?page=1&count=10"] = always(Answer(body=b"<html>", headers=JSON))
    world.plan(2, **tags)
    with pytest.raises(FetchError, match="the listing of #good, which gave posts before, failed too"):
        world.mine(2)
    assert {round_no for _, _, round_no, _ in world.requests()} == {0, 1}


class Storm:
    """A host that refuses for a while, and remembers when it was asked."""

    def __init__(self, pause_s, as_date, num):
        self.asked_s = []
        self._left = num
        self._pause_s = pause_s
        self._as_date = as_date
        self._lock = threading.Lock()

    def __call__(self, good):
        def answer(n):
            with self._lock:
                self.asked_s.append(time.monotonic())
                self._left -= 1
                refuses = self._left >= 0
            if not refuses:
                return good(n)
            wait = str(self._pause_s)
            if self._as_date:
                wait = email.utils.formatdate(time.time() + self._pause_s, usegmt=True)
            return Answer(status=429, headers={"Retry-After": wait})

        return answer


@pytest.mark.parametrize("as_date", [False, True], ids=["seconds", "date"])
def test_in_a_storm_of_429_all_lanes_wait_as_long_as_the_site_asks_and_all_files_come(site, tmp_path, as_date):
    world = World(site, tmp_path, max_per_host=1)
    names = NAMES[:8]
    world.put(*names)
    storm = Storm(2, as_date, num=3)
    for name in names:
        site.answers[f"/post/{name}"] = storm(site.answers[f"/post/{name}"])
    world.recipe = dataclasses.replace(world.recipe, fetch=dataclasses.replace(QUICK, max_tries=9))
    world.fetch(*names, part_size=2)
    assert world.outcomes() == dict.fromkeys(names, "ok")
    gaps_s = [b - a for a, b in itertools.pairwise(sorted(storm.asked_s))][:3]
    assert min(gaps_s) >= (0.9 if as_date else 1.9), "a date has no fractions of a second"


def test_a_pause_of_an_hour_is_a_row_at_once_for_all_of_that_host(world, site):
    world.put(*NAMES)
    site.answers[f"/post/{NAMES[0]}"] = always(Answer(status=429, headers={"Retry-After": "3600"}))
    started_s = time.monotonic()
    world.fetch(*NAMES)
    assert time.monotonic() - started_s < 20
    assert world.outcomes() == dict.fromkeys(NAMES, "rate_limited")
    assert len(site.asked) == 1, "the host is left alone"


@pytest.mark.parametrize("most", [1, 2])
def test_no_more_than_so_many_requests_are_with_one_host(site, tmp_path, most):
    world = World(site, tmp_path, max_per_host=most)
    names = NAMES[:12]
    world.put(*names)
    inside, seen, lock = [], [], threading.Lock()

    def slowly(good):
        def answer(n):
            with lock:
                inside.append(n)
                seen.append(len(inside))
            time.sleep(0.05)
            with lock:
                inside.pop()
            return good(n)

        return answer

    for path in [path for path in site.answers if path.startswith(("/post/", "/media/"))]:
        site.answers[path] = slowly(site.answers[path])
    world.fetch(*names, part_size=2)
    assert world.outcomes() == dict.fromkeys(names, "ok")
    assert max(seen) == most


def test_a_clock_that_jumps_loses_no_row_and_doubles_none(world, site, monkeypatch):
    jumps = itertools.cycle([timedelta(0), timedelta(days=-400), timedelta(days=400), timedelta(seconds=-1)])
    monkeypatch.setattr(acquire, "_now", lambda: factories.DAY + next(jumps))
    pages(site, "squat", 4, page2=until(2, Answer(status=500)))
    world.put("a", "b")
    site.answers["/post/b"] = always(FORBIDDEN)
    for round_no in range(4):
        world.plan(round_no, squat=1)
        world.mine(round_no)
        world.fetch("a", "b", round_no=round_no)
        world.end(round_no)
    assert world.requests() == [("squat", c, r, "ok") for c, r in (("", 0), ("10", 2), ("20", 3))]
    assert world.outcomes() == {"a": "ok", "b": "blocked"}


def test_a_part_that_is_done_twice_at_a_time_is_there_once(world, site):
    pages(site, "squat", 3)
    world.plan(0, squat=3)
    threads = [
        threading.Thread(target=do_part, args=(world.lake.path, world.recipe, Part("mine", ("squat",), 0)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert (world.rows("request"), world.rows("hit")) == (3, 30)


@pytest.mark.parametrize(
    ("outcome", "answer"),
    [
        ("too_large", Answer(body=b"{", headers=JSON, promised_bytes=1_000_000_000)),
        ("truncated", Answer(body=b'{"posts": [', headers=JSON, promised_bytes=500)),
        ("extractor_broken", Answer(body=b'{"posts": [{"id": "1", "cap', headers=JSON)),
        ("extractor_broken", Answer(body=bytes(range(256)) * 40, headers=JSON)),
        ("extractor_broken", Answer(body=b"<!doctype html><title>Just a moment...</title>", headers=JSON)),
    ],
    ids=["a gigabyte", "half an answer", "half of JSON", "binary", "HTML"],
)
def test_a_site_that_answers_nonsense_costs_its_page_alone(world, site, outcome, answer):
    pages(site, "squat", 1)
    pages(site, "gym", 1, page1=always(answer))
    world.plan(0, squat=1, gym=1)
    world.mine(0)
    assert world.requests() == [("gym", "", 0, outcome), ("squat", "", 0, "ok")]
