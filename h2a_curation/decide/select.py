"""Select what a version publishes: one class a clip, caps and quotas, and splits that share no creator and no copy.

Clips that are added later displace none that were selected before. So ranks follow the order in which clips were first
seen. A component is a set of clips that are connected by common creators or common clusters of copies. Its split
follows from a hash of the creator of its first clip, or of that clip's cluster if nobody knows the creator:

    place = first 64 bits of blake2b(seed : creator) / 2^64,    uniform on [0, 1)
    val    if place < val_share
    test   if val_share <= place < val_share + test_share
    train  otherwise

A component is dealt as a whole, since a model that is trained on one clip of a person, or on a copy, must not be tested
on another. So the shares are shares of components; those of clips come near only if no component is large. One thing
moves a clip to another split: a later clip that connects two components, of which the later one then follows the other.
"""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from h2a_curation.decide.rules import Query, Rule, fingerprint, verdict_sql
from schemas import Selection, arrow_schema

_NUM_SPLITS = 3
"""Train, val and test: with fewer components not every split can have one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectRules:
    """How much of what is accepted goes into a version, and to which split."""

    one_class: bool = True
    """Whether a clip that passed for several classes stays in the best one only."""
    max_clips_per_creator: int = 50
    """Most clips of one creator in one class: with more, a class becomes one person's room. Clips without a known
    creator are not limited. The default is a guess."""
    max_clips_per_class: int = 1000
    """Most clips of one class. The paper has 735 a class on average."""
    val_share: float = 0.1
    """Share of creators, not of clips, whose clips are for validation."""
    test_share: float = 0.1
    """Share of creators, not of clips, whose clips are for testing."""
    seed: int = 0
    """Seed of the splits. Another seed deals the creators anew, and versions are then not comparable."""

    def __post_init__(self) -> None:
        if self.max_clips_per_creator < 1 or self.max_clips_per_class < 1:
            raise ValueError(f"a cap below 1 selects nothing: {self}")
        if min(self.val_share, self.test_share) < 0 or self.val_share + self.test_share >= 1:
            raise ValueError(f"val_share and test_share leave nothing to train on: {self}")

    def named(self) -> list[Rule]:
        """The rules in the order in which they are tried."""
        one_class = [Rule("better_class", "class_rank", ">", 1)] if self.one_class else []
        return [
            *one_class,
            Rule("creator_cap", "creator_rank", ">", self.max_clips_per_creator),
            Rule("class_full", "place", ">", self.max_clips_per_class),
        ]


def ranked_sql(rules: SelectRules) -> str:
    """SQL of the accepted claims with the ranks that the rules compare.

    `class_rank`: place of the class among those of the clip. `creator_rank`: place of the clip among those of its
    creator in the class. `place`: place among the clips of the class that no earlier rule rejects.
    """
    # The same order as in dedup: a quota that is full stays filled with the same clips when more are found.
    first_seen = "round, posted_at NULLS LAST, post_id, clip_id"
    # A class that sight alone found is the weakest ground; the id makes the order total.
    best = "probability DESC NULLS LAST, list_position(['seed', 'learnt', 'sight'], ground), class_id"
    # A claim that an earlier rule rejects must not use up a place of a later one: so both counts filter.
    candidate = "class_rank = 1" if rules.one_class else "true"
    running = "ROWS UNBOUNDED PRECEDING"
    return f"""(
        WITH chosen AS (
            SELECT *, row_number() OVER (PARTITION BY clip_id ORDER BY {best}) AS class_rank
            FROM claim LEFT JOIN score USING (clip_id, class_id)
        ),
        capped AS (
            SELECT *, count(*) FILTER ({candidate}) OVER (
                PARTITION BY class_id, coalesce(creator, clip_id) ORDER BY {first_seen} {running}) AS creator_rank
            FROM chosen
        )
        SELECT *, count(*) FILTER ({candidate} AND creator_rank <= {rules.max_clips_per_creator}) OVER (
            PARTITION BY class_id ORDER BY {first_seen} {running}) AS place
        FROM capped
    )"""


SELECTED_SQL = """
    SELECT clip_id, class_id, label, post_id, media_id, creator, coalesce(cluster_id, clip_id) AS cluster_id
    FROM claim JOIN (SELECT class_id, subject_id AS clip_id FROM verdict WHERE keep) USING (class_id, clip_id)
         LEFT JOIN duplicate USING (clip_id)
    ORDER BY round, posted_at NULLS LAST, post_id, clip_id, class_id
