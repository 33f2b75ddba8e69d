from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from h2a_curation.sources.rules import SourceRules
from h2a_curation.sources.tiktok_research.rules import TIKTOK_ADDRESS, TikTokSettings
from tests import factories
from tests.loopback import Site
from tests.sources.cases import NUM_POSTS, Through
from tests.sources.platform import clock, put_post, sample_platform
from tests.sources.tiktok_site import KEY, SECRET, serving_tiktok, video


@contextmanager
def rules(site: Site, folder: Path, through: Through) -> Iterator[SourceRules]:
    """Fetches from the sample platform, by id."""
    with serving_tiktok(now=clock) as tiktok, keys_in_the_environment(through(tiktok.url)):
        tiktok.videos = [video(i, factories.DAY - timedelta(days=3 * i), id=i + 1) for i in range(NUM_POSTS)]
        put_post(site, str(NUM_POSTS))
        yield SourceRules(
            kind="tiktok_research",
            name="tiktok",
            page_size=8,
            min_interval_s=0,
            settings=TikTokSettings(num_windows=4),
            fetch_with=SourceRules(
                post_url="h2a-sample:post:{id}", min_interval_s=0, extractor_args=sample_platform(site.url)
            ),
        )


@contextmanager
def keys_in_the_environment(address: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOK_CLIENT_KEY", KEY)
        patch.setenv("TIKTOK_CLIENT_SECRET", SECRET)
        patch.setenv(TIKTOK_ADDRESS, address)
        yield
