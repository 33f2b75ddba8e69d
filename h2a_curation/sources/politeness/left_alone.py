"""The recipe's opt-outs over the lake's rows: which posts are to be left alone by now."""

import pyarrow as pa

import schemas
from h2a_curation.catalog.views import Catalog
from h2a_curation.lake.lake import Lake
from h2a_curation.sources import read_opt_outs
from h2a_curation.sources.politeness.opt_out import COLUMNS, MARKS, OptOuts
from h2a_curation.sources.rules import SourceRules

_POSTS = f"SELECT {', '.join(COLUMNS)} FROM post"
_ALIASES = """
    SELECT post_id, alias, creator, media.handle, hashtags
    FROM post JOIN (FROM media WHERE alias <> '') media USING (post_id)
"""
"""The same posts under the addresses to which their short links led."""


def opt_outs_of(lake: Lake, source: SourceRules) -> OptOuts:
    """Who is to be left alone, from the files as they are now; ValueError for one that cannot be read."""
    return read_opt_outs(source, lake.pseudonym)


def opted_out(facts: Catalog, opt_outs: OptOuts) -> pa.Table:
    """The posts to leave alone (rows of OptedOut, by post), candidates or not."""
    if not opt_outs.has_entries and not opt_outs.by_marks:
        return schemas.to_arrow(schemas.OptedOut, [])
    if not opt_outs.has_entries:  # a mark is a hashtag of the post, whatever its addresses
        marked = facts.query(f"{_POSTS} WHERE list_has_any(hashtags, {sorted(MARKS)})")
        return opt_outs.among(marked).sort_by("post_id")
    asked = opt_outs.among(facts.query(f"{_POSTS} UNION ALL {_ALIASES}"))
    return facts.query("SELECT post_id, min(reason) AS reason FROM asked GROUP BY 1 ORDER BY 1", {"asked": asked})