"""


def select(
    query: Query, claim: pa.Table, score: pa.Table, duplicate: pa.Table, rules: SelectRules
) -> tuple[pa.Table, pa.Table]:
    """Selection rows, and one Verdict for each row of `claim`, which are the claims that every earlier stage keeps.

    `score` may be empty: then the class with the better ground wins among several of a clip.
    """
    sql = verdict_sql("select", "clip_id", rules.named(), fingerprint(rules), source=ranked_sql(rules))
    verdict = query(sql, {"claim": claim, "score": score})
    chosen = query(SELECTED_SQL, {"claim": claim, "verdict": verdict, "duplicate": duplicate})
    split = pa.array(splits(chosen["creator"].to_pylist(), chosen["cluster_id"].to_pylist(), rules), pa.string())
    schema = arrow_schema(Selection)
    selection = chosen.append_column("split", split).select(schema.names).cast(schema)
    return selection.sort_by([("clip_id", "ascending"), ("class_id", "ascending")]), verdict


def splits(creators: list[str | None], clusters: list[str], rules: SelectRules) -> list[str]:
    """Split of each clip; clips are in the order in which they were first seen.

    Clips that share a creator or a cluster, directly or by way of others, share a split. With three components or more
    no wanted split is empty, since a small lake must be measurable too.
    """
    component = _components(creators, clusters)
    _, first = np.unique(component, return_index=True)
    places = np.array([_place(creators[row] or clusters[row], rules.seed) for row in first])
    names = np.full(len(places), "train", dtype=object)
    names[places < rules.val_share + rules.test_share] = "test"
    names[places < rules.val_share] = "val"
    if len(places) >= _NUM_SPLITS:
        wanted = [
            ("val", rules.val_share),
            ("test", rules.test_share),
            ("train", 1 - rules.val_share - rules.test_share),
        ]
        _fill(names, np.argsort(places, kind="stable"), [name for name, share in wanted if share > 0])
    return [str(names[c]) for c in component]


def _fill(names: NDArray[np.object_], by_place: NDArray[np.intp], wanted: list[str]) -> None:
    """Move into each wanted split that is empty one component of a split that has several: the nearest by place.

    Places of validation and test are the lowest ones and those of training the highest, so the nearest spare component
    is the first or the last. Few components change splits by this, and none as soon as every split has one by hash.
    """
    for name in wanted:
        if name not in names:
            spare = [c for c in by_place if np.count_nonzero(names == names[c]) > 1]
            names[spare[-1] if name == "train" else spare[0]] = name


def _components(creators: list[str | None], clusters: list[str]) -> NDArray[np.intp]:
    """Component of each clip: a number that clips have in common if they share a creator or a cluster."""
    # Each creator and each cluster is linked to the first clip that has it, which connects all clips that have it.
    names: dict[tuple[str, str], int] = {}
    edges = []
    for row, (creator, cluster) in enumerate(zip(creators, clusters, strict=True)):
        for key in [("cluster", cluster), *([("creator", creator)] if creator is not None else [])]:
            edges.append((row, names.setdefault(key, row)))
    size = len(creators)
    rows = np.array(edges, dtype=np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(rows)), (rows[:, 0], rows[:, 1])), shape=(size, size))
    _, component = connected_components(graph, directed=False)
    numbered: NDArray[np.intp] = component.astype(np.intp)
    return numbered


def _place(key: str, seed: int) -> float:
    """A number in [0, 1) that depends on the key and the seed alone, so a creator has one place in all versions."""
    return int.from_bytes(blake2b(f"{seed}:{key}".encode(), digest_size=8).digest(), "big") / 2.0**64
