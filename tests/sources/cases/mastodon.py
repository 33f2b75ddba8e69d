from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from h2a_curation.sources.fediverse.rules import MASTODON_ADDRESS
from h2a_curation.sources.rules import SourceRules
from tests.loopback import Site
from tests.sources.cases import NUM_POSTS, Through
from tests.sources.fediverse.mastodon_site import MastodonSite, status


@contextmanager
def rules(site: Site, folder: Path, through: Through) -> Iterator[SourceRules]:
    home = through(site.url)
    mastodon = MastodonSite(url=home, statuses=[status(n, home) for n in reversed(range(NUM_POSTS))])
    timeline = "/api/v1/timelines/tag/{}?only_media=true&limit=10"
    ends = [mastodon.statuses[n]["id"] for n in (9, 19, NUM_POSTS - 1)]
    paths = [timeline.format("squat"), timeline.format("surfing")]
    paths += [f"{timeline.format('squat')}&max_id={end}" for end in ends]
    paths += [f"/api/v1/statuses/{one['id']}" for one in mastodon.statuses]
    paths += [one["media_attachments"][0]["url"].removeprefix(home) for one in mastodon.statuses]
    site.answers.update({path: lambda _, path=path: mastodon.answer(path) for path in paths})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(MASTODON_ADDRESS, home)
        yield SourceRules(kind="mastodon", name="mastodon", page_size=10, min_interval_s=0)
