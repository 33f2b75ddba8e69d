"""Find which posts are looked at as examples of which class: by the tags that speak for the class.

A post is a candidate for a class if it carries such a tag, if a listing of such a tag showed it, or if the user's table
names the class for it, whatever the class's tags are. Of what a lake has learnt, a tag's claim alone names a class, and
it speaks for the heirs of that class as well. So a class that is renamed, split or merged costs this join and nothing
else.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import pyarrow as pa

from h2a_curation.decide.rules import Query


class DecidedClass(Protocol):
    """What decisions need of a class; h2a_curation/taxonomy/model.py: ActionClass has it."""

    @property
    def id(self) -> str:
        """Stable name of the class."""

    @property
    def names(self) -> Collection[str]:
        """All that a table may call the class, normalised as hashtags."""

    @property
    def label(self) -> int:
        """Stable number of the class, the label in training."""

    @property
    def seed_hashtags(self) -> Mapping[str, str]:
        """Hashtags that speak for the class from the start, each with the reason."""

    @property
    def excluded_hashtags(self) -> Mapping[str, str]:
        """Hashtags that never speak for the class, even if they are proposed, each with the reason."""

    @property
    def siblings(self) -> Collection[str]:
        """Ids of classes that look much like this one."""

    @property
    def former_ids(self) -> Collection[str]:
        """Ids of ended classes whose learnt tags speak for this one."""

    @property
    def must_show(self) -> str:
        """What of a person clips of the class must show: `person`, `hands` or `nothing`."""


# A seed tag ranks before a learnt one, since a person chose it: the ground of a candidate is its best tag.
CANDIDATE_SQL = """
    WITH speaks AS (
        SELECT class_id, tag, 0 AS rank FROM seed_tag
        UNION ALL SELECT succession.class_id, tag, 1
        FROM tag_claim JOIN succession ON tag_claim.class_id = succession.former_id
    ),
    tagged AS (SELECT post_id, unnest(hashtags) AS tag FROM post UNION SELECT post_id, tag FROM hit),
    named AS (SELECT post_id, unnest(classes) AS name FROM post)
    SELECT class_id, post_id, CASE min(rank) WHEN 0 THEN 'seed' ELSE 'learnt' END AS ground
    FROM (
        SELECT class_id, post_id, rank
        FROM tagged JOIN (FROM speaks ANTI JOIN excluded_tag USING (class_id, tag)) USING (tag)
        UNION ALL SELECT class_id, post_id, 0 FROM named JOIN class_name USING (name)
    )
    GROUP BY class_id, post_id ORDER BY class_id, post_id
"""


def succession(classes: Sequence[DecidedClass]) -> dict[str, list[str]]:
    """The living classes that a class's learnt tags speak for, by its id: itself, or the heirs of one that ended."""
    heirs = defaultdict(list)
    for c in classes:
        for class_id in (c.id, *c.former_ids):
            heirs[class_id].append(c.id)
    return dict(heirs)


def class_tables(classes: Sequence[DecidedClass]) -> dict[str, pa.Table]:
    """The classes as the tables that queries join: class, succession, class_name, seed_tag, excluded_tag."""
    heirs = [(former, class_id) for former, class_ids in succession(classes).items() for class_id in class_ids]
    return {
        "class": pa.table(
            {
                "class_id": pa.array([c.id for c in classes], pa.string()),
                "label": pa.array([c.label for c in classes], pa.int64()),
                "person_required": pa.array([c.must_show == "person" for c in classes], pa.bool_()),
                "must_show": pa.array([c.must_show for c in classes], pa.string()),
            }
        ),
        "succession": _pairs("former_id", "class_id", heirs),
        "class_name": _pairs("class_id", "name", [(c.id, name) for c in classes for name in c.names]),
        "seed_tag": _pairs("class_id", "tag", [(c.id, tag) for c in classes for tag in c.seed_hashtags]),
        "excluded_tag": _pairs("class_id", "tag", [(c.id, tag) for c in classes for tag in c.excluded_hashtags]),
    }


def tagged_candidates(query: Query, tables: dict[str, pa.Table]) -> pa.Table:
    """Candidate rows, one for each class and post; `tables`: what `class_tables` returns."""
    return query(CANDIDATE_SQL, tables)


def _pairs(first: str, second: str, pairs: Sequence[tuple[str, str]]) -> pa.Table:
    """A table of two columns of these names."""
    firsts, seconds = [one for one, _ in pairs], [other for _, other in pairs]
    return pa.table({first: pa.array(firsts, pa.string()), second: pa.array(seconds, pa.string())})
