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


def missing_signals(catalog: Catalog, clips: Iterable[str], signals: Iterable[str]) -> dict[str, list[str]]:
    """By signal, the clips without a row of it (of the fingerprints that the catalog was opened with), sorted.

    A clip with other signals' rows lacks a signal all the same: it was added, or mended, after they were measured.
    """
    names = sorted(set(signals))
    wanted = {
        "wanted_clip": pa.table({"clip_id": pa.array(sorted(set(clips)), pa.string())}),
        "wanted_signal": pa.table({"signal": pa.array(names, pa.string())}),
    }
    sql = """SELECT clip_id, signal FROM (FROM wanted_clip CROSS JOIN wanted_signal)
             ANTI JOIN sighting USING (clip_id, signal) ORDER BY clip_id"""
    rows = catalog.query(sql, wanted)
    left: dict[str, list[str]] = {name: [] for name in names}
    for clip_id, signal in zip(rows["clip_id"].to_pylist(), rows["signal"].to_pylist(), strict=True):
        left[signal].append(clip_id)
    return left


def failed(catalog: Catalog, model: str) -> set[str]:
    """The clips that this program or model could not measure: it would fail again."""
    sql = "SELECT clip_id FROM failure WHERE model = $model"
    return set(catalog.query(sql, params={"model": model})["clip_id"].to_pylist())
