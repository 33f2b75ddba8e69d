from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from h2a_curation.sources.fediverse.rules import PEERTUBE_ADDRESS
from h2a_curation.sources.rules import SourceRules
from tests.loopback import Site
from tests.sources.cases import NUM_POSTS, Through
from tests.sources.fediverse.peertube_site import PeerTubeSite, video


@contextmanager
def rules(site: Site, folder: Path, through: Through) -> Iterator[SourceRules]:
    home = through(site.url)
    peertube = PeerTubeSite(videos=[video(n, home) for n in range(NUM_POSTS)])
    search = "/api/v1/search/videos?tagsOneOf={}&start={}&count=10&sort=-publishedAt&nsfw=both"
    paths = [search.format("squat", start) for start in range(0, NUM_POSTS, 10)] + [search.format("surfing", 0)]
    paths += [f"/api/v1/videos/{v['uuid']}" for v in peertube.videos]
    paths += [f["fileUrl"].removeprefix(home) for v in peertube.videos for f in v["files"]]
    site.answers.update({path: lambda _, path=path: peertube.answer(path) for path in paths})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(PEERTUBE_ADDRESS, home)
        yield SourceRules(kind="peertube", name="peertube", page_size=10, min_interval_s=0)
