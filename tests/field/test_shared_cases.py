"""The inputs of ../shared/cases, each built as its README says."""

import dataclasses
import shutil

import pytest

from h2a_curation import recipes
from h2a_curation.acquire.permissions import Permissions
from h2a_curation.catalog.views import connect
from h2a_curation.executors.inline import run_inline
from h2a_curation.foundation.shipped_data import data_folder
from h2a_curation.lake import decisions
from h2a_curation.lake import lake as lakes
from h2a_curation.pipeline import build as building
from h2a_curation.pipeline.part import models_of
from h2a_curation.taxonomy.load import load_classes
from h2a_curation.taxonomy.propose import propose
from tests.field.situations import situation

SHAPES, ITEMS, GROW = "Unknown shapes are refused", "One item is one row", "Lists grow"


@pytest.fixture
def root(tmp_path, shared):
    """A project's root as the cases want it: recipes and classes there, `data` beside them."""
    for file in [*(shared / "cases" / "recipes").glob("*.*")]:
        shutil.copy(file, tmp_path)
    (tmp_path / "data").symlink_to(data_folder())
    (tmp_path / "cases").mkdir()
    (tmp_path / "clips").symlink_to(shared / "clips")
    for name in ("tables", "sidecars", "poison"):
        (tmp_path / "cases" / name).symlink_to(shared / "cases" / name)
    return tmp_path


def build(root, given, recipe="table.yaml", classes=("yoga",)):
    loaded = recipes.load(str(root / recipe))
    chosen = [c for c in load_classes(root / "classes.yaml") if c.id in classes]
    source = dataclasses.replace(loaded.source, file=root / "cases" / given)
    permissions = Permissions(files_from=(root / "clips").resolve())
    loaded = dataclasses.replace(loaded, source=source, action_classes=chosen, permissions=permissions)
    lake = lakes.create(root / "lake")
    building.build(lake, loaded, run_inline, lambda *_: None)
    return connect(lake.path, models=models_of(loaded), decision=decisions.newest(lake.path))


def column(decided, sql):
    return [value for row in decided.query(sql).to_pylist() for value in row.values()]


@situation(GROW, given="a table, and then the same with a second row", wanted="two posts, and nothing done twice")
def test_a_table_with_a_second_row(root):
    build(root, "tables/grow_1.csv")
    decided = build(root, "tables/grow_2.csv")
    assert column(decided, "SELECT count(*) FROM post") == [2]
    assert column(decided, "SELECT count(*) FROM media_try") == [2]
    assert column(decided, "SELECT count(*) FROM clip") == [2]


@situation(
    SHAPES, given="hashtags as objects, with null, with |，、 between, or as JSON with escapes", wanted="the tags"
)
@pytest.mark.parametrize(
    ("table", "tags"),
    [
        ("tags_objects.jsonl", [["yoga", "fyp"]]),
        ("tags_null.jsonl", [["yoga"]]),
        ("tags_separators.csv", [["yoga", "basketball"], ["深蹲", "瑜伽", "健身"]]),
        ("tags_json_ascii.csv", [["深蹲", "yoga"]]),
    ],
)
def test_tags_in_many_shapes(root, table, tags):
    decided = build(root, f"tables/{table}")
    assert sorted(map(sorted, column(decided, "SELECT hashtags FROM post"))) == sorted(map(sorted, tags))


@situation(SHAPES, given="one address with two classes, and a header with a blank", wanted="both classes; the class")
@pytest.mark.parametrize(
    ("table", "claims"),
    [("one_url_two_classes.csv", ["basketball-shot", "yoga"]), ("header_space.csv", ["yoga"])],
)
def test_classes_of_a_table(root, table, claims):
    decided = build(root, f"tables/{table}", classes=("yoga", "basketball-shot"))
    assert column(decided, "SELECT class_id FROM candidate ORDER BY 1") == claims
    assert column(decided, "SELECT count(*) FROM post") == [1]


@situation(SHAPES, given="six posts of the creator NA, of whom two may be kept", wanted="six unknown creators")
def test_a_creator_who_is_not_known(root):
    decided = build(root, "tables/creator_na.csv", recipe="table_cap2.yaml")
    assert column(decided, "SELECT DISTINCT creator FROM post") == [None]
    assert column(decided, "SELECT count(*) FROM fate WHERE reason = 'creator_cap'") == [0]
    assert column(decided, "SELECT count(*) > 2 FROM fate WHERE stage = 'kept'") == [True]


