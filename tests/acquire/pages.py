"""What several pages of a listing say together."""

from collections.abc import Iterable

from h2a_curation.acquire.listing import Listed
from schemas import Hit, Post, Request


def together(pages: Iterable[Listed]) -> tuple[list[Request], list[Post], list[Hit]]:
    """A request row a page, every post as first seen, and which page listed which post."""
    listed = list(pages)
    posts: dict[str, Post] = {}
    for post in (post for page in listed for post in page.posts):
        posts.setdefault(post.post_id, post)
    return [page.request for page in listed], list(posts.values()), [hit for page in listed for hit in page.hits]
