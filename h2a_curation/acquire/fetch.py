"""Fetch the file of one post into the lake, under the hash of its bytes; a failure is a row."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from h2a_curation.acquire.errors import ErrorKind, FetchError, Policy
from h2a_curation.acquire.retry import RetryRules, Tries, with_retries
from h2a_curation.lake import layout
from h2a_curation.lake.files import keep_file, written_aside
from schemas import Media, Post

Fetched = TypeVar("Fetched")


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRules(RetryRules):
    """Patience and limits for one file."""

    max_file_bytes: int = 200_000_000
    """Larger files are `too_large`. The source stops at it while reading; what came is measured again."""
    timeout_s: float = 120.0
    """Wall clock of one try, whatever the speed: the source keeps it."""
    socket_timeout_s: float = 20.0
    """Silence on the line that counts as `timeout`: the source keeps it."""

    def __post_init__(self) -> None:
        RetryRules.__post_init__(self)
        if self.max_file_bytes < 1 or self.timeout_s <= 0 or self.socket_timeout_s <= 0:
            raise ValueError(f"limits must be above 0: {self}")


def fetch_post(
    post: Post,
    round_no: int,
    fetch: Callable[[Post, Path], Post | None],
    lake: Path,
    *,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None],
    rules: FetchRules,
) -> Media:
    """Fetch one file to its place in the lake, which its sha256 names, trying again as the error's policy says.

    `fetch(post, target)` is a source's; where the post's address is a short link, it returns the post with the address
    to which that leads: the row's alias. Returns a row for a file and for every failure that is the post's own; raises
    FetchError when the lane must stop (the site cannot be reached, the day's allowance is used up, ...).
    """
    tries = Tries()
    try:
        with written_aside(lake) as unfinished:
            file, found = _fetched(post, fetch, unfinished, sleep, rules, tries)
            num_bytes = file.stat().st_size
            media_id = _keep(file, lake)
    except FetchError as error:
        if error.policy is Policy.STOP:
            raise
        return _row(post, round_no, clock(), tries.num, outcome=error.kind, detail=error.detail)
    row = _row(post, round_no, clock(), tries.num, media_id=media_id, num_bytes=num_bytes)
    return row if found is None else replace(row, alias=found.url, handle=found.handle)


def try_post(
    post: Post,
    fetch: Callable[[Post, Path], object],
    lake: Path,
    *,
    sleep: Callable[[float], None],
    rules: FetchRules,
) -> FetchError | None:
    """Fetch a file as `fetch_post` does and drop it: why it does not come, or None where it came."""
    try:
        with written_aside(lake) as unfinished:
            _fetched(post, fetch, unfinished, sleep, rules, Tries())
    except FetchError as error:
        return error
    return None


def _fetched(
    post: Post,
    fetch: Callable[[Post, Path], Fetched],
    unfinished: Path,
    sleep: Callable[[float], None],
    rules: FetchRules,
    tries: Tries,
) -> tuple[Path, Fetched]:
    """The file, in a folder of this call alone, and what `fetch` returns: each try has a name of its own."""

    def once() -> tuple[Path, Fetched]:
        target = unfinished / str(tries.num)
        found = fetch(post, target)
        _refuse_what_is_no_file(target, rules)
        return target, found

    return with_retries(once, key=post.post_id, rules=rules, sleep=sleep, tries=tries)


def _refuse_what_is_no_file(target: Path, rules: FetchRules) -> None:
    num_bytes = target.stat().st_size if target.is_file() else 0
    if num_bytes == 0:
        raise FetchError(ErrorKind.TRUNCATED, "no bytes came")
    if num_bytes > rules.max_file_bytes:
        raise FetchError(ErrorKind.TOO_LARGE, f"{num_bytes} bytes, limit {rules.max_file_bytes}")


def _keep(file: Path, lake: Path) -> str:
    """Move the file to the place that its bytes name, and return that name; what is there already is the same file."""
    with file.open("rb") as opened:
        media_id = hashlib.file_digest(opened, "sha256").hexdigest()
    keep_file(lake, file, lake / layout.media_file(media_id))
    return media_id


def _row(
    post: Post,
    round_no: int,
    now: datetime,
    num_tries: int,
    *,
    outcome: str = "ok",
    detail: str = "",
    media_id: str | None = None,
    num_bytes: int = 0,
) -> Media:
    return Media(
        post_id=post.post_id,
        round=round_no,
        outcome=str(outcome),
        detail=detail,
        media_id=media_id,
        num_bytes=num_bytes,
        num_tries=num_tries,
        fetched_at=now,
    )