@situation(SHAPES, given="views that are inf or nan", wanted="refused, or no value; never a traceback")
@pytest.mark.parametrize("table", ["views_inf.csv", "views_inf.jsonl", "views_nan.csv"])
def test_views_that_are_no_number(root, table):
    with pytest.raises(ValueError, match=rf"{table}, line [12]: num_views is"):
        build(root, f"tables/{table}")


@situation(SHAPES, given="a Parquet of 240 kB with ten million rows", wanted="refused in one line")
def test_a_table_that_is_a_bomb(root):
    with pytest.raises(ValueError, match="rows"):
        build(root, "tables/bomb.parquet")


@situation(
    SHAPES, given="a folder with descriptions under five kinds of name and four more endings", wanted="all found"
)
def test_a_folder_of_downloads(root):
    decided = build(root, "sidecars", recipe="folder.yaml")
    assert column(decided, "SELECT count(*) FROM post") == [9]
    assert column(decided, "SELECT count(*) FROM post WHERE list_contains(hashtags, 'yoga')") == [9]
    assert column(decided, "SELECT outcome FROM probe") == ["ok"] * 6  # four of the files have the same bytes


@situation(
    SHAPES, given="lists of classes with repeats, in one line, as Kinetics has it, in Turkish", wanted="each once"
)
@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("classes_dupes.txt", ["yoga"]),
        ("classes_one_line.txt", ["plank", "squat", "yoga"]),
        ("classes_kinetics.csv", ["abseiling", "air-drumming"]),
        ("classes_turkish.txt", ["ipatlama"]),
    ],
)
def test_classes_of_a_list(shared, name, ids):
    proposals = propose(shared / "cases" / "classes" / name, load_classes(None))
    assert sorted(proposal.taken_from or proposal.given.id for proposal in proposals) == ids


@situation(ITEMS, given="a description whose address is `http://[::1`", wanted="both are posts")
def test_a_description_with_a_bad_address(root):
    with pytest.raises(building.NothingKeptError, match="no_class"):  # neither says what it shows
        build(root, "poison/folder_bad_url", recipe="folder.yaml")
    assert connect(root / "lake").query("FROM post").num_rows == 2


@situation(
    SHAPES,
    given="a table that names classes by id and by name, none of which is a hashtag of the class",
    wanted="each post is an example of the class that is named",
)
def test_a_class_is_named_by_id_or_name(root):
    clips = ["yoga", "cat", "basketball", "walking_dog"]
    named = ["yoga", "basketball-shot", "Basketball shot", "yogaa"]
    rows = [f"../clips/{clip}.mp4,{name}" for clip, name in zip(clips, named, strict=True)]
    (root / "cases" / "named.csv").write_text("\n".join(["url,class", *rows]))
    decided = build(root, "named.csv", classes=("yoga", "basketball-shot"))
    claims = decided.query("SELECT class_id, url FROM candidate JOIN post USING (post_id) ORDER BY ALL").to_pylist()
    assert [(row["class_id"], row["url"].rpartition("/")[2]) for row in claims] == [
        ("basketball-shot", "basketball.mp4"),
        ("basketball-shot", "cat.mp4"),
        ("yoga", "yoga.mp4"),
    ]


@situation(
    SHAPES, given="a table that names a class which the recipe has not", wanted="one line says so when it starts"
)
def test_whoever_builds_is_told_of_classes_that_are_none(h2a_here, root):
    (root / "named.csv").write_text("url,class\nclips/yoga.mp4,yoga\nclips/cat.mp4,yogaa\nclips/yoga.mp4,yogaa\n")
    command = ["build", root / "named.csv", "--recipe", root / "table.yaml", "--lake", root / "lake"]
    refused = h2a_here(*command)
    assert refused.code == 1, refused.err
    assert refused.err.splitlines()[-1].startswith(
        "h2a: no file came: 1 not_permitted; --allow-private or --files-from "
    )
    ran = h2a_here(*command, "--files-from", root / "clips")
    assert ran.code == 0, ran.err
    assert "left out: 2 posts as examples of 1 classes that the recipe has not (yogaa); is yogaa yoga?" in ran.err
