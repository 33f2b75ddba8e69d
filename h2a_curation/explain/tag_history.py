"""What became of each hashtag and why, round by round: proposed, granted pages, what came, its changes of state."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

import schemas
from h2a_curation.catalog.views import Catalog, connect
from h2a_curation.decide.candidates import succession
from h2a_curation.lake import decisions
from h2a_curation.lake.lake import Lake
from h2a_curation.recipes import Recipe
from schemas import SETTLED

Key = tuple[str, str]
"""Source and tag."""
_CAME = """
    WITH gave AS (
        SELECT source, tag, round, count(*) AS num_new,
               count(judgement.post_id) AS num_judged, count(valid.post_id) AS num_accepted
        FROM first_listing LEFT JOIN judgement USING (post_id)
             LEFT JOIN (SELECT DISTINCT post_id FROM selection) valid USING (post_id)
        GROUP BY ALL
    )
    SELECT source, tag, round, count(*) AS num_pages, sum(num_posts)::BIGINT AS num_posts,
           list_sort(list(DISTINCT outcome) FILTER (outcome <> 'ok')) AS failed,
           coalesce(bool_or(next_cursor IS NULL) FILTER (visit = 0), false) AS ended,
           string_agg(nullif(odd, ''), '; ' ORDER BY requested_at, cursor) AS odd,
           coalesce(any_value(num_new), 0) AS num_new, coalesce(any_value(num_judged), 0) AS num_judged,
           coalesce(any_value(num_accepted), 0) AS num_accepted
    FROM request LEFT JOIN gave USING (source, tag, round) GROUP BY source, tag, round ORDER BY ALL
"""
"""A post counts for the listing that mining credits it to: see mining/arms.py."""
_VISITS = f"""
    WITH visit AS (
        SELECT source, tag, visit, min(requested_at) AS began_at FROM request WHERE outcome IN {SETTLED} GROUP BY ALL
    ),
    brought AS (SELECT source, tag, visit, count(*) AS num FROM hit GROUP BY ALL)
    SELECT source, tag, count(*) AS num, max(began_at) AS last_at, arg_max(coalesce(brought.num, 0), visit) AS num_last
    FROM visit LEFT JOIN brought USING (source, tag, visit) GROUP BY ALL
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Why a tag speaks for a class."""

    class_id: str
    origin: str
    """`seed` (it stands in the class file) or `learnt`."""
    reason: str
    """The class file's code, or the claim's reason; `listing` where a source has no tags."""
    claim: schemas.TagClaim | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PagesOfRound:
    """What one round's pages of a listing brought."""

    num_pages: int
    num_posts: int
    failed: Sequence[str]
    """Kinds of error of pages that did not come."""
    ended: bool
    """The listing has no further page, or none that can be had."""
    odd: str | None
    """Entries that are no posts, by kind, page by page; None where all are."""
    num_new: int
    """Posts that this listing was the first to list."""
    num_judged: int
    num_accepted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Visits:
    """How often a listing's first page was read, and what the last time brought."""

    num: int
    """Visits, the first included."""
    last_at: datetime
    """When the last one began."""
    num_last: int
    """Posts of it that the listing had not listed before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundOfTag:
    """What was decided about a listing in one round, and what came."""

    round: int
    claims: Sequence[schemas.TagClaim] = ()
    further: schemas.Allocation | None = None
    """Pages after those that were read."""
    visit: schemas.Allocation | None = None
    """Its newest pages once more."""
    came: PagesOfRound | None = None
    change: schemas.ArmChange | None = None

    @property
    def grants(self) -> list[schemas.Allocation]:
        """What it was granted: further pages, a visit, or both."""
        return [grant for grant in (self.further, self.visit) if grant]


@dataclass(frozen=True, slots=True, kw_only=True)
class TagHistory:
    """One listing: a tag of a source."""

    source: str
    tag: str
    grounds: Sequence[Ground]
    """Empty for one that no class claims any more."""
    rounds: Sequence[RoundOfTag] = field(default_factory=tuple)
    """Those in which something happened, in order."""
    visits: Visits | None = None
    """None where no page of it came."""

    @property
    def change(self) -> schemas.ArmChange | None:
        """The newest of its state."""
        return next((r.change for r in reversed(self.rounds) if r.change), None)

    @property
    def state(self) -> str:
        """An arm without a change is open."""
        return self.change.state if self.change else "open"

    @property
    def origin(self) -> str:
        """`seed` where a class file names it for any class."""
        return "seed" if any(g.origin == "seed" for g in self.grounds) else "learnt"

    @property
    def belief(self) -> float | None:
        """Accepted new posts that its next page was last expected to bring."""
        return next((r.grants[0].belief for r in reversed(self.rounds) if r.grants), None)

    def total(self, count: str) -> int:
        """The sum over all rounds of one count of PagesOfRound."""
        return sum(getattr(r.came, count) for r in self.rounds if r.came)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mined:
    """A lake's rows and a recipe's classes, with what the recipe's newest decision accepted, if there is one."""

    catalog: Catalog
    recipe: Recipe
    decision: Path | None


