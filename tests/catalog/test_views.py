import numpy as np
import pytest
from duckdb import Error as DuckError

import schemas
from h2a_curation.catalog import todo
from h2a_curation.catalog.views import connect
from h2a_curation.lake import parts
from h2a_curation.publish.version import read_members
from tests.factories import hit, media, post, request
from tests.publish.clips import pack_clips, packed, published, videos


def commit(lake, stage, part, **rows):
    tables = {name: schemas.to_arrow(record, records) for name, (record, records) in rows.items()}
    parts.commit(lake, stage, part, tables)


def embedding(clip_id, model="m", value=1.0):
    return schemas.FrameEmbedding(clip_id=clip_id, model=model, times_s=[0.5, 1.5], vectors=[value, 0.0, 0.0, value])


def test_an_empty_lake_has_every_view(tmp_path):
    catalog = connect(tmp_path)
    assert catalog.query("SELECT count(*) AS n FROM post JOIN hit USING (post_id)")["n"].to_pylist() == [0]
    assert todo.missing(catalog, "media", ["b", "a", "a"]) == ["a", "b"]


def test_overlapping_parts_show_one_row_a_key(tmp_path):
    for part in ("p", "q"):
        commit(tmp_path, "mine", part, post=(schemas.Post, [post()]), hit=(schemas.Hit, [hit()]))
    assert connect(tmp_path).query("SELECT * FROM post").num_rows == 1


def test_a_file_that_came_hides_the_tries_that_failed(tmp_path):
    tries = [media(outcome="timeout", media_id=None), media(outcome="ok", round=1)]
    commit(tmp_path, "fetch", "p", media=(schemas.Media, tries))
    assert connect(tmp_path).query("SELECT outcome FROM media")["outcome"].to_pylist() == ["ok"]


def test_facts_before_a_round_are_those_of_earlier_rounds(tmp_path):
    commit(
        tmp_path, "mine", "p",
        request=(schemas.Request, [request(), request(tag="gym", round=1)]),
        hit=(schemas.Hit, [hit("s:1"), hit("s:2", tag="gym")]),
        post=(schemas.Post, [post("s:1"), post("s:2")]),
    )  # fmt: skip
    assert connect(tmp_path, before_round=1).query("SELECT post_id FROM post")["post_id"].to_pylist() == ["s:1"]
    assert connect(tmp_path, before_round=2).query("SELECT * FROM post").num_rows == 2


def test_vectors_are_of_one_model_each_clip_once(tmp_path):
    for part, rows in {
        "p": [embedding("a"), embedding("b", "other")],
        "q": [embedding("a"), embedding("c", value=0.5)],
    }.items():
        commit(tmp_path, "embed", part, frame_embedding=(schemas.FrameEmbedding, rows))
    blocks = list(connect(tmp_path).vectors("m"))
    assert [i for ids, _ in blocks for i in ids] == ["a", "c"]
    np.testing.assert_array_equal(np.concatenate([v for _, v in blocks])[1], [[0.5, 0.0], [0.0, 0.5]])


def test_sql_of_a_user_reads_the_lake_and_nothing_else(tmp_path):
    (tmp_path / "lake").mkdir()
    (tmp_path / "secret.csv").write_text("a\n1\n")
    commit(tmp_path / "lake", "mine", "p", post=(schemas.Post, [post()]))
    catalog = connect(tmp_path / "lake")
    assert catalog.query("SELECT * FROM post").num_rows == 1
    with pytest.raises(DuckError):
        catalog.query(f"SELECT * FROM '{tmp_path}/secret.csv'")


def test_what_a_received_decision_calls_a_model_is_text_and_no_sql(tmp_path):
    commit(tmp_path / "lake", "embed", "p", frame_embedding=(schemas.FrameEmbedding, [embedding("a")]))
    model = f"m'; COPY (SELECT 'owned') TO '{tmp_path}/owned.csv'; --"
    catalog = connect(tmp_path / "lake", models={"embed": model})
    assert catalog.query("SELECT * FROM frame_embedding").num_rows == 0
    assert not (tmp_path / "owned.csv").exists()


def test_the_view_member_has_the_clips_of_each_published_version(tmp_path):
    assert connect(tmp_path).query("SELECT version, clip_id FROM member").num_rows == 0
    contents = videos(9)
    members = packed(tmp_path, contents, pack_clips(contents))
    published(tmp_path, "v1", members)
    published(tmp_path, "v2", members[1:])
    catalog = connect(tmp_path)
    assert "member" in catalog.query("SHOW TABLES")["name"].to_pylist()
    for name in ("v1", "v2"):
        only = f"WHERE version = '{name}' ORDER BY class_id, clip_id"
        rows = catalog.query(f"SELECT * EXCLUDE (version) FROM member {only}")
        assert schemas.from_arrow(schemas.Member, rows) == read_members(tmp_path, name)


def test_a_part_of_before_a_column_came_has_its_default_beside_parts_that_have_it(tmp_path):
    """And where no part has the column, in a catalog that stays open meanwhile."""
    later = ("visit", "content", "num_changed")
    old = schemas.to_arrow(schemas.Request, [request()]).drop_columns(list(later))
    parts.commit(tmp_path, "mine", "old", {"request": old})
    lake = connect(tmp_path)
    sql = "SELECT visit, content, num_changed FROM request ORDER BY visit"
    first = {"visit": 0, "content": "", "num_changed": 0}
    assert lake.query(sql).to_pylist() == [first]
    new = request(visit=1, content="c", num_changed=2)
    parts.commit(tmp_path, "mine", "new", {"request": schemas.to_arrow(schemas.Request, [new])})
    assert lake.query(sql).to_pylist() == [first, {"visit": 1, "content": "c", "num_changed": 2}]
    assert lake.query("FROM request_try").num_rows == 2
    assert schemas.from_arrow(schemas.Request, lake.query("FROM request ORDER BY visit")) == [request(), new]
