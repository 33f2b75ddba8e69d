import threading

import pytest

from h2a_curation.acquire.breaker import Breaker, KnownGood, Lane
from h2a_curation.acquire.errors import ErrorKind, FetchError, LaneStopped, Policy

AFTER = 3
BLOCKED, GONE, BROKEN, OK = ErrorKind.BLOCKED, ErrorKind.GONE, ErrorKind.EXTRACTOR_BROKEN, "ok"
OWN = [ErrorKind.GONE, ErrorKind.PRIVATE, ErrorKind.LOGIN, ErrorKind.PHOTO_POST, ErrorKind.NO_VIDEO, ErrorKind.NOT_YET]
SITES = [ErrorKind.BLOCKED, ErrorKind.RATE_LIMITED, ErrorKind.TIMEOUT, ErrorKind.TRUNCATED, ErrorKind.SERVER_ERROR]


class Canary:
    def __init__(self, *comes: bool, clears: bool = True) -> None:
        self.num_asked = 0
        self._comes = comes
        self.probe = KnownGood("the canary", self._ask, clears)

    def _ask(self) -> FetchError | None:
        comes = self._comes[min(self.num_asked, len(self._comes) - 1)]
        self.num_asked += 1
        return None if comes else FetchError(BLOCKED, "HTTP Error 403")


def through(outcomes, probe, breaker=None):
    """The outcomes that a part would commit, and the error that stopped it."""
    lane = Lane[str](breaker or Breaker(AFTER, "post"), probe)
    try:
        with lane:
            for outcome in lane.over(outcomes):
                lane.add(str(outcome), outcome)
    except FetchError as error:
        return lane.kept, error
    return lane.kept, None


@pytest.mark.parametrize("kind", SITES)
def test_a_streak_that_could_be_the_sites_fault_calls_for_the_canary(kind):
    canary = Canary(True)
    assert through([kind] * (AFTER - 1), canary.probe) == ([kind] * (AFTER - 1), None)
    assert canary.num_asked == 0
    assert through([kind] * AFTER, canary.probe) == ([kind] * AFTER, None)
    assert canary.num_asked == 1


@pytest.mark.parametrize("kind", [*SITES, BROKEN])
def test_where_the_canary_fails_too_the_lane_stops_and_burns_nothing(kind):
    canary = Canary(False)
    kept, error = through([OK, GONE, OK, kind, kind, kind, OK], canary.probe)
    assert kept == [OK, GONE, OK]
    assert isinstance(error, LaneStopped)
    assert (error.kind, error.policy) == (BLOCKED, Policy.STOP)
    assert f"3 posts in a row failed (3 {kind}), and the canary failed too (blocked: HTTP Error 403)" in error.detail
    assert canary.num_asked == 1


@pytest.mark.parametrize("kind", OWN)
def test_what_looks_like_the_posts_own_fault_takes_a_longer_streak(kind):
    canary = Canary(False)
    kept, error = through([OK] + [kind] * (4 * AFTER - 1) + [OK], canary.probe)
    assert (len(kept), error, canary.num_asked) == (4 * AFTER + 1, None, 0)
    kept, error = through([OK] + [kind] * 4 * AFTER, canary.probe)
    assert kept == [OK]
    assert isinstance(error, LaneStopped)


@pytest.mark.parametrize("num", [1, 2, AFTER])
def test_what_is_final_is_committed_at_the_end_only_where_the_site_is_at_work(num):
    outcomes = [OK] + [GONE] * num
    assert through(outcomes, Canary(True).probe) == (outcomes, None)
    kept, error = through(outcomes, Canary(False).probe)
    assert (kept, type(error)) == ([OK], LaneStopped)
    canary = Canary(False)
    assert through([*outcomes, OK], canary.probe) == ([*outcomes, OK], None)
    assert through([OK, BLOCKED], canary.probe) == ([OK, BLOCKED], None)
    assert canary.num_asked == 0, "what came after it shows the site at work, and what may come later is no loss"
    assert through(outcomes, None) == (outcomes, None)


def test_a_success_ends_the_streak():
    canary = Canary(False)
    outcomes = [BLOCKED, BLOCKED, OK] * 9
    assert through(outcomes, canary.probe) == (outcomes, None)
    assert canary.num_asked == 0


def test_a_file_that_is_too_large_shows_the_site_at_work_and_an_opt_out_nothing():
    canary = Canary(False)
    assert through([BLOCKED, BLOCKED, ErrorKind.TOO_LARGE] * 5, canary.probe)[1] is None
    assert through([BLOCKED, ErrorKind.OPT_OUT] * 2 + [ErrorKind.OPT_OUT] * 50, canary.probe)[1] is None
    assert isinstance(through([BLOCKED, ErrorKind.OPT_OUT] * AFTER, canary.probe)[1], LaneStopped)


