import json
import os
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from h2a_curation.acquire.errors import ErrorKind, FetchError
from h2a_curation.acquire.permissions import Permissions
from h2a_curation.sources.table import TableOfUrls, TableRules
from tests import factories
from tests.sources.platform import VIDEO, clock, context

ROWS = [
    {"url": "https://example.org/1.mp4", "class": "Clean and Jerk", "caption": "heavy #PR",
     "hashtags": "#Gym, oly_lift", "duration_s": "4.5", "num_views": "1200",
     "posted_at": "2026-05-31T12:00:00+02:00", "width_px": ""},
    {"url": "https://example.org/2.mp4", "class": "", "caption": "", "hashtags": "", "duration_s": "", "num_views": "",
     "posted_at": "1780000000", "width_px": "360"},
]  # fmt: skip


def write(folder, ending, rows):
    file = folder / f"posts.{ending}"
    if ending == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), file)
    elif ending == "jsonl":
        file.write_text("\n".join(json.dumps(row) for row in rows))
    else:
        mark = "\t" if ending == "tsv" else ","
        lines = [list(rows[0]), *([str(v) for v in row.values()] for row in rows)]
        file.write_text("\n".join(mark.join(f'"{cell}"' for cell in line) for line in lines))
    return file


def made(file, **said):
    return TableOfUrls(TableRules(file=file, **said), context({"clock": clock}))


def read(file, **said):
    return made(file, **said).search("", "").posts


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_a_row_becomes_a_post_whatever_the_format(tmp_path, ending):
    first, second = read(write(tmp_path, ending, ROWS))
    assert (first.caption, first.hashtags) == ("heavy #PR", ["gym", "olylift", "pr", "cleanandjerk"])
    assert (first.duration_s, first.num_views, first.width_px) == (4.5, 1200, None)
    assert first.posted_at == datetime(2026, 5, 31, 10, tzinfo=UTC)
    assert (second.hashtags, second.caption, second.duration_s, second.width_px) == ([], "", None, 360)
    assert second.posted_at == datetime.fromtimestamp(1780000000, UTC)
    assert first.seen_at == factories.DAY


def test_values_may_be_typed(tmp_path):
    row = {"url": "https://example.org/1.mp4", "hashtags": ["#A", "b"], "duration_s": 4.5, "num_views": 7,
           "posted_at": datetime(2026, 5, 31)}  # fmt: skip
    [post] = read(write(tmp_path, "parquet", [row]))
    assert (post.hashtags, post.num_views) == (["a", "b"], 7)
    assert post.posted_at == datetime(2026, 5, 31, tzinfo=UTC)


def test_columns_are_mapped_by_name(tmp_path):
    file = write(tmp_path, "csv", [{"link": "https://example.org/1.mp4", "what": "squat", "video id": "77"}])
    [post] = read(file, columns={"url": "link", "class": "what", "post_id": "video id"})
    assert (post.post_id, post.url, post.hashtags) == ("table:77", "https://example.org/1.mp4", ["squat"])


def test_an_id_does_not_depend_on_place_and_a_url_counts_once(tmp_path):
    urls = ["https://example.org/1.mp4", "https://example.org/2.mp4", "https://example.org/1.mp4"]
    posts = read(write(tmp_path, "csv", [{"url": url} for url in urls]))
    turned = read(write(tmp_path, "jsonl", [{"url": url} for url in reversed(urls)]))
    assert [p.url for p in posts] == urls[:2]
    assert {p.post_id for p in posts} == {p.post_id for p in turned}


def test_a_table_is_one_page_whole_or_by_tag(tmp_path):
    rows = [{"url": f"https://example.org/{i}.mp4", "class": "squat" if i % 2 else "surf"} for i in range(600)]
    table = made(write(tmp_path, "csv", rows))
    page = table.search("", "")
    assert (len(page.posts), page.next_cursor) == (600, None)
    assert len(table.search("squat", "").posts) == 300


def test_local_files_are_copied(tmp_path):
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a b.mp4").write_bytes(VIDEO)
    urls = ["clips/a b.mp4", str(tmp_path / "clips" / "a b.mp4").replace("clips", "./clips"), "clips/none.mp4"]
    rows = [{"url": urls[0]}, {"url": (tmp_path / "clips" / "a b.mp4").as_uri()}, {"url": urls[2]}]
    table = made(write(tmp_path, "jsonl", rows))
    relative, address, missing = table.search("", "").posts
    for number, post in enumerate((relative, address)):
        table.fetch(post, tmp_path / str(number))
        assert (tmp_path / str(number)).read_bytes() == VIDEO
    with pytest.raises(FetchError) as caught:
        table.fetch(missing, tmp_path / "2")
    assert caught.value.kind is ErrorKind.GONE


