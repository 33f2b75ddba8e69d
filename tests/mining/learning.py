"""Learning as a build does it: DuckDB counts, the product judges."""

from collections.abc import Collection, Iterable, Mapping, Sequence

import duckdb
import pyarrow as pa

from h2a_curation.mining.propose_tags import LearnRules, count_sql, grounds_sql, learn_tags
from schemas import TagClaim


def learn(
    hashtags: Mapping[str, Sequence[str]],
    accepted: Collection[tuple[str, str]],
    *,
    known: Collection[tuple[str, str]],
    excluded: Mapping[str, Collection[str]],
    round_no: int,
    rules: LearnRules,
    proposals: Iterable[tuple[str, str, str, int]] = (),
    asked: Iterable[str] = (),
) -> list[TagClaim]:
    """`hashtags` by post id; `excluded` tags by class id, `""` for all; `asked`: tags that were asked for."""
    tables = counted(hashtags, accepted, known=known, excluded=excluded, rules=rules)
    tables["proposal"] = table("reason tag class_id rank", proposals, rank=pa.int64())
    tables["request"] = table("tag", [(tag,) for tag in asked])
    return learn_tags(query(grounds_sql(rules), tables), round_no=round_no, rules=rules)


def counted(hashtags, accepted, *, known, excluded, rules) -> dict[str, pa.Table]:
    """The tables of which all queries but the first are made."""
    tables = {
        "known": table("tag class_id", known),
        "excluded": table("tag class_id", [(tag, c) for c, tags in excluded.items() for tag in tags]),
    }
    seen = {
        "post": table("post_id hashtags", hashtags.items(), hashtags=pa.list_(pa.string())),
        "accepted": table("post_id class_id", accepted),
    }
    return {**tables, "counted": query(count_sql(rules), {**tables, **seen})}


def table(names: str, rows: Iterable[Sequence], **types: pa.DataType) -> pa.Table:
    schema = pa.schema([(name, types.get(name, pa.string())) for name in names.split()])
    return pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema)


def query(sql: str, tables: Mapping[str, pa.Table]) -> pa.Table:
    with duckdb.connect(config={"threads": 1}) as connection:
        for name, rows in tables.items():
            connection.register(name, rows)
        return connection.sql(sql).to_arrow_table()
