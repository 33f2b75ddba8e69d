"""The sample platform as a server on loopback: `python -m h2a_curation.sample_world.site.serve`, and how to run it."""

import argparse
import json
import logging
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from h2a_curation.foundation import child_processes
from h2a_curation.foundation.atomic_files import replaced
from h2a_curation.foundation.interrupts import interrupts_held
from h2a_curation.sample_world.world.sizes import SizeName

if TYPE_CHECKING:
    from h2a_curation.sample_world.site.content import ClipPlatform, SamplePlatform

_START_S = 60.0
_MISTAKE = "mistake: "
"""What the site's line begins with that is no address: its process ends, and the caller gets a ValueError."""
_END_S = 10.0


@contextmanager
def serve(
    seed: int,
    size: SizeName,
    cache: Path | None = None,
    truth: Path | None = None,
    *,
    log: Path | None = None,
    classes: Path | None = None,
    as_of: datetime | None = None,
) -> Iterator[str]:
    """Run the site of a world in a process of its own while the context is open; yields its base URL.

    `cache` keeps rendered files (default: the user's cache folder). The truth is written to the file `truth`; each
    request becomes a JSON line of the file `log`; seed hashtags come from the class files `classes` (default: those
    that are shipped); posts that are newer than `as_of` are not there yet. ValueError where the classes lack one that
    the world films; RuntimeError where the site does not start.
    """
    files = {"--cache": cache, "--truth": truth, "--log": log, "--classes": classes}
    given = [word for name, file in files.items() if file for word in (name, str(file))]
    given += ["--as-of", as_of.isoformat()] if as_of else []
    with _running(["--seed", str(seed), "--size", size, *given]) as url:
        yield url


@contextmanager
def serve_clips(folder: Path, *, log: Path | None = None) -> Iterator[str]:
    """The same for a folder of real clips with `labels.csv`, which must be well-formed."""
    with _running(["--clips", str(folder), *(["--log", str(log)] if log else [])]) as url:
        yield url


@contextmanager
def _running(options: list[str]) -> Iterator[str]:
    with interrupts_held():  # it ends when this process lets it
        site = subprocess.Popen(
            [*child_processes.command("h2a_curation.sample_world.site.serve", "main"), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
    assert site.stdout
    try:
        ready, _, _ = select.select([site.stdout], [], [], _START_S)
        said = site.stdout.readline().strip() if ready else ""
        if said.startswith(_MISTAKE):
            raise ValueError(said.removeprefix(_MISTAKE))
        if ready and not said:
            raise RuntimeError(f"the sample site ended as it began, with exit code {site.wait(_END_S)}")
        if not said:
            raise RuntimeError(f"the sample site did not start within {_START_S:g} s")
        yield said
    finally:
        site.terminate()
        try:
            site.wait(_END_S)
        except subprocess.TimeoutExpired:
            site.kill()
            site.wait()
        site.stdout.close()


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGTERM, Ctrl-C or the parent's end; one line with the base URL says that it is ready."""
    parser = argparse.ArgumentParser(description="The sample short-video site.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", choices=["full", "mini"], default="full")
    parser.add_argument("--cache", type=Path, help="folder of rendered files (default: the user's cache folder)")
    parser.add_argument("--truth", type=Path, help="write the world's truth to this file")
    parser.add_argument("--classes", type=Path, help="class file or folder (default: the shipped ones)")
    parser.add_argument("--clips", type=Path, help="serve this folder of real clips with labels.csv instead")
    parser.add_argument("--log", type=Path, help="append a JSON line for each request to this file")
    parser.add_argument("--as-of", type=_moment, help="a moment such as 2026-05-01: newer posts are not there yet")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    try:
        _serve(parser.parse_args(arguments))
    except ValueError as mistake:  # in class files or labels: whoever started the site gave them, and says it
        sys.stdout.write(f"{_MISTAKE}{mistake}\n")
        sys.exit(2)


def _serve(options: argparse.Namespace) -> None:
    """Libraries are imported here, so that `serve` costs its caller nothing."""
    child_processes.keep_safe()  # the processes that render
    import uvicorn

    from h2a_curation.sample_world.site.app import make_app
    from h2a_curation.sample_world.site.parent import end_with_parent

    platform = _clip_platform(options) if options.clips else _world_platform(options)
    log = options.log.open("a", encoding="utf-8") if options.log else None
    config = uvicorn.Config(make_app(platform, log), log_config=None, timeout_graceful_shutdown=1)
    # Whoever is cut short by the site's end has ended too, or is told so by the connection.
    logging.getLogger("uvicorn.error").addFilter(lambda record: "graceful shutdown" not in record.getMessage())
    server = uvicorn.Server(config)
    end_with_parent(lambda: setattr(server, "should_exit", True))
    with socket.create_server(("127.0.0.1", options.port), backlog=256) as listener:
        sys.stdout.write(f"http://127.0.0.1:{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        server.run(sockets=[listener])


def _world_platform(options: argparse.Namespace) -> "SamplePlatform":
    from h2a_curation.sample_world.classes import rendered_classes
    from h2a_curation.sample_world.site.content import SamplePlatform
    from h2a_curation.sample_world.site.files import default_cache
    from h2a_curation.sample_world.world.truth import truth
    from h2a_curation.sample_world.world.world import make_world

    world = make_world(
        options.seed, options.size, [(c.id, list(c.seed_hashtags)) for c in rendered_classes(options.classes)]
    )
    if options.truth:
        with replaced(options.truth.parent, options.truth) as file:
            file.write(json.dumps(truth(world), indent=1).encode())
    return SamplePlatform(world, options.cache or default_cache(), as_of=options.as_of)


def _moment(text: str) -> datetime:
    """From ISO 8601; without a zone it is UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _clip_platform(options: argparse.Namespace) -> "ClipPlatform":
    from h2a_curation.sample_world.site.content import ClipPlatform
    from h2a_curation.sample_world.site.real_clips import read_labels

    return ClipPlatform(options.clips, read_labels(options.clips))


if __name__ == "__main__":
    main()
