"""The lake of the benches is one that the catalog reads, whatever columns tables have gained."""

import pyarrow.compute as pc

from bench import synthetic_lake
from h2a_curation.catalog.views import connect


def test_a_small_one_is_read_as_any_lake(tmp_path):
    lake = synthetic_lake.make(tmp_path / "lake", 300)
    facts = connect(lake, models=dict.fromkeys(["probe", "cut", "hash", "sense", "embed"], synthetic_lake.MODEL))
    counts = facts.query("SELECT (SELECT count(*) FROM post) AS posts, (SELECT count(*) FROM clip) AS clips")
    assert counts.to_pylist() == [{"posts": 300, "clips": 300}]
    assert pc.all(pc.is_null(facts.query("SELECT licence FROM post")["licence"])).as_py()
