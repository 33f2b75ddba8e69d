"""What became of posts and listings, on a lake in which everything that misleads a count happens."""

from collections import Counter
from itertools import pairwise

import pytest

import schemas
from h2a_curation.catalog import render
from h2a_curation.catalog.views import DECIDED, connect
from h2a_curation.explain import funnel
from h2a_curation.lake import decisions, parts
from tests import factories
from tests.decide.small_lake import RECORDS, SmallLake

EVERY_TAG = ["deadlift", "squat", "surf", *(f"tag{n}" for n in range(30))]
ROUND_LATER = 1


def small() -> SmallLake:
    lake = SmallLake()
    lake.add("plain")
    lake.add(
        "both", post_hashtags=["deadlift", "squat"]
    )  # shows a deadlift: kept for one class, rejected for the other
    lake.add("neither", post_hashtags=["deadlift", "squat"], shows="surf")
    lake.add("copy", copy_of="plain", round_=ROUND_LATER)
    lake.add("slow", signals={"motion": 0.0})
    lake.add("drawn", post_hashtags=EVERY_TAG)  # spam that came all the same, drawn for the audit
    lake.add("broken", probe_outcome="truncated", clip_outcome="undecodable", clip_clip_id=None)
    lake.add("new")
    lake.rows["fingerprint"] = [row for row in lake.rows["fingerprint"] if row.clip_id != "c-new"]
    extra = {
        "spam": {"hashtags": EVERY_TAG},
        "twin": {},  # the file of `plain`
        "again": {"hashtags": ["deadlift", "squat"]},  # another file that gives the clip of `both`
        "gone": {},
        "late": {},
        "off": {"hashtags": ["cats"]},
    }
    lake.rows["post"] += [factories.post(f"s:{name}", creator=None, **changed) for name, changed in extra.items()]
    lake.rows["media"] += [
        factories.media("s:twin", media_id="m-plain", round=ROUND_LATER),
        factories.media("s:again", media_id="m-again", round=ROUND_LATER),
        factories.media("s:gone", outcome="gone", media_id=None),
    ]
    again = [row for row in lake.rows["probe"] if row.media_id == "m-both"]
    lake.rows["probe"] += [schemas.Probe(**_fields(row) | {"media_id": "m-again"}) for row in again]
    again = [row for row in lake.rows["clip"] if row.media_id == "m-both"]
    lake.rows["clip"] += [schemas.Clip(**_fields(row) | {"media_id": "m-again"}) for row in again]
    return lake


FATES = {
    "plain": ("kept", "ok"),
    "both": ("kept", "ok"),
    "neither": ("validate", "other_class"),
    "copy": ("dedup", "duplicate"),
    "slow": ("screen_clip", "still"),
    "drawn": ("screen_post", "tag_spam"),
    "broken": ("probe", "truncated"),
    "new": ("dedup", "undecided"),
    "spam": ("screen_post", "tag_spam"),
    "twin": ("fetch", "same_file"),
    "again": ("cut", "same_clip"),
    "gone": ("fetch", "gone"),
    "late": ("fetch", "not_asked"),
    "off": ("mine", "no_class"),
}
PAGES = {"deadlift": list(FATES), "squat": ["both", "neither", "spam", "again"]}
"""What two listings show; the first was asked for a round earlier."""


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    path = tmp_path_factory.mktemp("stories")
    lake = small()
    asked = [factories.request(tag=tag, round=n) for n, tag in enumerate(PAGES)]
    lake.rows["hit"] = [factories.hit("s:off", tag="cats")]  # under no class's tag
    decided = lake.decide()
    hits = [factories.hit(f"s:{name}", tag=tag) for tag, names in PAGES.items() for name in names]
    facts = {**lake.rows, "request": asked, "hit": hits}
    stages = {"media": "fetch", "probe": "probe", "clip": "cut", "fingerprint": "hash", "sighting": "sense"}
    for table, rows in facts.items():
        record = RECORDS.get(table, schemas.Request)
        parts.commit(path, stages.get(table, "mine"), table, {table: schemas.to_arrow(record, rows)})
    return connect(path, decision=decisions.save(path, "d", decided, {}))


def _fields(row):
    return {name: getattr(row, name) for name in row.__dataclass_fields__}


def test_each_post_is_one_row_and_a_class_that_keeps_it_outweighs_those_that_do_not(catalog):
    rows = catalog.query("SELECT post_id, stage, reason, kept FROM fate").to_pylist()
    assert {row["post_id"].removeprefix("s:"): (row["stage"], row["reason"]) for row in rows} == FATES
    assert len(rows) == len(FATES)
    assert all(row["kept"] == (row["stage"] == "kept") for row in rows)


def test_a_class_has_one_row_a_candidate_with_the_numbers_of_its_own_verdict(catalog):
    rows = catalog.query("SELECT class_id, stage, reason FROM class_fate WHERE post_id = 's:both' ORDER BY ALL")
    assert [tuple(row.values()) for row in rows.to_pylist()] == [
        ("deadlift", "kept", "ok"),
        ("squat", "validate", "sibling"),
    ]
    [spam] = catalog.query("SELECT class_id, value, threshold FROM fate WHERE post_id = 's:spam'").to_pylist()
    assert spam == {"class_id": "deadlift", "value": len(EVERY_TAG), "threshold": 30.0}
    assert catalog.query("FROM class_fate").num_rows == catalog.query("FROM candidate").num_rows