@pytest.fixture
def private(tmp_path):
    """A file of the user's beside the folder of a received table, and ways into it."""
    (tmp_path / "key.pem").write_bytes(b"private")
    received = tmp_path / "received"
    received.mkdir()
    os.mkfifo(received / "pipe")
    (received / "link.mp4").symlink_to(tmp_path / "key.pem")
    (received / "loop.mp4").symlink_to(received / "loop.mp4")
    (received / "up").symlink_to(tmp_path)
    return received


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("../key.pem", ErrorKind.NOT_PERMITTED),
        ("{}/key.pem", ErrorKind.NOT_PERMITTED),
        ("file://{}/key.pem", ErrorKind.NOT_PERMITTED),
        ("file://localhost{}/key.pem", ErrorKind.NOT_PERMITTED),
        ("FILE://{}/received/../key.pem", ErrorKind.NOT_PERMITTED),
        ("file://{}/received/%2e%2e/key.pem", ErrorKind.NOT_PERMITTED),
        ("{}/receivedtoo/a.mp4", ErrorKind.NOT_PERMITTED),
        ("link.mp4", ErrorKind.NOT_PERMITTED),
        ("up/key.pem", ErrorKind.NOT_PERMITTED),
        ("pipe", ErrorKind.NOT_PERMITTED),
        (".", ErrorKind.NOT_PERMITTED),
        ("/etc/passwd", ErrorKind.NOT_PERMITTED),
        ("/proc/self/environ", ErrorKind.NOT_PERMITTED),
        ("/proc/self/mem", ErrorKind.NOT_PERMITTED),
        ("/dev/zero", ErrorKind.NOT_PERMITTED),
        ("file:///proc/self/cwd/../../etc/passwd", ErrorKind.NOT_PERMITTED),
        ("loop.mp4", ErrorKind.GONE),
        ("none.mp4", ErrorKind.GONE),
        ("none/a.mp4", ErrorKind.GONE),
        ("file:///%00", ErrorKind.GONE),
        ("a\0.mp4", ErrorKind.NOT_VIDEO),
    ],
)
def test_a_received_table_gets_no_file_from_elsewhere(private, tmp_path, url, kind):
    table = made(write(private, "jsonl", [{"url": url.format(tmp_path)}]))
    [post] = table.search("", "").posts
    with pytest.raises(FetchError) as refused:
        table.fetch(post, tmp_path / "target")
    assert refused.value.kind is kind
    assert ("--files-from" in refused.value.detail) == (kind is ErrorKind.NOT_PERMITTED)
    assert not (tmp_path / "target").exists()


def test_files_elsewhere_are_taken_from_the_folder_that_is_permitted(private, tmp_path):
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "1.mp4").write_bytes(VIDEO)
    file = write(private, "jsonl", [{"url": "../videos/1.mp4"}, {"url": "../key.pem"}])
    given = context({"permissions": Permissions(files_from=tmp_path / "videos")})
    table = TableOfUrls(TableRules(file=file), given)
    there, elsewhere = table.search("", "").posts
    table.fetch(there, tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == VIDEO
    with pytest.raises(FetchError, match="not_permitted"):
        table.fetch(elsewhere, tmp_path / "other")


def test_a_site_that_is_down_does_not_stop_the_others(tmp_path):
    table = made(write(tmp_path, "csv", [{"url": "http://127.0.0.1:9/1.mp4"}]))
    with pytest.raises(FetchError, match="unreachable") as caught:
        table.fetch(table.search("", "").posts[0], tmp_path / "file")
    assert caught.value.kind is ErrorKind.SERVER_ERROR


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("p.csv", "link,class\nx,y\n", r"p.csv: no column 'url'.*it has \['link', 'class'\].*--column url=NAME"),
        ("p.csv", "Url\nx\n", "did you mean 'Url'"),
        ("p.csv", "url,duration_s\nx,1\ny,soon\n", "line 3: duration_s is 'soon'; give a number"),
        ("p.csv", "url,posted_at\nx,31.5.2026\n", "line 2: posted_at is '31.5.2026'; give a date such as"),
        ("p.csv", "url,caption\nx,a, b\n", "line 2: more cells than the header.*put quotes"),
        ("p.csv", 'url,caption\nx,"never closed\n', "line 2"),
        ("p.csv", "url,class\n,squat\n", "line 2: the url is empty"),
        ("p.csv", "url\n", "no rows"),
        ("p.csv", "", "no rows"),
        ("p.csv", "url,post_id\nx,1\ny,1\n", "post_id 'table:1' stands at .*/x and at .*/y; ids must differ"),
        ("p.jsonl", '{"url": "x"}\n{"url": \n', "line 2: not JSON"),
        ("p.jsonl", '{"url": "x"}\n[1]\n', "line 2: each line must be one JSON object"),
        ("p.parquet", "no parquet", "not a Parquet file"),
        ("p.xlsx", "x", "known are .csv .tsv"),
    ],
)
def test_a_bad_table_is_refused_in_one_line_that_says_what_to_do(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=words) as caught:
        made(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_wrong_mapping_is_refused(tmp_path):
    file = write(tmp_path, "csv", [{"link": "x", "views": 1}])
    with pytest.raises(ValueError, match=r"no column 'lnk' for url \(did you mean 'link'\?\)"):
        made(file, columns={"url": "lnk"})
    with pytest.raises(ValueError, match=r"no column 'ulr' to map \(did you mean 'url'\?\)"):
        made(file, columns={"ulr": "link"})


def test_no_file_and_no_text(tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        made(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes("url\nhttps://example.org/é\n".encode("latin-1"))
    with pytest.raises(ValueError, match="not UTF-8"):
        made(tmp_path / "latin.csv")


def test_a_caption_of_a_megabyte(tmp_path):
    [post] = read(write(tmp_path, "csv", [{"url": "x", "caption": "#squat " + "a" * 1_000_000}]))
    assert post.hashtags == ["squat"]
