"""What is left to do: wanted keys that have no row. Rows are the only memory."""

from collections.abc import Iterable

import pyarrow as pa

from h2a_curation.catalog.views import FACTS, Catalog


def missing(catalog: Catalog, table: str, wanted: Iterable[str]) -> list[str]:
    """The wanted keys without a row in `table` (as the catalog shows it: of the models it was opened with), sorted."""
    key = FACTS[table][2].split(",")[0]
    names = pa.table({"key": pa.array(sorted(set(wanted)), pa.string())})
    sql = f"SELECT key FROM wanted ANTI JOIN (SELECT {key} AS key FROM {table}) USING (key) ORDER BY key"
    left: list[str] = catalog.query(sql, {"wanted": names})["key"].to_pylist()
    return left
