import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2a_curation.acquire.errors import FINAL, POLICIES, ErrorKind, FetchError, Policy
from h2a_curation.acquire.retry import RetryRules, Tries, wait_s, with_retries
from schemas import SETTLED

RULES = RetryRules(max_tries=4, first_wait_s=1.0, max_wait_s=3.0, max_retry_after_s=60.0)


def failing(times: int, kind: ErrorKind, retry_after_s: float | None = None):
    tries = Tries()

    def call() -> str:
        tries.num += 1
        if tries.num <= times:
            raise FetchError(kind, "no", retry_after_s)
        return "came"

    return call


@pytest.mark.parametrize("kind", ErrorKind)
def test_each_policy_is_kept(kind):
    slept: list[float] = []
    tries = Tries()
    call = failing(9, kind)
    with pytest.raises(FetchError):
        with_retries(call, key="p", rules=RULES, sleep=slept.append, tries=tries)
    assert tries.num == (4 if POLICIES[kind] in (Policy.RETRY, Policy.STOP) else 1)
    assert len(slept) == tries.num - 1


@pytest.mark.parametrize("num_faults", [0, 1, 3])
def test_a_fault_that_clears_is_forgotten(num_faults):
    slept: list[float] = []
    call = failing(num_faults, ErrorKind.SERVER_ERROR)
    assert with_retries(call, key="p", rules=RULES, sleep=slept.append) == "came"
    assert len(slept) == num_faults


def test_the_site_s_own_wait_is_honoured():
    slept: list[float] = []
    with_retries(failing(2, ErrorKind.RATE_LIMITED, 17.0), key="p", rules=RULES, sleep=slept.append)
    assert slept == [17.0, 17.0]


def test_a_wait_of_hours_is_not_waited():
    tries = Tries()
    with pytest.raises(FetchError):
        with_retries(failing(9, ErrorKind.RATE_LIMITED, 3600.0), key="p", rules=RULES, sleep=pytest.fail, tries=tries)
    assert tries.num == 1


def test_a_bug_is_not_tried_again():
    tries = Tries()
    with pytest.raises(ZeroDivisionError):
        with_retries(lambda: 1 // 0, key="p", rules=RULES, sleep=pytest.fail, tries=tries)
    assert tries.num == 1


@given(st.text(), st.integers(1, 30))
def test_waits_double_up_to_a_limit_and_are_spread(key, num_tries):
    backoff_s = min(RULES.max_wait_s, 2.0 ** (num_tries - 1))
    assert 0.5 * backoff_s <= wait_s(key, num_tries, None, RULES) < 1.5 * backoff_s


def test_waits_are_the_same_in_every_run_and_differ_between_posts():
    assert wait_s("a", 1, None, RULES) == wait_s("a", 1, None, RULES) != wait_s("b", 1, None, RULES)


@pytest.mark.parametrize("changed", [{"max_tries": 0}, {"max_runs": 0}, {"first_wait_s": -1.0}, {"first_wait_s": 31.0}])
def test_impossible_rules(changed):
    with pytest.raises(ValueError, match=r"max_tries|max_runs|first_wait_s"):
        RetryRules(**changed)


def test_what_settles_in_the_tables_is_what_is_never_asked_for_again():
    assert ("ok", *FINAL) == SETTLED
