from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import schemas
from h2a_curation.sources.sanitise import MAX_CAPTION_CHARACTERS, MAX_HASHTAGS, moment, tidy
from tests import factories

TEXT = st.text(alphabet=st.characters(exclude_categories=()), max_size=40)
NUMBER = st.one_of(st.none(), st.integers(), st.integers(min_value=-(2**80), max_value=2**80))


@settings(deadline=None, max_examples=60)
@given(
    caption=TEXT,
    tags=st.lists(TEXT),
    creator=st.none() | TEXT,
    views=NUMBER,
    width=NUMBER,
    duration=st.none() | st.floats(),
    posted=st.none() | st.datetimes(timezones=st.just(UTC)),
)
def test_whatever_a_site_says_fits_into_a_row_and_comes_back(caption, tags, creator, views, width, duration, posted):
    post = factories.post(
        caption=caption, hashtags=tags, creator=creator, num_views=views, width_px=width, duration_s=duration,
        posted_at=posted,
    )  # fmt: skip
    tidied = tidy(post)
    assert schemas.from_arrow(schemas.Post, schemas.to_arrow(schemas.Post, [tidied])) == [tidied]
    assert tidy(tidied) == tidied


def test_a_plausible_post_stays_as_it_is():
    post = factories.post(caption="ｆｕｌｌ 🏋️ ไทย हिन्दी", hashtags=["ヨガ", "योग", "اليوغا"])
    assert tidy(post) == post


@pytest.mark.parametrize(
    ("posted_at", "is_believed"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), False),
        (datetime(1995, 1, 1, tzinfo=UTC), True),
        (factories.DAY + timedelta(hours=20), True),
        (factories.DAY + timedelta(days=2), False),
        (datetime(9999, 1, 1, tzinfo=UTC), False),
    ],
)
def test_dates_far_off_are_unknown(posted_at, is_believed):
    assert (tidy(factories.post(posted_at=posted_at)).posted_at is not None) is is_believed


@pytest.mark.parametrize("seconds", [None, float("nan"), float("inf"), 1e30, -1e30])
def test_moments_that_no_calendar_has(seconds):
    assert moment(seconds) is None


def test_the_endless_is_cut():
    post = tidy(factories.post(caption="a" * 1_000_000, hashtags=["x" * 1_000_000, *map(str, range(1_000))]))
    assert (len(post.caption), len(post.hashtags)) == (MAX_CAPTION_CHARACTERS, MAX_HASHTAGS)