@pytest.mark.parametrize("kind", [*SITES, *OWN])
def test_without_a_canary_nothing_but_a_changed_site_stops_the_lane(kind):
    outcomes = [kind] * 10 * AFTER
    assert through(outcomes, None) == (outcomes, None)
    kept, error = through([OK, *[BROKEN] * AFTER], None)
    assert kept == [OK]
    assert error is not None
    assert "name a post that is known to be good" in error.detail


def test_a_probe_that_clears_nothing_stops_where_it_fails_and_leaves_the_rest_to_the_kinds():
    assert isinstance(through([BLOCKED] * AFTER, Canary(False, clears=False).probe)[1], LaneStopped)
    assert through([BLOCKED] * AFTER, Canary(True, clears=False).probe)[1] is None
    assert isinstance(through([BROKEN] * AFTER, Canary(True, clears=False).probe)[1], LaneStopped)
    assert through([BROKEN] * AFTER, Canary(True).probe)[1] is None


def test_the_canary_is_asked_again_in_the_next_streak():
    canary = Canary(True, False)
    kept, error = through([BLOCKED] * 2 * AFTER, canary.probe)
    assert (kept, canary.num_asked) == ([BLOCKED] * AFTER, 2)
    assert isinstance(error, LaneStopped)


def raising(error):
    raise error


def test_a_stop_of_another_cause_keeps_what_came_and_drops_the_streak_before_it():
    lane = Lane[str](Breaker(AFTER, "post"), None)

    def part():
        with lane:
            for outcome in lane.over([GONE, OK, GONE, None]):
                lane.add(str(outcome), outcome or raising(FetchError(ErrorKind.UNREACHABLE, "no route")))

    with pytest.raises(FetchError, match="no route"):
        part()
    assert lane.kept == [GONE, OK]


def test_one_threads_stop_is_every_threads_and_the_next_run_starts_afresh():
    breaker = Breaker(AFTER, "post")
    with Lane[str](breaker, None) as slow:
        slow.add("blocked", BLOCKED)
        stopping = Lane[str](breaker, None)
        with pytest.raises(FetchError, match="used up"), stopping:
            raising(FetchError(ErrorKind.QUOTA, "used up", 60.0))
        kept, error = through([OK], None, breaker)
        assert kept == []
        assert (error.kind, error.retry_after_s) == (ErrorKind.QUOTA, 60.0)
        with pytest.raises(FetchError, match="used up"):
            list(slow.over([1]))
    assert through([OK], None, breaker) == ([OK], None)


def test_threads_share_a_streak_one_asks_and_none_burns_an_id():
    breaker = Breaker(8, "post")
    asked, together = [], threading.Barrier(4)

    def ask() -> FetchError:
        asked.append(threading.get_ident())
        return FetchError(BLOCKED, "no")

    kept: dict[int, list[str]] = {}

    def run(number: int) -> None:
        lane = Lane[str](breaker, KnownGood("the canary", ask))
        try:
            with lane:
                lane.add(f"came {number}", OK)
                together.wait(timeout=10)
                for n in lane.over(range(1000)):
                    lane.add(f"failed {number} {n}", BLOCKED)
        except LaneStopped:
            kept[number] = lane.kept

    threads = [threading.Thread(target=run, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert kept == {n: [f"came {n}"] for n in range(4)}
    assert len(asked) == 1


def test_something_that_came_while_the_canary_failed_keeps_the_lane_open():
    breaker = Breaker(AFTER, "post")

    def ask() -> FetchError:
        breaker.came(breaker.num_failed)
        return FetchError(GONE, "the canary was deleted")

    assert through([BLOCKED] * AFTER, KnownGood("the canary", ask), breaker) == ([BLOCKED] * AFTER, None)


def test_what_was_asked_for_before_the_failures_says_nothing_of_them():
    """A download that goes on while the site shuts us out."""
    breaker = Breaker(AFTER, "post")
    slow, quick = Lane[str](breaker, None), Lane[str](breaker, Canary(False).probe)
    items = slow.over(["slow"])
    next(items)

    def together():
        with slow, quick:
            for outcome in [OK, GONE, GONE]:
                quick.add(str(outcome), outcome)
            slow.add("slow", OK)
            list(quick.over([]))

    with pytest.raises(LaneStopped):
        together()
    assert (slow.kept, quick.kept) == (["slow"], [OK])