def test_a_post_answers_for_itself_where_another_stands_for_its_file_or_clip(catalog):
    differ = """
        SELECT post_id, class_id, own.stage, own.reason FROM claim_fate own JOIN class_fate USING (post_id, class_id)
        WHERE own.stage <> class_fate.stage OR own.reason <> class_fate.reason ORDER BY ALL
    """
    assert [tuple(row.values()) for row in catalog.query(differ).to_pylist()] == [
        ("s:again", "deadlift", "kept", "ok"),
        ("s:again", "squat", "validate", "sibling"),
        ("s:twin", "deadlift", "kept", "ok"),
    ]
    assert catalog.query("FROM claim_fate").num_rows == catalog.query("FROM candidate").num_rows


def test_the_last_verdict_is_the_one_against_a_subject_where_there_is_one(catalog):
    against = "SELECT class_id, subject_id, stage, reason FROM verdict WHERE NOT keep ORDER BY ALL"
    last = "SELECT class_id, subject_id, stage, reason FROM last_verdict WHERE NOT keep ORDER BY ALL"
    assert catalog.query(last).to_pylist() == catalog.query(against).to_pylist() != []
    pairs = "SELECT DISTINCT class_id, subject_id FROM verdict"
    assert catalog.query("FROM last_verdict").num_rows == catalog.query(pairs).num_rows


JUDGEMENTS = {
    "plain": "",
    "both": "",
    "neither": "other_class",
    "copy": "duplicate",
    "slow": "still",
    "drawn": "tag_spam",
    "broken": "no clip",  # in `fate` the probe says why
    "new": "no clip",  # a clip that was not measured yet
    "spam": "tag_spam",
    "twin": "no clip",  # in `fate` another post stands for its file
    "again": "sibling",  # the verdict of a class on the clip that another class keeps
    "gone": "gone",
}
"""All but posts whose file was not asked for, or that no class looks at: of these there is something left to decide."""


def test_what_a_post_says_to_mining_of_those_who_listed_it(catalog):
    rows = catalog.query("SELECT post_id, reason FROM judgement").to_pylist()
    assert {row["post_id"].removeprefix("s:"): row["reason"] for row in rows} == JUDGEMENTS
    kept = catalog.query("SELECT post_id FROM fate WHERE kept ORDER BY post_id")
    assert kept == catalog.query("SELECT post_id FROM judgement WHERE reason = '' ORDER BY post_id")


def test_a_decision_in_memory_tells_the_same_as_one_that_was_saved(catalog):
    tables = {name: catalog.query(f"FROM {name}") for name in DECIDED}
    facts = connect(catalog.lake)
    for view in ("fate", "class_fate", "judgement"):
        sql = f"FROM {view} ORDER BY ALL"
        assert facts.decided(tables).query(sql) == catalog.query(sql)


def test_the_funnel_loses_each_post_once_and_ends_at_the_selection(catalog):
    stages = funnel.funnel(catalog)
    assert stages[0].num_in == len(FATES)
    assert all(before.num_kept == after.num_in for before, after in pairwise(stages))
    lost = {(s.stage, reason): n for s in stages for reason, n in s.reasons.items()}
    assert lost == Counter(fate for fate in FATES.values() if fate[0] != "kept")
    assert stages[-1].num_kept == catalog.query("FROM selection").num_rows == 2


def test_a_post_counts_for_the_listing_that_was_first_to_show_it(catalog):
    rows = {row["tag"]: row for row in catalog.query("FROM tag_yield").to_pylist()}
    assert (rows["deadlift"]["num_new"], rows["squat"]["num_new"]) == (len(FATES), 0)
    assert sum(row["num_accepted"] for row in rows.values()) == 2
    paired = "SELECT count(clip_id) AS n FROM hit JOIN selection USING (post_id)"
    assert catalog.query(paired)["n"].to_pylist() == [3], "what a join with hit counts"


@pytest.mark.parametrize(
    ("view", "record"),
    [
        ("fate", schemas.ClassFate),
        ("class_fate", schemas.ClassFate),
        ("claim_fate", schemas.ClassFate),
        ("last_verdict", schemas.LastVerdict),
        ("tag_yield", schemas.TagYield),
        ("judgement", schemas.Judgement),
    ],
)
def test_the_views_have_the_columns_that_their_records_describe(catalog, view, record):
    table = catalog.query(f"FROM {view}")
    wanted = schemas.arrow_schema(record)
    assert table.column_names == wanted.names
    assert [f.type for f in table.schema] == [f.type for f in wanted]


def opened(catalog):
    return {row["view_name"] for row in catalog.connection.sql("FROM duckdb_views()").to_arrow_table().to_pylist()}


def test_views_that_cost_are_opened_when_a_query_names_them(tmp_path, catalog):
    fresh = connect(tmp_path, decision=tmp_path)
    assert opened(fresh).isdisjoint({"fate", "class_fate", "first_listing", "tag_yield"})
    assert fresh.query("SELECT count(*) AS n FROM Fate")["n"].to_pylist() == [0]
    assert {"fate", "class_fate"} <= opened(fresh)
    assert "tag_yield" not in opened(fresh)
    assert {"tag_yield", "fate"} <= set(render.answer(fresh, "SHOW TABLES")["name"].to_pylist())


def test_a_table_given_beside_the_views_hides_a_view_of_its_name(catalog):
    given = schemas.to_arrow(schemas.Hit, [factories.hit()])
    assert connect(catalog.lake).query("FROM fate", {"fate": given}).num_rows == 1
    fresh = connect(catalog.lake, decision=catalog.lake / "decisions" / "d")
    assert fresh.query("FROM fate", {"fate": given}).num_rows == 1
    assert fresh.query("FROM fate").num_rows == len(FATES)
