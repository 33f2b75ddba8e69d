"""Who opts out after a version was made: the next one holds nothing of them, and nothing shows them any more.

Real files, the real command: Ann's video, Bob's re-encoded copy of it, and others' videos, as a table.
"""

import csv
import json
import shutil
import tarfile

import pyarrow.parquet as pq
import pytest
import yaml

from h2a_curation.catalog.views import connect
from h2a_curation.explain.funnel import rejected_sheets
from h2a_curation.foundation.shipped_data import data_folder
from h2a_curation.lake import decisions
from h2a_curation.lake import lake as lakes
from tests.conftest import h2a_within
from tests.videos import H264, make

MODEL = f"local-dir:{data_folder() / 'sample_world'}"
CLASSES = ("deadlift", "jump-rope")
COPY = "copy of an opted-out clip: by another account"


@pytest.fixture(scope="module")
def videos(mini, tmp_path_factory):
    """Ann's clip, Bob's re-encoding of it, and one of Cat and one of Dan, by who posts them; and their classes."""
    folder = tmp_path_factory.mktemp("videos")
    lake = mini / "lake"
    rows = connect(lake, decision=decisions.newest(lake)).query(
        "SELECT class_id, media_id, clip_id FROM selection ORDER BY ALL"
    )
    of_class = {c: [r["clip_id"] for r in rows.to_pylist() if r["class_id"] == c] for c in CLASSES}
    found = {}
    for name, class_id, place in (("ann", "deadlift", 0), ("cat", "deadlift", 1), ("dan", "jump-rope", 0)):
        clip_id = of_class[class_id][place]
        found[name] = (folder / f"{name}.mp4", class_id)
        found[name][0].write_bytes((lake / "clips" / clip_id[:2] / f"{clip_id}.mp4").read_bytes())
    make(folder / "bob.mp4", "-i", str(found["ann"][0]), "-vf", "scale=iw*2:ih*2", *H264)
    return found | {"bob": (folder / "bob.mp4", "deadlift")}


class Build:
    """A table of the videos, a recipe with an empty opt-out list, and the commands on their lake."""

    def __init__(self, folder, run):
        self.folder, self.lake, self.list, self.run = folder, folder / "lake", folder / "leave-alone.txt", run
        self.recipe = folder / "own.yaml"

    def write(self, videos):
        folder = self.folder
        shipped = [
            c for f in (data_folder() / "classes").glob("*.yaml") for c in yaml.safe_load(f.read_text())["classes"]
        ]
        own = [c for c in shipped if c["id"] in CLASSES]
        own = [{"id": c["id"], "prompts": c["prompts"], "person_required": False} for c in own]
        (folder / "classes.yaml").write_text(yaml.safe_dump({"classes": own}))
        with (folder / "posts.csv").open("w", newline="") as file:
            lines = csv.writer(file)
            lines.writerow(["post_id", "url", "class", "creator", "caption"])
            for name, (path, class_id) in sorted(videos.items()):
                shutil.copyfile(path, folder / path.name)
                lines.writerow([f"{name}-1", path.name, class_id, f"{name.title()}.Lifts", f"{name} says so"])
        source = {"kind": "table", "name": "table", "file": "posts.csv", "opt_out": "leave-alone.txt"}
        rules = {"validate": {"mode": "record"}, "clip": {"min_short_side_px": 100}, "post": {"min_short_side_px": 100}}
        self.recipe.write_text(
            yaml.safe_dump(
                {"source": source, "classes": "classes.yaml", "decide": rules, "mine": {"num_rounds": 1},
                 "audit": {"share": 1.0}}
            )
        )  # fmt: skip
        self.list.write_text("# nobody yet\n")

    def h2a(self, command, *arguments):
        return self.run(command, *arguments, "--recipe", self.recipe, "--lake", self.lake, "--model", MODEL)

    def opened(self):
        return connect(self.lake, decision=decisions.newest(self.lake))

    def selected(self):
        rows = self.opened().query("SELECT post_id FROM selection ORDER BY ALL")
        return [post_id.removeprefix("table:") for post_id in rows["post_id"].to_pylist()]

    def cells(self, version):
        """All that a version's files and the shards that it names hold, as one text."""
        folder = self.lake / "versions" / version
        said = []
        for file in folder.rglob("*"):
            if file.suffix == ".parquet":
                said.append(str(pq.read_table(file).to_pylist()))
            elif file.is_file():
                said.append(file.read_text())
        for shard in json.loads((folder / "manifest.json").read_text())["shards"]:
            with tarfile.open(self.lake / "shards" / shard["file"]) as tar:
                said += [
                    tar.extractfile(m).read().decode("latin-1") if m.name.endswith(".json") else m.name for m in tar
                ]
        return "\n".join(said)


@pytest.fixture(scope="module")
def once(videos, tmp_path_factory):
    """A folder with version v1, which holds Ann's clip and, as it is a copy, not Bob's. Read only."""
    job = Build(tmp_path_factory.mktemp("once"), h2a_within)
    job.write(videos)
    ran = job.h2a("build", "--workers", "1")
    assert ran.code == 0, ran.err
    assert job.selected() == ["ann-1", "cat-1", "dan-1"]
    return job.folder


@pytest.fixture
def built(once, h2a_here, tmp_path):
    """A copy of it, to change."""
    return Build(shutil.copytree(once, tmp_path / "built"), h2a_here)


def _lines(ran):
    return [line.strip() for line in ran.out.splitlines()]