def open_mined(lake: Lake, recipe: Recipe) -> Mined:
    """The lake as the recipe's newest decision sees it."""
    decision = decisions.newest(lake.path, recipe.name)
    models = decisions.about(decision)["models"] if decision else None
    return Mined(catalog=connect(lake.path, models=models, decision=decision), recipe=recipe, decision=decision)


def histories(mined: Mined) -> list[TagHistory]:
    """Every listing that may be or was mined: the most fruitful for its pages first, last those never asked for."""
    claims = schemas.from_arrow(schemas.TagClaim, mined.catalog.query("FROM tag_claim ORDER BY round, class_id"))
    grounds = _grounds(mined.recipe, claims)
    rounds = _rounds(mined, claims)
    visits = {(row.pop("source"), row.pop("tag")): Visits(**row) for row in mined.catalog.query(_VISITS).to_pylist()}
    found = [
        TagHistory(
            source=source,
            tag=tag,
            grounds=grounds.get(tag, ()),
            rounds=rounds.get((source, tag), ()),
            visits=visits.get((source, tag)),
        )
        for source, tag in {*rounds, *((mined.recipe.source.name, tag) for tag in grounds)}
    ]

    def place(history: TagHistory) -> tuple[int, bool, int, str, str]:
        num_pages = history.total("num_pages")
        return -history.total("num_accepted"), num_pages == 0, num_pages, history.tag, history.source

    return sorted(found, key=place)


def of_class(found: Sequence[TagHistory], class_id: str) -> list[TagHistory]:
    """Those that speak for a class."""
    return [t for t in found if any(g.class_id == class_id for g in t.grounds)]


def as_table(found: Sequence[TagHistory], *, with_rounds: bool) -> pa.Table:
    """A row a listing; `with_rounds` adds what happened round by round, as objects."""
    rows = [
        {
            "tag": t.tag,
            "source": t.source,
            "classes": [g.class_id for g in t.grounds],
            "origin": t.origin,
            "origin_reasons": [g.reason for g in t.grounds],
            "state": t.state,
            "state_reason": t.change.reason if t.change else None,
            "state_since_round": t.change.round if t.change else None,
            "num_pages": t.total("num_pages"),
            "num_new": t.total("num_new"),
            "num_judged": t.total("num_judged"),
            "num_accepted": t.total("num_accepted"),
            "belief": t.belief,
            "num_visits": t.visits.num if t.visits else 0,
            "last_visit_at": t.visits.last_at if t.visits else None,
            "last_visit_new": t.visits.num_last if t.visits else None,
        }
        | ({"rounds": [_plain(r) for r in t.rounds]} if with_rounds else {})
        for t in found
    ]
    return pa.Table.from_pylist(rows, _SCHEMA if not with_rounds else _SCHEMA.append(_ROUNDS))


def _plain(of_round: RoundOfTag) -> dict[str, Any]:
    came, change = of_round.came, of_round.change
    return {
        "round": of_round.round,
        "proposed": [f"{c.class_id}: {c.reason}" for c in of_round.claims],
        "granted_pages": sum(grant.num_pages for grant in of_round.grants) if of_round.grants else None,
        "granted_because": ", ".join(grant.reason for grant in of_round.grants) or None,
        "belief": of_round.grants[0].belief if of_round.grants else None,
        "came_pages": came.num_pages if came else None,
        "num_new": came.num_new if came else None,
        "num_judged": came.num_judged if came else None,
        "num_accepted": came.num_accepted if came else None,
        "state": change.state if change else None,
        "state_reason": change.reason if change else None,
        "detail": change.detail if change else None,
    }


