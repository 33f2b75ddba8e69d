import json

import pytest

from h2a_curation.acquire.errors import ErrorKind, FetchError
from h2a_curation.acquire.permissions import Permissions
from h2a_curation.sources.folder import FolderOfFiles, FolderRules
from tests import factories
from tests.sources.platform import VIDEO, clock, context

INFO = {
    "_type": "video", "id": "x1", "extractor_key": "Youtube", "webpage_url": "https://www.youtube.com/watch?v=x1",
    "title": "Leg day", "description": "heavy #Squat", "tags": ["Gym"], "uploader_id": "@jane",
    "timestamp": 1_767_225_600,
    "duration": 12.5, "width": 1080, "height": 1920, "view_count": 7, "like_count": 3, "language": "en",
}  # fmt: skip


def put(folder, name, info=None, ending=".info.json"):
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(VIDEO)
    if info is not None:
        text = info if isinstance(info, str) else json.dumps(info)
        file.with_suffix(ending).write_text(text)
    return file


def source(folder, **permitted):
    given = context({"clock": clock, "permissions": Permissions(**permitted)})
    return FolderOfFiles(FolderRules(file=folder), given)


def posts(folder):
    return source(folder).search("", "").posts


def test_a_sidecar_of_ytdlp_becomes_a_post(tmp_path):
    put(tmp_path, "Leg day. Part 2 [x1].mp4", INFO)
    assert posts(tmp_path) == [
        factories.post(
            post_id="folder:youtube-x1",
            source="folder",
            url="https://www.youtube.com/watch?v=x1",
            creator="@jane",
            caption="heavy #Squat",
            hashtags=["gym", "squat"],
            posted_at=factories.DAY.replace(month=1, day=1, hour=0),
            duration_s=12.5,
            width_px=1080,
            height_px=1920,
            num_views=7,
            num_likes=3,
        )
    ]


def test_files_of_video2dataset_become_posts(tmp_path):
    info = {
        "id": "x1",
        "extractor_key": "Youtube",
        "webpage_url": "https://www.youtube.com/watch?v=x1",
        "tags": ["Gym"],
    }
    said = {
        "key": "00000_1",
        "url": "https://youtu.be/x1",
        "caption": "a lifter #squat",
        "yt_meta_dict": {"info": info},
    }
    put(tmp_path, "00000/00000_1.mp4", said, ".json")
    put(
        tmp_path,
        "00000/00000_2.mp4",
        {"key": "00000_2", "url": "https://example.org/2.mp4", "status": "success"},
        ".json",
    )
    (tmp_path / "00000" / "00000_2.txt").write_text("somebody rows #kayak\n")
    (tmp_path / "00000" / "00000_stats.json").write_text("{}")
    first, second = posts(tmp_path)
    assert (first.post_id, first.caption, first.hashtags) == ("folder:youtube-x1", "a lifter #squat", ["gym", "squat"])
    assert (second.url, second.caption, second.hashtags) == (
        "https://example.org/2.mp4",
        "somebody rows #kayak",
        ["kayak"],
    )


def test_a_file_without_sidecar_is_a_post_of_unknowns(tmp_path):
    file = put(tmp_path, "sub/clip.MP4")
    [post] = posts(tmp_path)
    assert (post.url, post.caption, post.hashtags, post.creator) == (str(file), "", [], None)
    assert post.post_id == posts(tmp_path)[0].post_id
    assert "clip" not in post.post_id


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", '{"id": null}', '{"id": {}, "tags": 7, "timestamp": 1e400}', "[" * 99_999]
)
def test_a_sidecar_of_nonsense_is_as_good_as_none(tmp_path, text):
    put(tmp_path, "clip.mp4", text)
    [post] = posts(tmp_path)
    assert (post.caption, post.posted_at) == ("", None)


def test_what_is_half_done_or_no_video_is_left_out(tmp_path):
    for name in ("a.mp4.part", ".b.mp4", "c.temp.mp4", "d.jpg", "e.m4a", "f.mp4.ytdl"):
        put(tmp_path, name)
    put(tmp_path, "g.webm")
    assert len(posts(tmp_path)) == 1


def test_two_formats_of_a_video_are_one_post(tmp_path):
    put(tmp_path, "x.f136.mp4")
    put(tmp_path, "x.f248.webm")
    (tmp_path / "x.info.json").write_text(json.dumps(INFO))
    made = source(tmp_path, hard_link=True)
    [post] = made.search("", "").posts
    made.fetch(post, tmp_path / "file")
    assert (post.post_id, (tmp_path / "file").stat().st_ino) == (
        "folder:youtube-x1",
        (tmp_path / "x.f136.mp4").stat().st_ino,
    )


@pytest.mark.parametrize(("hard_link", "num_links"), [(True, 2), (False, 1)])
def test_a_file_is_linked_or_copied(tmp_path, hard_link, num_links):
    file = put(tmp_path, "downloads/clip.mp4", INFO)
    made = source(tmp_path / "downloads", hard_link=hard_link)
    made.fetch(made.search("", "").posts[0], tmp_path / "file")
    assert ((tmp_path / "file").read_bytes(), file.stat().st_nlink) == (VIDEO, num_links)


@pytest.mark.parametrize("through", ["a link", "a linked folder"])
def test_what_a_symlink_leads_to_elsewhere_is_taken_where_it_is_permitted_and_never_shared(tmp_path, through):
    private = put(tmp_path, "private/diary.mp4")
    downloads = tmp_path / "downloads"
    put(downloads, "own.mp4")
    place = downloads / ("clip.mp4" if through == "a link" else "more")
    place.symlink_to(private if through == "a link" else private.parent)
    url = str(place if through == "a link" else place / "diary.mp4")
    with pytest.raises(FetchError) as refused:
        source(downloads, hard_link=True).fetch(factories.post("folder:x", url=url), tmp_path / "file")
    assert refused.value.kind is ErrorKind.NOT_PERMITTED
    assert "--files-from" in refused.value.detail
    assert not (tmp_path / "file").exists()
    permitted = source(downloads, hard_link=True, files_from=private.parent)
    permitted.fetch(factories.post("folder:x", url=url), tmp_path / "file")
    (tmp_path / "file").write_bytes(b"changed")
    assert (private.read_bytes(), private.stat().st_nlink) == (VIDEO, 1)


def test_where_no_link_can_be_it_is_copied(tmp_path, monkeypatch):
    def no_link(*_, **__):
        raise OSError(18, "Invalid cross-device link")

    put(tmp_path, "clip.mp4", INFO)
    made = source(tmp_path, hard_link=True)
    monkeypatch.setattr("os.link", no_link)
    made.fetch(made.search("", "").posts[0], tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == VIDEO


def test_a_file_that_went_meanwhile_is_gone(tmp_path):
    file = put(tmp_path, "clip.mp4", INFO)
    made = source(tmp_path)
    [post] = made.search("", "").posts
    file.unlink()
    with pytest.raises(FetchError) as caught:
        made.fetch(post, tmp_path / "file")
    assert caught.value.kind is ErrorKind.GONE


def test_a_folder_without_videos_is_refused_before_a_run(tmp_path):
    with pytest.raises(ValueError, match="no video files in it; known endings are"):
        source(tmp_path).check()
    (tmp_path / "00000.tar").touch()
    with pytest.raises(ValueError, match="tar shards are not read: unpack them"):
        source(tmp_path).check()
    with pytest.raises(ValueError, match="is no folder; name the folder"):
        source(tmp_path / "none")
