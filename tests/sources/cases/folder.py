import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from h2a_curation.sources.rules import SourceRules
from tests.loopback import Site
from tests.sources.cases import CREATOR, NUM_POSTS, Through
from tests.sources.platform import VIDEO

IS_OFFLINE = True


@contextmanager
def rules(site: Site, folder: Path, through: Through) -> Iterator[SourceRules]:
    downloads = folder / "downloads"
    downloads.mkdir()
    for i in range(NUM_POSTS):
        (downloads / f"{i}.mp4").write_bytes(VIDEO)
        info = {"id": str(i), "uploader_id": CREATOR, "title": "leg day #Squat", "extractor_key": "TikTok"}
        address = f"https://www.tiktok.com/@{CREATOR}/video/{i}"
        (downloads / f"{i}.info.json").write_text(json.dumps(info | {"webpage_url": address}))
    yield SourceRules(kind="folder", name="folder", file=downloads)
