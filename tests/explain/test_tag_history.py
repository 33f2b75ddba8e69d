"""The history of a hashtag from rows written by hand, and as the commands tell it of a finished build."""

import csv
import dataclasses
import io
import json
from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest

import schemas
from h2a_curation import recipes
from h2a_curation.catalog.views import DECIDED
from h2a_curation.explain.tag_history import histories, of_class, open_mined
from h2a_curation.explain.tag_story import explain
from h2a_curation.lake import decisions, parts
from h2a_curation.lake import lake as lakes
from tests.factories import hit, media, post, request

MARCH = datetime(2026, 3, 3, tzinfo=UTC)


def grant(tag, round_no, reason, **changed):
    values = {"source": "sample", "num_pages": 1, "belief": 1.2, "new_posts": 3.0, "acceptance": 0.4, "worth": 1.5}
    return schemas.Allocation(tag=tag, round=round_no, reason=reason, **values | changed)


def change(tag, round_no, state, reason, **changed):
    values = {"source": "sample", "num_judged": 8, "num_valid": 1, "value": 0.125, "threshold": 0.2, "since": None}
    return schemas.ArmChange(
        tag=tag, round=round_no, state=state, reason=reason, **{"detail": "why"} | values | changed
    )


def verdict(post_id, reason, value=None, threshold=None):
    return schemas.Verdict(
        class_id="deadlift", subject_id=post_id, stage="screen_post", keep=reason == "ok", reason=reason, value=value,
        threshold=threshold, rules="r",
    )  # fmt: skip


def listed(tag, round_no, post_ids, cursor="", next_cursor=None):
    page = request(
        source="sample", tag=tag, round=round_no, cursor=cursor, next_cursor=next_cursor, num_posts=len(post_ids)
    )
    return page, [hit(p, source="sample", tag=tag, cursor=cursor, rank=n) for n, p in enumerate(post_ids)]


PAGES = [
    listed("deadlift", 0, ["a", "b", "c"], next_cursor="2"),
    listed("deadlift", 1, ["c", "d"], cursor="2"),
    listed("gymlife", 1, ["a", "e", "f"]),
]
FACTS = {
    "plan": {
        "allocation": (
            schemas.Allocation,
            [
                grant("deadlift", 0, "seed", new_posts=None, acceptance=None, worth=None, belief=2.0),
                grant("deadlift", 1, "yield"),
                grant("gymlife", 1, "probation", num_pages=2),
                grant("oldtrend", 1, "probation"),
            ],
        ),
        "tag_claim": (
            schemas.TagClaim,
            [
                schemas.TagClaim(round=1, tag="gymlife", class_id="deadlift", lift=9.44, support=3, reason="co-occurs"),
                schemas.TagClaim(round=1, tag="oldtrend", class_id="deadlift", lift=0.0, support=0, reason="words"),
            ],
        ),
        "arm_change": (
            schemas.ArmChange,
            [
                change("gymlife", 2, "paused", "homonym", detail="most look like talking heads"),
                change("gymlife", 4, "open", "verdicts"),
                change("deadlift", 3, "drifted", "drift", since=MARCH, detail="8 of 9 before, 0 of 8 since"),
            ],
        ),
    },
    "mine": {
        "request": (schemas.Request, [page for page, _ in PAGES]),
        "hit": (schemas.Hit, [h for _, hits in PAGES for h in hits]),
        "post": (
            schemas.Post,
            [post(p, caption=f"caption of {p}\nover lines", hashtags=["deadlift", "fyp"]) for p in "abcd"]
            + [post(p, caption="x" * 500, hashtags=["gymlife"]) for p in "ef"],
        ),
    },
    "fetch": {
        "media": (
            schemas.Media,
            [media(p, media_id=f"m{p}") for p in "abe"] + [media("c", outcome="gone", media_id=None)],
        )
    },
    "cut": {},
}
CANDIDATES = [schemas.Candidate(class_id="deadlift", post_id=p, ground="seed") for p in "abcdef"]
CHOSEN = [
    schemas.Selection(
        clip_id=f"k{p}", class_id="deadlift", label=3, post_id=p, media_id=f"m{p}", creator=None, split="train"
    )
    for p in "ae"
]
DECISION = {
    "candidate": CANDIDATES,
    "verdict": [verdict("d", "too_short", 1.5, 2.0), verdict("f", "tag_spam", 40, 15), verdict("a", "ok")],
    "score": [
        schemas.Score(clip_id="ka", class_id="deadlift", probability=0.97, margin=0.1, agreement=1.0),
    ],
    "duplicate": [],
    "selection": CHOSEN,
}


