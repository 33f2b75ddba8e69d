"""Which posts' files to fetch in a round: those drawn for the audit, then the most promising."""

import math
from collections.abc import Collection, Mapping, Sequence

import pyarrow as pa

import schemas
from h2a_curation.acquire.errors import POLICIES, Policy
from h2a_curation.audit import draw
from h2a_curation.catalog.views import Catalog
from h2a_curation.mining.fetch_priority import fetch_order
from h2a_curation.pipeline.rounds import retries
from h2a_curation.pipeline.rounds.findings import Findings, short
from h2a_curation.recipes import Recipe

TRY_AGAIN = tuple(kind.value for kind, policy in POLICIES.items() if policy is not Policy.NEVER)
"""Outcomes that say nothing final about a post: the next build asks again."""
_PUT_UP = f"""
    WITH listed AS (
        SELECT post_id, min(request.round) AS round FROM hit JOIN request USING (source, tag, visit, cursor)
        GROUP BY post_id
    )
    SELECT post_id FROM listed SEMI JOIN candidate USING (post_id)
    WHERE round > coalesce((SELECT max(round) FROM audit_draw), -1)
      AND post_id NOT IN (SELECT subject_id FROM verdict WHERE list_contains($leave_alone, reason))
      AND post_id NOT IN (SELECT post_id FROM media WHERE outcome NOT IN {("ok", *TRY_AGAIN)})
"""
"""Posts that were never put up for a draw; those with a file too, where audits began later: it costs nothing."""


def promising(
    facts: Catalog,
    screened: Mapping[str, pa.Table],
    known: Findings,
    put_off: Collection[str],
    recipe: Recipe,
    round_no: int,
) -> list[str]:
    """Ids of the posts that the post screen keeps, the most promising first; `facts` hold the round's pages.

    Without the posts `put_off`, whose file failed and is not asked for again now.
    """
    left_out = pa.table({"post_id": pa.array(sorted(put_off), pa.string())})
    kept = facts.query(
        """FROM candidate SEMI JOIN (SELECT class_id, subject_id AS post_id FROM verdict WHERE keep)
           USING (class_id, post_id) ANTI JOIN left_out USING (post_id)""",
        {**screened, "left_out": left_out},
    )
    candidates = schemas.from_arrow(
        schemas.Candidate, kept.sort_by([("class_id", "ascending"), ("post_id", "ascending")])
    )
    sql = "FROM post SEMI JOIN kept USING (post_id) ORDER BY post_id"
    posts = {p.post_id: p for p in schemas.from_arrow(schemas.Post, facts.query(sql, {"kept": kept}))}
    return fetch_order(
        candidates,
        posts,
        accepted=known.accepted,
        judged=known.judged,
        short=short(known, recipe),
        round_no=round_no,
        seed=recipe.seed,
    )


def files_by(facts: Catalog, recipe: Recipe, round_no: int) -> int:
    """Files to have at most when this round ends. A round of visits, for which nobody asked, adds as many as it has
    posts that no page had listed before, but no more than another round would: it fetches what is new, and no more of
    the old.
    """
    rows = facts.query(
        f"""
        WITH listed AS (
            SELECT post_id, min(request.round) AS round FROM hit JOIN request USING (source, tag, visit, cursor)
            GROUP BY post_id
        )
        SELECT any_value(reason) = 'visits' AS is_of_visits, count(post_id) AS num_new
        FROM round_plan LEFT JOIN listed USING (round) WHERE round <= {round_no} GROUP BY round
        """
    ).to_pylist()
    num_new: list[int] = [row["num_new"] for row in rows if row["is_of_visits"]]
    most = math.ceil(recipe.max_files / recipe.mine.num_rounds)
    return recipe.files_by(round_no - len(num_new)) + sum(min(most, num) for num in num_new)


def num_files(facts: Catalog, recipe: Recipe, round_no: int) -> int:
    """Files that this round may fetch."""
    came = facts.query(f"SELECT count(*) AS n FROM media WHERE outcome = 'ok' AND round < {round_no}")["n"][0].as_py()
    return max(0, files_by(facts, recipe, round_no) - int(came))


def has_begun(facts: Catalog, round_no: int) -> bool:
    """Whether this round's draw is over: it has rows, or files were asked for; `facts` are those of all rounds."""
    sql = f"SELECT 1 FROM audit_draw WHERE round >= {round_no} UNION ALL SELECT 1 FROM media WHERE round >= {round_no}"
    return bool(facts.query(f"FROM ({sql}) LIMIT 1").num_rows)


def drawn(
    facts: Catalog, screened: Mapping[str, pa.Table], order: Sequence[str], recipe: Recipe, round_no: int
) -> list[schemas.AuditDraw]:
    """The round's draw, from the posts that were listed by now, whether or not the screen or the order wants them."""
    never = {"leave_alone": ["opt_out", *recipe.audit.leave_alone]}
    posts = facts.query(_PUT_UP, dict(screened), never)["post_id"].to_pylist()
    num = draw.num_draws(recipe.audit, min(len(order), num_files(facts, recipe, round_no)), len(posts))
    return draw.draw(posts, num, seed=recipe.seed, round_no=round_no)


def fetch_plan(facts: Catalog, order: Sequence[str], recipe: Recipe, round_no: int, opted_out: pa.Table) -> list[str]:
    """Post ids to have by the end of this round: the drawn ones, then by `order`, as far as the budget goes.

    Some may have been drawn before they opted out (rows of OptedOut): these are left alone.
    """
    sql = f"FROM audit_draw ANTI JOIN opted_out USING (post_id) WHERE round = {round_no} ORDER BY post_id"
    of_audit: list[str] = facts.query(sql, {"opted_out": opted_out})["post_id"].to_pylist()
    wanted = list(dict.fromkeys([*of_audit, *order]))
    return wanted[: num_files(facts, recipe, round_no)]


def unfetched(facts: Catalog, wanted: Sequence[str], max_files: int, max_runs: int) -> list[str]:
    """Those of the wanted posts that this run is to ask for, as long as all rounds have less than so many files."""
    came = facts.query("SELECT count(*) AS n FROM media WHERE outcome = 'ok'")["n"][0].as_py()
    done = retries.posts_done(facts, max_runs)
    left = [post_id for post_id in wanted if post_id not in done]
    return left[: max(0, max_files - came)]