def traces_of(build, name):
    """What would show somebody: ids of post, file and clip, address, words, name and pseudonym."""
    [row] = (
        build.opened()
        .query(
            f"""SELECT post_id, url, caption, creator, media_id, clip_id
            FROM post JOIN media USING (post_id) JOIN clip USING (media_id) WHERE post_id = 'table:{name}-1'"""
        )
        .to_pylist()
    )
    return [*row.values(), f"{name.title()}.Lifts"]


def test_the_next_version_holds_nothing_of_who_opted_out_and_a_copy_by_another_is_shown(built):
    of_ann = traces_of(built, "ann")
    before = built.cells("v1")
    assert [trace for trace in of_ann if trace not in before] == ["ann says so", "Ann.Lifts"]

    built.list.write_text("@Ann.Lifts\n")
    ran = built.h2a("decide")
    assert ran.code == 0, ran.err
    lines = _lines(ran)
    [goes] = [line for line in lines if "table:ann-1" in line and "screen_post" in line]
    assert goes.split()[-2:] == ["screen_post:", "opt_out"]
    [comes] = [line for line in lines if "table:bob-1" in line and "dedup" in line]
    assert comes.endswith(COPY)
    assert any(line.split()[1:] == ["table:bob-1", "deadlift", "table:ann-1"] for line in lines)

    ran = built.h2a("build", "--workers", "1")
    assert ran.code == 0, ran.err
    assert "version v2" in ran.out
    assert COPY in ran.out
    assert built.selected() == ["bob-1", "cat-1", "dan-1"]
    after = built.cells("v2")
    assert "bob-1" in after
    assert [trace for trace in of_ann if trace in after] == []

    built.list.write_text("@Ann.Lifts\ntable:bob-1\n")
    ran = built.h2a("decide")
    assert built.selected() == ["cat-1", "dan-1"]
    assert COPY not in ran.out


def test_the_first_decision_tells_of_copies_too(built):
    built.list.write_text("Ann.Lifts\n")
    for folder in ("decisions", "refs"):
        (built.lake / folder).rename(built.lake / f"old-{folder}")
    ran = built.h2a("decide")
    assert ran.code == 0, ran.err
    assert "the first decision on this lake" in ran.out
    assert [line for line in _lines(ran) if "table:bob-1" in line and line.endswith(COPY)]


def test_who_opted_out_is_in_no_answer_about_the_lake(built, tmp_path):
    ran = built.run("audit", "sheet", "--out", tmp_path / "before.csv", "--lake", built.lake)
    assert ran.code == 0, ran.err
    assert "table:ann-1" in (tmp_path / "before.csv").read_text()
    of_ann = traces_of(built, "ann")

    built.list.write_text("Ann.Lifts\n")
    assert built.h2a("build", "--workers", "1").code == 0

    assert built.run("audit", "sheet", "--out", tmp_path / "sheet.csv", "--lake", built.lake).code == 0
    sheet = (tmp_path / "sheet.csv").read_text()
    assert "table:bob-1" in sheet
    assert [trace for trace in of_ann if trace in sheet] == []
    (tmp_path / "known.csv").write_text("class,post_id\ndeadlift,table:ann-1\njump-rope,table:ann-1\n")
    traced = built.run("trace", tmp_path / "known.csv", "--lake", built.lake)
    assert "opt_out: the creator is on the opt-out list; a copy by another" not in traced.err
    assert traced.out.count("screen_post") >= 2
    assert "ann says so" not in traced.out
    shown = rejected_sheets(built.opened(), lakes.open_lake(built.lake), tmp_path / "report.html")
    assert not [clip.caption for sheet in shown for clip in sheet.clips if "ann says so" in clip.caption]


def test_files_that_only_who_opted_out_has_are_not_measured(built):
    built.list.write_text("Ann.Lifts\n")
    shutil.rmtree(built.lake / "parts" / "probe")
    assert built.h2a("build", "--workers", "1").code == 0
    probed = built.opened().query("SELECT post_id FROM media SEMI JOIN probe USING (media_id) ORDER BY ALL")
    assert probed["post_id"].to_pylist() == ["table:bob-1", "table:cat-1", "table:dan-1"]


def test_a_list_that_cannot_be_read_stops_before_anything_is_done(built):
    ref = (built.lake / "refs" / "own").read_text()
    built.list.unlink()
    for command in (("decide",), ("build", "--workers", "1")):
        ran = built.h2a(*command)
        assert ran.code == 2
        [line] = ran.err.splitlines()
        assert "leave-alone.txt: the opt-out list cannot be read" in line
    assert (built.lake / "refs" / "own").read_text() == ref


def test_a_decision_has_the_name_that_it_had_where_nobody_opted_out_and_a_new_one_where_somebody_did(built):
    assert built.h2a("decide").code == 0  # the first one of all made rows of the prompts, which count from now on
    name = decisions.newest(built.lake).name
    built.list.write_text("nobody.we.know\nexample.org\n")
    assert built.h2a("decide").code == 0
    assert decisions.newest(built.lake).name == name
    built.list.write_text("Ann.Lifts\n")
    assert built.h2a("decide").code == 0
    assert decisions.newest(built.lake).name != name


def test_one_video_of_who_opted_out_is_not_tried(built, videos):
    built.list.write_text(f"{videos['ann'][0]}\n")
    ran = built.run("try", videos["ann"][0], "--recipe", built.recipe, "--model", MODEL)
    assert ran.code == 2
    [line] = ran.err.splitlines()
    assert line.endswith(f"it is on the list {built.list}")