@pytest.fixture(scope="module")
def recipe():
    return recipes.load("sample-mini")


@pytest.fixture
def undecided(tmp_path):
    lake = lakes.create(tmp_path / "lake", hides_people=False)
    for stage, tables in FACTS.items():
        parts.commit(lake.path, stage, "a", {n: schemas.to_arrow(record, rows) for n, (record, rows) in tables.items()})
    return lake


@pytest.fixture
def lake(undecided):
    tables = {name: schemas.to_arrow(record, DECISION.get(name, [])) for name, record in DECIDED.items()}
    decisions.save(undecided.path, "d", tables, {"recipe": "sample-mini", "models": {}})
    decisions.name(undecided.path, "sample-mini", "d")
    return undecided


def test_each_tag_has_what_was_granted_what_came_and_its_state(lake, recipe):
    found = {h.tag: h for h in histories(open_mined(lake, recipe))}
    deadlift, gymlife, oldtrend, never = (found[t] for t in ("deadlift", "gymlife", "oldtrend", "deadliftday"))
    counts = ("num_pages", "num_new", "num_judged", "num_accepted")
    # `c` is new in round 0 alone and its file is gone, which is a judgement; `b` is fetched; `d` is too short.
    assert [deadlift.total(c) for c in counts] == [2, 4, 4, 1]
    assert [gymlife.total(c) for c in counts] == [1, 2, 2, 1], "`a` was listed first by another"
    assert [oldtrend.total(c) for c in counts] == [0, 0, 0, 0]
    assert (deadlift.state, gymlife.state, oldtrend.state) == ("drifted", "open", "open")
    assert (deadlift.origin, gymlife.origin, never.origin) == ("seed", "learnt", "seed")
    assert (deadlift.belief, never.belief, never.rounds) == (1.2, None, ())
    assert [r.round for r in gymlife.rounds] == [1, 2, 4]


def test_the_most_fruitful_come_first_and_a_class_has_its_own(lake, recipe):
    found = histories(open_mined(lake, recipe))
    assert [h.tag for h in found[:2]] == ["gymlife", "deadlift"], "as many accepted for fewer pages"
    own = {h.tag for h in of_class(found, "deadlift")}
    assert own >= {"gymlife", "deadlift", "oldtrend"}
    assert not own & {h.tag for h in of_class(found, "cycling")}


def test_a_claim_speaks_for_the_class_that_took_over(lake, recipe):
    heir = dataclasses.replace(
        next(c for c in recipe.action_classes if c.id == "deadlift"), id="barbell-lift", former_ids=("deadlift",)
    )
    mined = open_mined(lake, dataclasses.replace(recipe, action_classes=(heir,)))
    assert "gymlife" in {h.tag for h in of_class(histories(mined), "barbell-lift")}
    assert any("claimed for deadlift, which this class took over" in line for line in explain(mined, "gymlife"))


