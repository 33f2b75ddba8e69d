import pytest

from h2a_curation.sources.politeness.retry_after import retry_after_s

NOON = "Tue, 24 Nov 2026 12:00:00 GMT"
NOON_S = 1_795_521_600.0


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "1.5"}, None),
        ({"Retry-After": "120"}, 120.0),
        ({"Retry-After": " 0 "}, 0.0),
        ({"Retry-After": "9" * 400}, float("9" * 18)),
        ({"Retry-After": "Tue, 24 Nov 2026 12:01:00 GMT"}, 60.0),
        ({"Retry-After": "Tue, 24 Nov 2026 14:01:00 +0200"}, 60.0),
        ({"Retry-After": "Tuesday, 24-Nov-26 12:01:00 GMT"}, 60.0),
        ({"Retry-After": "Tue, 24 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"Retry-After": "Fri, 31 Dec 99999 23:59:59 GMT"}, None),
        ({"Retry-After": "Tue, 99 Foo 2026 99:99:99 GMT"}, None),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2026-11-24T12:05:00.000000Z"}, 300.0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1795521607"}, 7.0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9"}, 9.0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2026-11-24T11:00:00Z"}, 0.0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "later"}, None),
        ({"X-RateLimit-Remaining": "0"}, None),
        ({"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "1795521607"}, None),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9", "Retry-After": "2"}, 2.0),
    ],
)
def test_seconds_or_a_date(headers, wait_s):
    assert retry_after_s(headers, lambda: NOON_S) == wait_s


@pytest.mark.parametrize("off_s", [-(10**9), -3600.0, 0.0, 3600.0, 10**9])
def test_a_clock_that_is_off_changes_nothing_where_the_site_says_its_own(off_s):
    headers = {"Retry-After": "Tue, 24 Nov 2026 12:00:30 GMT", "Date": NOON}
    assert retry_after_s(headers, lambda: NOON_S + off_s) == 30.0
