from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from h2a_curation.sources.rules import SourceRules
from tests.loopback import Site
from tests.sources.cases import CREATOR, NUM_POSTS, Through
from tests.sources.platform import listed, put_listing, sample_platform


@contextmanager
def rules(site: Site, folder: Path, through: Through) -> Iterator[SourceRules]:
    put_listing(site, "squat", [listed(str(i), creator=CREATOR) for i in range(NUM_POSTS)])
    put_listing(site, "surfing", [])
    yield SourceRules(
        kind="ytdlp",
        name="h2a",
        listing_url="h2a-sample:tag:{tag}",
        page_size=10,
        min_interval_s=0,
        extractor_args=sample_platform(through(site.url)),
    )