EXPLAINED = {
    "#Gym_Life": [
        "#gymlife on sample is open since round 4 (verdicts).",
        "speaks for deadlift: learnt in round 1, it stands on accepted posts of the class (co-occurs): 3 accepted",
        "9.4 times the share",
        "round 1   proposed for deadlift (co-occurs): support 3, lift 9.4",
        "granted 2 pages: learnt, and to show what it holds (probation); belief 1.20 a page = 3.0 new posts x 40 %",
        "; worth 1.5",
        "came: 1 page, 3 posts, 2 of them new: 2 judged, 1 accepted; the listing ends there",
        "round 2   paused (homonym): most look like talking heads; 1 of 8 judged posts accepted, 0.125 against 0.2",
        "round 4   open (verdicts)",
        "In all: 1 page, 2 new posts, 2 judged, 1 accepted, 1 a page.",
        "Accepted posts in its pages (2):",
        "a  deadlift (probability 0.97)  caption of a over lines",
        "Rejected posts in its pages (1): 1 screen_post: tag_spam",
        "f  deadlift  screen_post: tag_spam (40 against 15)  xxx",
    ],
    "deadlift": [
        "#deadlift on sample is drifted since round 3 (drift).",
        "It speaks for deadlift: the class file names it (noun).",
        "round 0   granted 1 page: a class file names it (seed); belief 2.00 a page\n",
        "drifted (drift): 8 of 9 before, 0 of 8 since",
        "posts since 2026-03-03",
        "1 fetch: gone, 1 screen_post: too_short",
        "d  deadlift  screen_post: too_short (1.5 against 2)",
    ],
    "oldtrend": ["it is a form of the class's name or tags (words)", "no page of it has come"],
    "deadliftday": ["No page of it was asked for"],
    "fyp": [
        "#fyp was never asked for",
        "4 of 6 seen posts carry it",
        "deadlift: 1 of 2 accepted posts carry it, lift 0.8",
        "a lift of 3",
    ],
}


@pytest.mark.parametrize("tag", EXPLAINED)
def test_a_tag_is_explained_with_its_numbers(lake, recipe, tag):
    said = "\n".join(explain(open_mined(lake, recipe), tag)) + "\n"
    for words in EXPLAINED[tag]:
        assert words in said
    assert max(map(len, said.splitlines())) < 240, "a caption is cut"


@pytest.mark.parametrize(("post_id", "left"), [("a", "f  deadlift"), ("f", "a  deadlift")])
def test_posts_of_who_opted_out_are_no_examples_of_a_tag(lake, recipe, tmp_path, post_id, left):
    (tmp_path / "list.txt").write_text(f"{post_id}\n")
    source = dataclasses.replace(recipe.source, opt_out=tmp_path / "list.txt")
    lines = explain(open_mined(lake, dataclasses.replace(recipe, source=source)), "gymlife")
    assert [line for line in lines if line.strip().startswith(left)]
    assert not [line for line in lines if line.strip().startswith(f"{post_id}  ")]


def test_without_a_decision_no_post_counts_as_accepted(undecided, recipe):
    mined = open_mined(undecided, recipe)
    assert {h.total("num_accepted") for h in histories(mined)} == {0}
    assert "No decision yet, so no post counts as accepted." in explain(mined, "deadlift")
    assert explain(mined, "fyp")[-1] == "4 of 6 seen posts carry it."


@pytest.mark.parametrize(
    ("tag", "says"),
    [
        ("deadlit", "near it: #deadlift"),
        ("qqqqqqqqqqqq", "`h2a tags` lists what is known"),
        ("#!!", "holds no letter and no digit"),
    ],
)
def test_an_unknown_tag_is_a_mistake_with_the_nearest_ones(lake, recipe, tag, says):
    with pytest.raises(ValueError, match=says):
        explain(open_mined(lake, recipe), tag)


def test_a_tag_that_a_class_file_excludes_says_so(lake, recipe):
    first, *others = recipe.action_classes
    first = dataclasses.replace(first, excluded_hashtags={"fyp": "on everything"})
    mined = open_mined(lake, dataclasses.replace(recipe, action_classes=(first, *others)))
    assert explain(mined, "fyp")[-1] == f"The class file of {first.id} excludes it: on everything."


# The commands, on a finished build.


