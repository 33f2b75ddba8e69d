"""A table of URLs in, a version out: `h2a build posts.csv --classes my_classes.yaml`, with files served on loopback."""

import json

import pytest
import yaml

from h2a_curation.catalog.views import connect
from h2a_curation.foundation.shipped_data import data_folder
from h2a_curation.lake import decisions
from tests.loopback import Answer, serving

MODEL = f"local-dir:{data_folder() / 'sample_world'}"
CLASSES = ("deadlift", "jump-rope")
NUM_EACH = 2


@pytest.fixture(scope="module")
def files(mini):
    """Files of clips that the mini build kept, by name, and the class that each shows."""
    lake = mini / "lake"
    rows = connect(lake, decision=decisions.newest(lake)).query("SELECT class_id, media_id FROM selection ORDER BY ALL")
    found = {}
    for class_id in CLASSES:
        of_class = [row["media_id"] for row in rows.to_pylist() if row["class_id"] == class_id][:NUM_EACH]
        for n, media_id in enumerate(of_class):
            found[f"{class_id}-{n}"] = (class_id, (lake / "media" / media_id[:2] / media_id).read_bytes())
    assert len(found) == NUM_EACH * len(CLASSES)
    return found


@pytest.fixture
def site(files):
    with serving() as site:
        video = {"Content-Type": "video/mp4"}
        for name, (_, content) in files.items():
            site.answers[f"/{name}.mp4"] = lambda _, body=content: Answer(body=body, headers=video)
        _, whole = files["deadlift-0"]
        page = b"<html><body><h1>404 Not Found</h1></body></html>"
        site.answers["/page.mp4"] = lambda _: Answer(body=page, headers=video)
        site.answers["/half.mp4"] = lambda _: Answer(body=whole[: len(whole) // 2], headers=video)
        site.answers["/empty.mp4"] = lambda _: Answer(headers=video)
        yield site


@pytest.fixture
def command(site, files, tmp_path):
    """The command line; beside the right files, a page that is none, half a file, an empty one and a missing one."""
    shipped = [c for f in (data_folder() / "classes").glob("*.yaml") for c in yaml.safe_load(f.read_text())["classes"]]
    own = [c for c in shipped if c["id"] in CLASSES]
    own = [{"id": c["id"], "prompts": c["prompts"], "person_required": False} for c in own]  # the persons are drawn
    (tmp_path / "my_classes.yaml").write_text(yaml.safe_dump({"classes": own}))
    lines = [f"{site.url}/{name}.mp4,{class_id}" for name, (class_id, _) in files.items()]
    lines += [f"{site.url}/{name}.mp4,deadlift" for name in ("page", "half", "empty", "missing")]
    (tmp_path / "posts.csv").write_text("\n".join(["link,class", *lines]) + "\n")
    return [
        "build", tmp_path / "posts.csv", "--classes", tmp_path / "my_classes.yaml", "--lake", tmp_path / "lake",
        "--model", MODEL, "--column", "url=link", "--workers", "1", "--allow-private",
    ]  # fmt: skip


def test_right_files_become_a_version_and_others_never_a_clip(h2a_here, command, site, files, tmp_path):
    ran = h2a_here(*command)
    assert ran.code == 0, ran.err
    assert "version v1" in ran.out
    lake = tmp_path / "lake"
    decided = connect(lake, decision=decisions.newest(lake))
    chosen = decided.query("SELECT url, class_id FROM selection JOIN post USING (post_id)").to_pylist()
    expected = {f"{site.url}/{name}.mp4": class_id for name, (class_id, _) in files.items()}
    assert {row["url"]: row["class_id"] for row in chosen} == expected

    came = decided.query("""
        SELECT url, coalesce(probe.outcome, media.outcome) AS outcome, clip_id
        FROM post LEFT JOIN media USING (post_id) LEFT JOIN probe USING (media_id) LEFT JOIN clip USING (media_id)
    """).to_pylist()
    bad = {row["url"].rpartition("/")[2]: row["outcome"] for row in came if row["clip_id"] is None}
    assert bad.keys() == {"page.mp4", "half.mp4", "empty.mp4", "missing.mp4"}
    assert bad["page.mp4"] == "not_video"
    assert bad["missing.mp4"] == "gone"
    assert "ok" not in bad.values()
    manifest = json.loads((lake / "versions" / "v1" / "manifest.json").read_text())
    assert manifest["labels"] == {"deadlift": 0, "jump-rope": 1}

    site.asked.clear()
    again = h2a_here(*command)
    assert again.code == 0, again.err
    assert "version v1" in again.out
    wanted = {path for _, path in site.asked}
    assert wanted <= {"/empty.mp4"}, "what came, and what is gone for good, is not asked for again"


def test_a_table_without_one_good_file_says_where_it_went(h2a_here, command, tmp_path):
    lines = (tmp_path / "posts.csv").read_text().splitlines()
    (tmp_path / "posts.csv").write_text("\n".join([lines[0], *(x for x in lines if "page" in x or "missing" in x)]))
    ran = h2a_here(*command)
    assert ran.code == 1
    assert ran.err.splitlines()[-1].startswith("h2a: no file could be cut into a clip: 1 not_video")
