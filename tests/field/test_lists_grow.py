"""Tables, folders and hashtags that grow: each night's work is what is new, and nothing is done twice."""

import csv
import dataclasses
import json
import os
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from h2a_curation import recipes
from h2a_curation.catalog.views import connect
from h2a_curation.foundation.shipped_data import data_folder
from h2a_curation.jobs.choice import Choice
from h2a_curation.lake import lake as lakes
from h2a_curation.pipeline import acquire
from h2a_curation.pipeline import build as building
from h2a_curation.pipeline.part import do_part
from tests import videos
from tests.field.situations import situation
from tests.loopback import ON_LOOPBACK, Answer, serving
from tests.sources.platform import MP4, listed, put_listing, put_post

KIND = "Lists grow"
MODEL = f"local-dir:{data_folder() / 'sample_world'}"
START = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
"""When the first night's run begins."""
RECIPE = {
    "classes": "classes.yaml",
    "adapt": False,
    "first_files_share": 1.0,
    "fetch": {"max_tries": 1, "first_wait_s": 0.0, "max_wait_s": 0.0},
    "embed": {"model": MODEL, "pretrained": None},
    "look": {"num_frames": 2},
    "decide": {
        "post": {"min_duration_s": 0.2, "min_short_side_px": 50},
        "clip": {"min_duration_s": 0.2, "min_scene_s": 0.2, "min_short_side_px": 50, "person": False, "motion": False},
        "dedup": {"max_distance": 0},
        "validate": {"mode": "record"},
    },
}
CLASSES = {"classes": [{"id": "squat", "seed_hashtags": {"squat": "noun"}, "prompts": ["a person squats"]}]}
NUM_VIDEOS = 8


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Small files, no two of the same bytes."""
    folder = tmp_path_factory.mktemp("clips")
    return [videos.make(folder / f"{n}.mp4", *videos.moving(0.6, hue=40 * n), *videos.H264) for n in range(NUM_VIDEOS)]


class Nights:
    """A lake, and a schedule that builds it: what each night did, by stage."""

    def __init__(self, folder, monkeypatch, **source):
        self.folder = folder
        (folder / "classes.yaml").write_text(yaml.safe_dump(CLASSES))
        (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE | source))
        self.lake = lakes.create(folder / "lake", hides_people=False)
        self.now = START
        monkeypatch.setattr(acquire, "_now", lambda: self.now)

    def build(self, file=None, *, after_days=1.0, **changed):
        """Build as a run that begins so many days after the one before; how many keys each stage was given."""
        did = Counter()

        def run(lake, recipe, parts):
            for part in parts:
                did[part.stage] += len(part.keys)
                do_part(lake, recipe, part)
                yield part

        recipe = Choice(recipe=str(self.folder / "recipe.yaml"), table=file).load()
        # Tables here name files of a folder beside theirs.
        permissions = dataclasses.replace(ON_LOOPBACK, files_from=self.folder.parent.resolve())
        recipe = dataclasses.replace(recipe, permissions=permissions)
        started = self.now = self.now + timedelta(days=after_days)
        building.build(self.lake, dataclasses.replace(recipe, **changed), run, lambda *_: None, started_at=started)
        did.pop("prompt", None)  # the classes' own, once
        return dict(did)

    def rows(self, sql):
        return connect(self.lake.path).query(sql).to_pylist()

    def num(self, table):
        [row] = self.rows(f"SELECT count(*) AS n FROM {table}")
        return row["n"]


def did(num, *, num_pages=1):
    """What a night does that finds so many new posts."""
    return {"mine": num_pages} | (dict.fromkeys(("fetch", "probe", "cut", "look"), num) if num else {})


def written(file, rows):
    """A table with these rows: address and caption."""
    with file.open("w", newline="") as opened:
        csv.writer(opened).writerows([("url", "caption"), *rows])
    return file


ONE_PAGE = {"mine": {"num_rounds": 1, "pages_per_round": 1}}


@pytest.fixture
def of_table(tmp_path, monkeypatch):
    return Nights(tmp_path, monkeypatch, source={"kind": "table", "name": "mine"}, **ONE_PAGE)


@situation(
    KIND,
    given="a table that a nightly schedule builds, and to which rows are added, with nights on which it is the same",
    wanted="each night's new rows are fetched and measured, once; a night without new rows does nothing",
)
def test_five_nights_of_a_growing_table(of_table, clips):
    table = of_table.folder / "posts.csv"
    nights = [(2, did(2)), (3, did(1)), (3, {}), (6, did(3)), (7, did(1))]
    for num, wanted in nights:
        written(table, [(clip, "#squat") for clip in clips[:num]])
        assert of_table.build(table) == wanted
        assert of_table.num("post") == of_table.num("hit") == of_table.num("media") == of_table.num("clip") == num
    rounds = of_table.rows("SELECT reason, num_pages FROM round_plan ORDER BY round")
    assert rounds == [{"reason": "granted", "num_pages": 1}] + 3 * [{"reason": "visits", "num_pages": 1}]
    asked = of_table.rows("SELECT visit, num_posts FROM request ORDER BY visit")
    assert [(row["visit"], row["num_posts"]) for row in asked] == [(0, 2), (1, 3), (2, 6), (3, 7)]


@situation(
    KIND,
    given="a table from which a row was removed, and in which the caption of another was changed",
    wanted="both posts stay as they were first listed; the request counts the row that says something else",
)
def test_a_row_that_was_removed_or_changed_stays_a_fact(of_table, clips):
    table = of_table.folder / "posts.csv"
    written(table, [(clip, "#squat") for clip in clips[:2]])
    of_table.build(table)
    before = of_table.rows("FROM post ORDER BY post_id")
    written(table, [(clips[1], "#squat with a friend"), (clips[2], "#squat")])
    assert of_table.build(table) == did(1)
    after = of_table.rows("FROM post ORDER BY post_id")
    assert [post for post in after if post in before] == before
    assert len(after) == 3
    [visit] = of_table.rows("SELECT num_posts, num_changed FROM request WHERE visit = 1")
    assert visit == {"num_posts": 2, "num_changed": 1}


@situation(
    KIND,
    given="another table, and then the first one again, built into the same lake",
    wanted="the other table's posts join those of the first; what was read before is not read again",
)
def test_another_table_joins_the_lake(of_table, clips):
    first = written(of_table.folder / "first.csv", [(clip, "#squat") for clip in clips[:2]])
    other = written(of_table.folder / "other.csv", [(clip, "#squat") for clip in clips[1:4]])
    assert of_table.build(first) == did(2)
    assert of_table.build(other) == did(2)
    assert of_table.build(first) == of_table.build(other) == {}
    assert of_table.num("media") == 4


@situation(
    KIND,
    given="a table whose only row leads to no file, so that the build fails, and to which a good row is added",
    wanted="the next build reads the new row and makes a version",
)
def test_a_table_that_began_badly_goes_on(of_table, clips):
    table = of_table.folder / "posts.csv"
    written(table, [(of_table.folder / "missing.mp4", "#squat")])
    for _ in range(2):
        with pytest.raises(building.NothingKeptError, match="no file came: 1 gone"):
            of_table.build(table)
    written(table, [(of_table.folder / "missing.mp4", "#squat"), (clips[0], "#squat")])
    assert of_table.build(table) == did(1)
    assert of_table.build(table) == {}


@pytest.mark.slow
@situation(
    KIND,
    given="a folder of downloads that a nightly schedule builds, and to which files and sidecars are added",
    wanted="each night's new files are measured, once; a night without new files does nothing",
)
def test_five_nights_of_a_growing_folder(tmp_path, monkeypatch, clips):
    nights = Nights(tmp_path, monkeypatch, source={"kind": "folder", "name": "mine"}, **ONE_PAGE)
    folder = tmp_path / "downloads"
    folder.mkdir()

    def bring(num):
        for n in range(num):
            if not (file := folder / f"{n}.mp4").exists():
                file.write_bytes(clips[n].read_bytes())
                said = {"id": f"id{n}", "title": "a #squat", "webpage_url": f"https://example.org/{n}"}
                file.with_suffix(".info.json").write_text(json.dumps(said))

    for num, wanted in [(2, did(2)), (4, did(2)), (4, {}), (5, did(1)), (6, did(1))]:
        bring(num)
        assert nights.build(folder) == wanted
        assert nights.num("post") == nights.num("hit") == nights.num("media") == nights.num("clip") == num
    os.utime(folder / "0.mp4", (0, 0))
    assert nights.build(folder) == did(0), "it is read anew, and has nothing new"


@pytest.fixture
def site():
    with serving() as site:
        yield site


@pytest.fixture
def of_hashtag(tmp_path, monkeypatch, site):
    source = {
        "kind": "ytdlp", "name": "h2a", "listing_url": "h2a-sample:tag:{tag}", "page_size": 3, "min_interval_s": 0,
        "post_url": "h2a-sample:post:{id}",
    }  # fmt: skip
    nights = Nights(tmp_path, monkeypatch, source=source, mine={"num_rounds": 2, "pages_per_round": 3, "revisit": 2})
    of_site = {"h2asample": {"base": [site.url], "page_size": ["3"]}}
    build = nights.build

    def with_site(**said):
        recipe = recipes.load(str(tmp_path / "recipe.yaml"))
        return build(source=dataclasses.replace(recipe.source, extractor_args=of_site), **said)

    nights.build = with_site
    return nights


def show(site, clips, num):
    """The hashtag lists so many posts, the newest first."""
    put_listing(site, "squat", [listed(f"p{n}", tags=["squat"]) for n in reversed(range(num))], page_size=3)
    for n in range(num):
        put_post(site, f"p{n}", Answer(body=clips[n].read_bytes(), headers=MP4), tags=["squat"])


def asked_of(site):
    """What the site was asked for since the last look, by kind of address."""
    found = Counter(path.split("/")[1] for _, path in site.asked)
    site.asked.clear()
    return dict(found)


@pytest.mark.slow
@situation(
    KIND,
    given="a hashtag whose listing ended, to which posts come, and a nightly schedule with a visit every second day",
    wanted="each visit asks for pages until one has nothing new, and only the new posts are fetched and measured",
    thread="yt-dlp/yt-dlp#7049",
)
def test_five_nights_of_a_growing_hashtag(of_hashtag, site, clips):
    show(site, clips, 2)
    assert of_hashtag.build() == did(2)
    assert asked_of(site) == {"tag": 1, "post": 2, "media": 2}
    show(site, clips, 3)
    assert of_hashtag.build(after_days=1) == {}, "it is not due"
    assert asked_of(site) == {}
    assert of_hashtag.build(after_days=1) == did(1)
    assert asked_of(site) == {"tag": 2, "post": 1, "media": 1}, "the second page says that there is no more"
    show(site, clips, 7)
    assert of_hashtag.build(after_days=2) == did(4)
    assert asked_of(site) == {"tag": 2, "post": 4, "media": 4}
    assert of_hashtag.build(after_days=1) == did(0), "the visit goes on where its grant ended"
    assert asked_of(site) == {"tag": 1}
    assert of_hashtag.build(after_days=2) == did(0)
    assert asked_of(site) == {"tag": 1}
    assert of_hashtag.build(after_days=0) == {}
    assert asked_of(site) == {}
    assert of_hashtag.num("post") == of_hashtag.num("hit") == of_hashtag.num("clip") == 7
    plans = of_hashtag.rows("SELECT visit, reason, num_pages FROM allocation WHERE round > 0 ORDER BY round")
    assert {plan["reason"] for plan in plans} == {"visit"}
    assert [plan["visit"] for plan in plans] == [1, 2, 2, 3]