def test_tags_in_every_format_agree_with_the_rows(mini, h2a_here):
    lake = mini / "lake"
    asked = [
        r["tag"]
        for r in json.loads(h2a_here("sql", "SELECT DISTINCT tag FROM request", "--lake", lake, "--format", "json").out)
    ]
    as_json = json.loads(h2a_here("tags", "--lake", lake, "--format", "json").out)
    assert {row["tag"] for row in as_json if row["num_pages"]} == set(asked)
    count = "SELECT count(*) AS posts, (SELECT count(DISTINCT post_id) FROM selection) AS kept FROM post"
    [all_posts] = json.loads(h2a_here("sql", count, "--lake", lake, "--format", "json").out)
    assert sum(row["num_new"] for row in as_json) == all_posts["posts"], "each post counts for one listing"
    assert sum(row["num_accepted"] for row in as_json) == all_posts["kept"]

    as_csv = list(csv.DictReader(io.StringIO(h2a_here("tags", "--lake", lake, "--format", "csv").out)))
    assert [row["tag"] for row in as_csv] == [row["tag"] for row in as_json]
    table = h2a_here("tags", "--lake", lake).out.splitlines()
    assert [line.split()[0] for line in table[1:]] == [f"#{row['tag']}" for row in as_json]


def test_tags_in_a_file_have_all_numbers(mini, h2a_here, tmp_path):
    rows = json.loads(h2a_here("tags", "--lake", mini / "lake", "--format", "json").out)
    for form, read in (
        ("parquet", lambda file: pq.read_table(file).to_pylist()),
        ("json", lambda f: json.loads(f.read_text())),
    ):
        file = tmp_path / form
        assert h2a_here("tags", "--lake", mini / "lake", "--format", form, "--out", file).out == ""
        assert [row["tag"] for row in read(file)] == [row["tag"] for row in rows]
        assert read(file)[0].keys() == rows[0].keys()


def test_the_tags_of_a_class_come_with_what_happened_in_each_round(mini, h2a_here):
    said = h2a_here("tags", "--lake", mini / "lake", "--class", "deadlift").out
    assert "#deadlift  sample, seed (noun), " in said
    assert "  round 0   granted 1 page: a class file names it (seed); belief" in said
    rows = json.loads(h2a_here("tags", "--lake", mini / "lake", "--class", "deadlift", "--format", "json").out)
    assert {"deadlift"} == {c for row in rows for c in row["classes"]} - {"jump-rope", "cycling", "guitar-playing"}
    [own] = [row for row in rows if row["tag"] == "deadlift"]
    assert sum(r["came_pages"] or 0 for r in own["rounds"]) == own["num_pages"] > 0
    assert own["rounds"][0]["granted_because"] == "seed"


def test_explain_tag_shows_posts_of_a_finished_build(mini, h2a_here):
    said = h2a_here("explain", "tag", "#Deadlift", "--lake", mini / "lake")
    assert (said.code, said.err) == (0, "")
    assert "Accepted posts in its pages (" in said.out
    assert "Rejected posts in its pages (" in said.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("explain", "tag", "deadlit"), "near it: #deadlift"),
        (("tags", "--class", "deadlif"), "has no class 'deadlif'; did you mean 'deadlift'?"),
        (("tags", "--recipe", "nope"), "no recipe 'nope'"),
    ],
)
def test_a_mistake_is_one_line(mini, h2a_here, arguments, says):
    ran = h2a_here(*arguments, "--lake", mini / "lake")
    assert ran.code == 2
    [line] = ran.err.splitlines()
    assert says in line


def test_a_lake_of_another_recipe_asks_for_its_file(undecided, lake, h2a_here):
    about = {"recipe": "own", "models": {}}
    tables = {name: schemas.to_arrow(record, DECISION.get(name, [])) for name, record in DECIDED.items()}
    decisions.save(lake.path, "e", tables, about)
    decisions.name(lake.path, "own", "e")
    ran = h2a_here("tags", "--lake", lake.path)
    assert (ran.code, "name its file with --recipe" in ran.err) == (2, True)


def test_a_lake_without_a_decision_asks_for_a_recipe(undecided, h2a_here):
    ran = h2a_here("tags", "--lake", undecided.path)
    assert (ran.code, "name the recipe that mines it with --recipe" in ran.err) == (2, True)
    assert "#gymlife" in h2a_here("tags", "--lake", undecided.path, "--recipe", "sample-mini").out
