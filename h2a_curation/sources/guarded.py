"""A source as the build uses it: what it lists is fit for rows, opt-outs are honoured, another may fetch."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from h2a_curation.acquire.breaker import Breaker
from h2a_curation.acquire.errors import ErrorKind, FetchError
from h2a_curation.foundation.secret_text import remember_address, shareable, with_shareable_addresses
from h2a_curation.sources import address
from h2a_curation.sources.base import Page, Source
from h2a_curation.sources.politeness.opt_out import OptOuts
from h2a_curation.sources.sanitise import tidy
from h2a_curation.sources.short_links import ShortLinks, is_short
from schemas import Post


class GuardedSource:
    """One source that lists and one that fetches, often the same."""

    def __init__(
        self,
        lists: Source,
        fetches: Source,
        *,
        fetch_url: str,
        opt_outs: OptOuts,
        short_links: ShortLinks,
        canary_url: str,
        clock: Callable[[], datetime],
        canary_after: int = 5,
    ) -> None:
        """`fetch_url` holds `{id}`, or is empty where the listed address is the one to fetch."""
        self.listing_breaker = Breaker(canary_after, "page")
        self.file_breaker = Breaker(canary_after, "post")
        self._lists = lists
        self._fetches = fetches
        self._fetch_url = fetch_url
        self._opt_outs = opt_outs
        self._short_links = short_links
        self._canary_url = canary_url
        self._clock = clock
        self._with_secrets: dict[str, str] = {}
        """Addresses that were listed with a login, token or signature, by post: they are for asking, and for no row."""

    @property
    def name(self) -> str:
        """The prefix of its posts' ids."""
        return self._lists.name

    def check(self) -> None:
        """ValueError when this cannot work as it is configured; no network request."""
        self._lists.check()
        if self._fetches is not self._lists:
            self._fetches.check()

    def remarks(self) -> list[str]:
        """What whoever starts a build should know of what is not listed."""
        told: Callable[[], list[str]] = getattr(self._lists, "remarks", list)
        return told()

    def named_classes(self) -> Mapping[str, int]:
        """Number of posts that the source names each class for, by the class's normalised name; empty for a site."""
        told: Callable[[], Mapping[str, int]] = getattr(self._lists, "named_classes", dict)
        return told()

    def search(self, tag: str, cursor: str) -> Page:
        """One page of the tag's listing, without the posts that are to be left alone: nothing of them is kept."""
        page = self._lists.search(tag, cursor)
        kept: dict[str, Post] = {}
        errors = []
        for post, reason in self._judged(page.posts):
            if isinstance(reason, Exception):
                errors.append(reason)
            elif not reason:
                kept[post.post_id] = self._addressed(post)
        odd = Counter(page.odd) + Counter(unreadable=len(errors))
        return replace(page, posts=list(kept.values()), odd=odd, errors=[*page.errors, *errors])

    def _judged(self, listed: Sequence[Post]) -> Iterator[tuple[Post, str | Exception]]:
        """Each post, tidy, with why it is to be left alone, or with the error of one that cannot be judged."""
        tidied: list[Post] = []
        for post in listed:
            try:
                tidied.append(tidy(post))
            except Exception as error:  # noqa: BLE001  # whatever a source made of an entry
                yield post, error
        try:
            yield from zip(tidied, self._opt_outs.reasons(tidied), strict=True)
        except (ArithmeticError, LookupError, TypeError, ValueError):
            yield from ((post, self._reason(post)) for post in tidied)

    def _reason(self, post: Post) -> str | Exception:
        try:
            return self._opt_outs.reason(post)
        except Exception as error:  # noqa: BLE001  # what cannot be judged is not asked for
            return error

    def whole(self, post: Post) -> Post:
        """The post with the address as it was listed: rows have it without login, token and signature.

        What this process listed is remembered, and a table is read again. The post itself where nobody knows more.
        """
        told: Callable[[str], str | None] = getattr(self._lists, "listed_url", lambda post_id: None)
        url = self._with_secrets.get(post.post_id) or told(post.post_id) or post.url
        remember_address(url)
        is_another = url == post.url or shareable(url) != shareable(post.url)
        return post if is_another else replace(post, url=url)

    def resolved(self, post: Post) -> Post:
        """The post with the address to which its short link leads, and the creator's name in it as `handle`.

        A post whose address is no short link comes back as it is. FetchError where the link leads nowhere, and for a
        post that is to be left alone.
        """
        self._refuse_opted_out(post)
        if self._fetch_url or not is_short(post.url):
            return post
        given = address.read(self._short_links.resolved(post.url))
        found = replace(post, url=given.url, handle=given.handle or post.handle)
        self._refuse_opted_out(found)
        return found

    def _refuse_opted_out(self, post: Post) -> None:
        if reason := self._opt_outs.reason(post):
            raise FetchError(ErrorKind.OPT_OUT, reason)

    def fetch(self, post: Post, target: Path) -> None:
        """Write the post's file to `target`, unless it is to be left alone."""
        self._refuse_opted_out(post)
        if self._fetch_url and post.url != self._canary_url:
            post = replace(post, url=self._fetch_url.replace("{id}", post.post_id.partition(":")[2]))
        self._fetches.fetch(replace(post, url=address.read(post.url).url), target)

    def canary(self) -> Post | None:
        """The post that the recipe knows to be good, to be fetched where others fail; None where it names none."""
        if not self._canary_url:
            return None
        return Post(
            post_id=f"{self.name}:canary",
            source=self.name,
            url=self._canary_url,
            creator=None,
            caption="",
            hashtags=[],
            posted_at=None,
            language=None,
            duration_s=None,
            width_px=None,
            height_px=None,
            num_views=None,
            num_likes=None,
            seen_at=self._clock(),
        )

    def _addressed(self, post: Post) -> Post:
        """The post as it may be kept: its address in the one form and without secrets, and who made it as its creator,
        or beside another name of theirs.
        """
        given = address.read(post.url)
        handle = post.handle or given.handle
        creator = post.creator or handle
        is_other = handle is not None and creator is not None and creator.removeprefix("@").lower() != handle
        url = shareable(given.url)
        if url != given.url:
            self._with_secrets[post.post_id] = given.url
        return replace(
            post,
            url=url,
            caption=with_shareable_addresses(post.caption),
            creator=creator,
            handle=handle if is_other else None,
        )
