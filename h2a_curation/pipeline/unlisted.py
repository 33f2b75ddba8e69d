"""What a later visit of a listing brings: of its pages, the posts that the listing had not listed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import pyarrow as pa

import schemas
from h2a_curation.acquire.listing import Listed
from h2a_curation.catalog.views import Catalog


def unlisted(pages: Iterable[Listed], facts: Catalog) -> Iterator[Listed]:
    """The pages of one visit, each with what the listing had not listed, up to the first that has nothing of this.

    Pages are asked for one by one, so none is asked for after that one. Its row says that the visit ends there.
    """
    known: set[str] | None = None
    for page in pages:
        known = _listed(facts, page.request) if known is None else known
        new = [post for post in page.posts if post.post_id not in known]
        ends = page.request.outcome == "ok" and not new
        request = replace(page.request, next_cursor=None) if ends else page.request
        if request.content:
            request = replace(request, num_changed=_num_changed(facts, [p for p in page.posts if p.post_id in known]))
        yield Listed(request, new, [hit for hit in page.hits if hit.post_id not in known])
        if ends:
            return
        known |= {post.post_id for post in new}


def _listed(facts: Catalog, request: schemas.Request) -> set[str]:
    """Ids of the posts that the listing has listed by now."""
    sql = "SELECT post_id FROM hit WHERE source = $source AND tag = $tag"
    return set(facts.query(sql, params={"source": request.source, "tag": request.tag})["post_id"].to_pylist())


def _num_changed(facts: Catalog, posts: Sequence[schemas.Post]) -> int:
    """Posts whose address, caption or hashtags are others than when they were first listed."""
    said = pa.table(
        {
            "post_id": pa.array([post.post_id for post in posts], pa.string()),
            "says": pa.array(
                [{"url": post.url, "caption": post.caption, "hashtags": post.hashtags} for post in posts], _SAYS
            ),
        }
    )
    sql = """
        SELECT count(*) AS n FROM said JOIN post USING (post_id)
        WHERE says <> {url: url, caption: caption, hashtags: hashtags}
    """
    return int(facts.query(sql, {"said": said})["n"][0].as_py())


_SAYS = pa.struct([("url", pa.string()), ("caption", pa.string()), ("hashtags", pa.list_(pa.string()))])
