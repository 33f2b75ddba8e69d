"""Select what a version publishes: one class a clip, caps and quotas, and splits that share no creator and no copy.

What came first stays: ranks go by the order in which clips were first seen, and splits by a hash of a component's
first creator, so that clips which come later displace nothing.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectRules:
    """How much of what is accepted goes into a version, and to which split."""

    one_class: bool = True
    """A clip that passed for several classes stays in the best one only."""
    max_clips_per_creator: int = 50
    """Of one class: above, a class becomes one person's room. Clips without a known creator are not counted."""
    max_clips_per_class: int = 1000
    """The paper has 735 a class on average."""
    val_share: float = 0.1
    """Share of creators, not of clips, whose clips are for validation."""
    test_share: float = 0.1
    """Share of creators, not of clips, whose clips are for testing."""
    seed: int = 0
    """Another seed deals the creators anew: versions are then not comparable."""

    def __post_init__(self) -> None:
        if self.max_clips_per_creator < 1 or self.max_clips_per_class < 1:
            raise ValueError(f"a cap below 1 selects nothing: {self}")
        if min(self.val_share, self.test_share) < 0 or self.val_share + self.test_share >= 1:
            raise ValueError(f"val_share and test_share leave nothing to train on: {self}")

    def named(self) -> list[Rule]:
        """The rules in the order in which they are tried."""
        one_class = [Rule("better_class", "class_rank", ">", 1, blames="subject")] if self.one_class else []
        return [
            *one_class,
            Rule("creator_cap", "creator_rank", ">", self.max_clips_per_creator),
            Rule("class_full", "place", ">", self.max_clips_per_class),
        ]


def ranked_sql(rules: SelectRules) -> str:
    """The accepted claims with the ranks that the rules compare."""
    first_seen = "round, posted_at NULLS LAST, post_id, clip_id"
    best = "probability DESC NULLS LAST, list_position(['seed', 'learnt', 'sight'], ground), class_id"
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
    """Selection rows, and one Verdict for each row of `claim`: those that every earlier stage keeps.

    `score` may be empty: then of several classes that with the better ground wins.
    """
    sql = verdict_sql("select", "clip_id", rules.named(), fingerprint(rules), source=ranked_sql(rules))
    verdict = query(sql, {"claim": claim, "score": score})
    chosen = query(SELECTED_SQL, {"claim": claim, "verdict": verdict, "duplicate": duplicate})
    split = pa.array(splits(chosen["creator"].to_pylist(), chosen["cluster_id"].to_pylist(), rules), pa.string())
    schema = arrow_schema(Selection)
    selection = chosen.append_column("split", split).select(schema.names).cast(schema)
    return selection.sort_by([("clip_id", "ascending"), ("class_id", "ascending")]), verdict


def splits(creators: list[str | None], clusters: list[str], rules: SelectRules) -> list[str]:
    """The split of each clip, given in the order in which they were first seen.

    Clips with a creator or a cluster in common, directly or over others, share a split. With three components or more
    no wanted split is empty, since a small lake must be measurable too.
    """
    component = _components(creators, clusters)
    _, first = np.unique(component, return_index=True)
    places = np.array([_place(creators[row] or clusters[row], rules.seed) for row in first])
    names = np.full(len(places), "train", dtype=object)
    names[places < rules.val_share + rules.test_share] = "test"
    names[places < rules.val_share] = "val"
    if len(places) >= 3:
        wanted = [
            ("val", rules.val_share),
            ("test", rules.test_share),
            ("train", 1 - rules.val_share - rules.test_share),
        ]
        _fill(names, np.argsort(places, kind="stable"), [name for name, share in wanted if share > 0])
    return [str(names[c]) for c in component]


def _fill(names: NDArray[np.object_], by_place: NDArray[np.intp], wanted: list[str]) -> None:
    """Give each wanted split that is empty the component nearest to its place of a split that has several."""
    for name in wanted:
        if name not in names:
            spare = [c for c in by_place if np.count_nonzero(names == names[c]) > 1]
            names[spare[-1] if name == "train" else spare[0]] = name


def _components(creators: list[str | None], clusters: list[str]) -> NDArray[np.intp]:
    """The component of each clip: numbered by the first clip in it."""
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
    """A number in [0, 1) that depends on the key and the seed alone."""
    return int.from_bytes(blake2b(f"{seed}:{key}".encode(), digest_size=8).digest(), "big") / 2.0**64
