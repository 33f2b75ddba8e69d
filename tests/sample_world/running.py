"""A site in this process, on a real port, with files that cost nothing to make."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from socket import create_server
from typing import TextIO

import uvicorn

from h2a_curation.sample_world.site.app import make_app
from h2a_curation.sample_world.site.content import Platform, SamplePlatform
from h2a_curation.sample_world.site.files import cached_file
from h2a_curation.sample_world.world.cast import FilePlan
from h2a_curation.sample_world.world.world import World


class CountingMaker:
    """Makes a file of text that names its plan, and counts how often it was asked to."""

    def __init__(self) -> None:
        self.num_made: Counter[FilePlan] = Counter()

    def __call__(self, plan: FilePlan, folder: Path) -> Path:
        self.num_made[plan] += 1
        target = cached_file(plan, folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(repr(plan).encode() * 100)
        return target


@contextmanager
def site_of(world: World, cache: Path, make: CountingMaker, log: TextIO | None = None) -> Iterator[str]:
    with ThreadPoolExecutor(2) as pool, site(SamplePlatform(world, cache, make, pool), log) as url:
        yield url


@contextmanager
def site(platform: Platform, log: TextIO | None = None) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(make_app(platform, log), log_config=None, timeout_graceful_shutdown=1))
    with create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)
