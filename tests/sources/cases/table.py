from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from h2a_curation.sources.rules import SourceRules
from tests.loopback import Site
from tests.sources.cases import CREATOR, NUM_POSTS, Through


@contextmanager
def rules(site: Site, folder: Path, through: Through) -> Iterator[SourceRules]:
    lines = [f"{through(site.url)}/media/{i}.mp4,squat,{CREATOR}" for i in range(NUM_POSTS)]
    (folder / "posts.csv").write_text("\n".join(["url,class,creator", *lines]))
    yield SourceRules(kind="table", name="table", file=folder / "posts.csv", min_interval_s=0)