_TEXT, _NUMBER, _FLOAT = pa.string(), pa.int64(), pa.float64()
_SCHEMA = pa.schema(
    [
        *((name, _TEXT) for name in ("tag", "source")),
        ("classes", pa.list_(_TEXT)),
        ("origin", _TEXT),
        ("origin_reasons", pa.list_(_TEXT)),
        *((name, _TEXT) for name in ("state", "state_reason")),
        *((n, _NUMBER) for n in ("state_since_round", "num_pages", "num_new", "num_judged", "num_accepted")),
        ("belief", _FLOAT),
        ("num_visits", _NUMBER),
        ("last_visit_at", pa.timestamp("us", tz="UTC")),
        ("last_visit_new", _NUMBER),
    ]
)
_ROUND = pa.struct(
    [
        ("round", _NUMBER),
        ("proposed", pa.list_(_TEXT)),
        ("granted_pages", _NUMBER),
        ("granted_because", _TEXT),
        ("belief", _FLOAT),
        *((name, _NUMBER) for name in ("came_pages", "num_new", "num_judged", "num_accepted")),
        *((name, _TEXT) for name in ("state", "state_reason", "detail")),
    ]
)
_ROUNDS = pa.field("rounds", pa.list_(_ROUND))


def _grounds(recipe: Recipe, claims: Sequence[schemas.TagClaim]) -> dict[str, list[Ground]]:
    """The grounds of each tag. A class file comes first; a claim speaks for its class or the heirs of that."""
    if not recipe.source.by_tag:
        return {"": [Ground(class_id=c.id, origin="seed", reason="listing") for c in recipe.action_classes]}
    grounds: dict[str, dict[str, Ground]] = {}
    for c in recipe.action_classes:
        for tag, code in c.seed_hashtags.items():
            grounds.setdefault(tag, {})[c.id] = Ground(class_id=c.id, origin="seed", reason=code)
    heirs = succession(recipe.action_classes)
    for claim in claims:
        for class_id in heirs.get(claim.class_id, ()):
            ground = Ground(class_id=class_id, origin="learnt", reason=claim.reason, claim=claim)
            grounds.setdefault(claim.tag, {}).setdefault(class_id, ground)
    return {tag: sorted(by_class.values(), key=lambda g: g.class_id) for tag, by_class in grounds.items()}


def _rounds(mined: Mined, claims: Sequence[schemas.TagClaim]) -> dict[Key, list[RoundOfTag]]:
    """What happened to each listing."""
    happened: dict[Key, dict[int, dict[str, Any]]] = {}

    def note(source: str, tag: str, round_no: int, **what: Any) -> None:
        happened.setdefault((source, tag), {}).setdefault(round_no, {}).update(what)

    by_tag: dict[tuple[str, int], list[schemas.TagClaim]] = {}
    for claim in claims:
        by_tag.setdefault((claim.tag, claim.round), []).append(claim)
    for (tag, round_no), of_round in by_tag.items():
        note(mined.recipe.source.name, tag, round_no, claims=of_round)
    for grant in schemas.from_arrow(schemas.Allocation, mined.catalog.query("FROM allocation")):
        note(grant.source, grant.tag, grant.round, **{"visit" if grant.visit else "further": grant})
    for change in schemas.from_arrow(schemas.ArmChange, mined.catalog.query("FROM arm_change")):
        note(change.source, change.tag, change.round, change=change)
    for row in _came(mined).to_pylist():
        key = row.pop("source"), row.pop("tag"), row.pop("round")
        note(*key, came=PagesOfRound(**row | {"failed": row["failed"] or ()}))
    return {
        key: [RoundOfTag(round=round_no, **what) for round_no, what in sorted(rounds.items())]
        for key, rounds in happened.items()
    }


def _came(mined: Mined) -> pa.Table:
    records = {} if mined.decision else {"judgement": schemas.Judgement, "selection": schemas.Selection}
    return mined.catalog.query(_CAME, {name: schemas.to_arrow(record, []) for name, record in records.items()})
