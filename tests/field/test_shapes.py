"""Tables, sidecars and lists as other programs write them: read rightly, or refused in one line that says where."""

import json
import re
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2a_curation.foundation import yaml_file
from h2a_curation.recipes import Recipe
from h2a_curation.sources import cells
from h2a_curation.sources.folder import FolderOfFiles, FolderRules
from h2a_curation.sources.table import TableOfUrls, TableRules
from h2a_curation.taxonomy.hashtags import in_text, normalise
from h2a_curation.taxonomy.load import load_classes
from h2a_curation.taxonomy.model import ClassFile
from h2a_curation.taxonomy.propose import propose
from tests.field.situations import situation
from tests.sources.platform import clock, context

KIND = "Unknown shapes are refused"


def posts_of(file, **columns):
    return TableOfUrls(TableRules(file=file, columns=columns), context({"clock": clock})).search("", "").posts


def table(folder, *values, name="hashtags"):
    """A JSONL table with a row for each value of one column."""
    file = folder / "posts.jsonl"
    lines = (json.dumps({"url": f"https://example.org/{n}.mp4", name: value}) for n, value in enumerate(values))
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def csv(folder, *lines, encoding="utf-8"):
    file = folder / "posts.csv"
    file.write_bytes("\n".join([*lines, ""]).encode(encoding))
    return file


@situation(
    KIND,
    given="hashtags as objects, as JSON's or Python's text of a list, with |, ，, 、 or ; between, with null in a list",
    wanted="the tags that they mean",
)
@pytest.mark.parametrize(
    ("value", "tags"),
    [
        ([{"id": "1", "name": "yoga", "title": ""}, {"id": "2", "name": "fyp"}], ["yoga", "fyp"]),
        ([{"text": "Yoga", "indices": [0, 5]}], ["yoga"]),
        ({"hashtagName": "yoga", "type": 1}, ["yoga"]),
        ('[{"name": "yoga"}, {"name": "\\u745c\\u4f3d"}]', ["yoga", "瑜伽"]),
        ('["\\u6df1\\u8e72", "yoga", "a\\ud83e\\uddd8b"]', ["深蹲", "yoga", "ab"]),
        ('"[\\"yoga\\", \\"squat\\"]"', ["yoga", "squat"]),
        ("['yoga', 'Leg day', None]", ["yoga", "legday"]),
        ("{'yoga', 'squat'}", ["squat", "yoga"]),
        ("['yoga' 'squat']", ["yoga", "squat"]),
        ("{yoga,squat}", ["yoga", "squat"]),
        ("yoga|basketball", ["yoga", "basketball"]),
        ("深蹲，瑜伽、健身；瘦｜美", ["深蹲", "瑜伽", "健身", "瘦", "美"]),
        ("yoga; squat;", ["yoga", "squat"]),
        ("＃ヨガ＃筋トレ", ["ヨガ", "筋トレ"]),
        ("#yoga\n#squat", ["yoga", "squat"]),
        (["yoga", None, "", "NA", 2026], ["yoga", "2026"]),
        ("None", []),
        ("[]", []),
        ([None], []),
    ],
)
def test_hashtags_in_all_their_spellings(tmp_path, value, tags):
    [post] = posts_of(table(tmp_path, value))
    assert post.hashtags == tags


@situation(
    KIND,
    given="hashtags that are broken JSON with escapes, objects without a name, lists of lists, true or bytes",
    wanted="one line that names file, line and column; never tags such as u6df1u8e72",
)
@pytest.mark.parametrize(
    "value",
    ['["\\u6df1\\u8e72"', [{"id": 7}], {"yoga": 1}, [["yoga"]], True, [1.5], '[{"name": "yoga"', "name\\tyoga"],
)
def test_hashtags_that_can_mean_no_tags_are_refused(tmp_path, value):
    with pytest.raises(ValueError, match=r"posts.jsonl, line 2: hashtags is .*; give a list of hashtags") as caught:
        posts_of(table(tmp_path, "yoga", value))
    assert "\n" not in str(caught.value)


@situation(
    KIND,
    given="a class column with a list, with JSON's text of one, or with | between",
    wanted="a class each; a name with blanks stays one",
)
@pytest.mark.parametrize(
    ("value", "tags"),
    [
        (["yoga", "basketball-shot"], ["yoga", "basketballshot"]),
        ('["yoga", "basketball-shot"]', ["yoga", "basketballshot"]),
        ("yoga|basketball-shot", ["yoga", "basketballshot"]),
        ("yoga, basketball-shot", ["yoga", "basketballshot"]),
        ("Clean and Jerk", ["cleanandjerk"]),
        ("n/a", []),
    ],
)
def test_a_row_of_several_classes(tmp_path, value, tags):
    [post] = posts_of(table(tmp_path, value, name="class"))
    assert post.hashtags == tags


@situation(KIND, given="one address in two rows with two classes", wanted="one post, for which both classes count")
def test_two_rows_with_two_classes(tmp_path):
    said = ("url,class,caption,num_views", "a.mp4,yoga,first,1", "b.mp4,squat,,", "./a.mp4,basketball-shot,#Gym,2")
    first, second = posts_of(csv(tmp_path, *said))
    assert (first.hashtags, first.caption, first.num_views) == (["yoga", "gym", "basketballshot"], "first", 1)
    assert second.hashtags == ["squat"]


@situation(
    KIND,
    given="headers with blanks, no-break blanks or byte order marks around their names; blanks after the commas",
    wanted="the columns are found",
)
@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        ("url, class ,\tcaption", "utf-8"),
        ("\ufeffurl,class,caption", "utf-8"),
        ("url,class,caption", "utf-8-sig"),
        ("url,class,caption", "utf-16"),
        ("\ufeffurl,\u00a0class,caption\u200b", "utf-8-sig"),
    ],
)
def test_headers_with_blanks_and_marks(tmp_path, header, encoding):
    [post] = posts_of(csv(tmp_path, header, 'a.mp4, yoga, "morning, at last"', encoding=encoding))
    assert (post.hashtags, post.caption) == (["yoga"], "morning, at last")


@situation(
    KIND,
    given="a .csv with semicolons or tabs, as spreadsheets write it",
    wanted="it is read",
    thread="rom1504/img2dataset#431",
)
@pytest.mark.parametrize("mark", [";", "\t"])
def test_a_csv_of_another_separator(tmp_path, mark):
    [post] = posts_of(csv(tmp_path, mark.join(("url", "class", "caption")), mark.join(("a.mp4", "yoga", "well, well"))))
    assert (post.hashtags, post.caption) == (["yoga"], "well, well")


@situation(
    KIND,
    given="NA, N/A, null, None, - and the like, in columns of creators above all",
    wanted="unknown, not one creator of all these posts; zero stays a number",
    thread="pandas-dev/pandas#24681",
)
@pytest.mark.parametrize(
    "word", ["NA", "N/A", "null", "None", "-", "nan", "<NA>", "#N/A", "\\N", " none ", "Unknown", "[deleted]"]
)
def test_words_that_mean_missing(tmp_path, word):
    assert posts_of(table(tmp_path, word, name="creator"))[0].creator is None
    others = f"url,num_views,caption,creator\na.mp4,0,,n.a.smith\nb.mp4,{'NA' if word == 'nan' else '-'},{word},Nan Ng"
    first, second = posts_of(csv(tmp_path, others))
    assert (first.num_views, first.creator, second.num_views, second.creator) == (0, "n.a.smith", None, "Nan Ng")


@situation(KIND, given="inf, nan, true or 12 views in a column of numbers", wanted="file, line and column of it")
@pytest.mark.parametrize("column", ["num_views", "duration_s", "width_px"])
@pytest.mark.parametrize(
    "value", ["inf", "-Infinity", "nan", float("inf"), 10**400, True, "12 views", [1], "1e999", "1,200"]
)
def test_what_is_no_number(tmp_path, column, value):
    file = table(tmp_path, 3, "4", float("nan"), None, value, name=column)
    with pytest.raises(ValueError, match=rf"posts.jsonl, line 5: {column} is .*; give a (finite )?number"):
        posts_of(file)


@situation(KIND, given="two columns of one name, or one name twice in a JSON object", wanted="refused by name")
def test_two_columns_of_one_name(tmp_path):
    with pytest.raises(ValueError, match=r"posts.csv, line 1: 2 columns are named 'url'"):
        posts_of(csv(tmp_path, "url,url ,class", "a.mp4,b.mp4,yoga"))
    assert posts_of(csv(tmp_path, "url,,", "a.mp4,1,2")), "columns that nobody reads may be named as they like"
    (tmp_path / "posts.jsonl").write_text('{"url": "a.mp4"}\n{"url": "a.mp4", "url": "b.mp4"}\n')
    with pytest.raises(ValueError, match=r"posts.jsonl, line 2: 'url' stands twice"):
        posts_of(tmp_path / "posts.jsonl")
    double = pa.Table.from_arrays([pa.array(["a.mp4"]), pa.array(["b.mp4"])], names=["url", "url"])
    pq.write_table(double, tmp_path / "posts.parquet")
    with pytest.raises(ValueError, match="2 columns are named 'url'"):
        posts_of(tmp_path / "posts.parquet")


@situation(
    KIND,
    given="a Parquet table whose text is bytes, dictionaries or dates, as other programs write it",
    wanted="read as text; bytes that are none are refused with their row and column",
)
def test_a_parquet_of_bytes(tmp_path):
    columns = {
        "url": pa.array([b"a.mp4", b"b.mp4"]),
        "hashtags": pa.array([[b"yoga"], [b"squat", None]]),
        "creator": pa.array(["jane", "jane"]).dictionary_encode(),
        "posted_at": pa.array([date(2026, 5, 31), None]),
        "num_views": pa.array([1.0, float("nan")]),
    }
    pq.write_table(pa.table(columns), tmp_path / "posts.parquet")
    first, second = posts_of(tmp_path / "posts.parquet")
    assert (first.url, first.hashtags, first.creator) == (str(tmp_path / "a.mp4"), ["yoga"], "jane")
    assert (first.posted_at, first.num_views) == (datetime(2026, 5, 31, tzinfo=UTC), 1)
    assert (second.hashtags, second.creator, second.num_views) == (["squat"], "jane", None)
    pq.write_table(pa.table(columns | {"creator": pa.array([b"jane", b"\xff\x00"])}), tmp_path / "posts.parquet")
    with pytest.raises(ValueError, match=r"posts.parquet, row 2: creator is bytes that are no text"):
        posts_of(tmp_path / "posts.parquet")


@situation(
    KIND,
    given="ids that a spreadsheet has made 7.3E+18",
    wanted="refused: they name other posts",
    thread="twintproject/twint#355",
)
@pytest.mark.parametrize("value", ["7.3E+18", 7.3e18])
def test_ids_that_have_lost_digits(tmp_path, value):
    with pytest.raises(ValueError, match=r"line 1: post_id is .*7.3e\+18.*save ids as text"):
        posts_of(table(tmp_path, value.lower() if isinstance(value, str) else value, name="post_id"))


@situation(
    KIND,
    given="a Parquet of 10 million rows from a few kilobytes",
    wanted="refused by its own count before a row is read",
)
def test_a_parquet_that_grows_when_read(tmp_path, monkeypatch):
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", None)
    repeated = pa.table({"url": pa.array(["http://a/" + "b" * 200]).dictionary_encode().take([0] * 2_500_000)})
    pq.write_table(repeated, tmp_path / "posts.parquet", compression="zstd")
    assert (tmp_path / "posts.parquet").stat().st_size < 100_000
    with pytest.raises(ValueError, match=r"posts.parquet: 2500000 rows, and at most 2000000 are read; remove those"):
        posts_of(tmp_path / "posts.parquet")


@situation(KIND, given="any value at all in any column", wanted="a value, nothing, or the one kind of refusal")
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.datetimes(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "id"]), inner),
        max_leaves=5,
    )
)
def test_any_cell_at_all(value):
    for read in (cells.text, cells.creator, cells.own_id, cells.number, cells.moment, cells.tags, cells.classes):
        try:
            found = read(value)
        except ValueError as error:
            found = f"refused: it {error}"
        assert found is None or isinstance(found, str | float | datetime | list)
        assert not str(found).startswith("refused: it ") or re.fullmatch("refused: it is .*; .*|.*lost digits.*", found)


@situation(
    KIND,
    given="captions without blanks, with ·, ・ or 〜 in a tag, with marks that cannot be seen, or a tag in an address",
    wanted="the tags as the platforms read them",
    thread="imas/mastodon#233",
)
@pytest.mark.parametrize(
    ("caption", "tags"),
    [
        ("今天练瑜伽#瑜伽#健身！", ["瑜伽", "健身"]),
        ("ヨガの日#ヨガ 楽しい。#筋トレ、#朝ヨガ", ["ヨガ", "筋トレ", "朝ヨガ"]),
        ("#ヨガ・ピラティス #わんこ〜散歩", ["ヨガピラティス", "わんこ散歩"]),
        ("#paral·lel", ["parallel"]),
        ("#yo\u200dga #\u200fيوگا\u200f #\u2066squat\u2069", ["yoga", "يوگا", "squat"]),
        ("\u200b#yoga\ufeff", ["yoga"]),
        ("#İpAtlama #ipatlama", ["ipatlama"]),
        ("mail#box https://例え.jp/路#top C#dur", []),
    ],
)
def test_tags_in_captions_of_all_scripts(caption, tags):
    assert in_text(caption) == tags


@pytest.fixture(scope="module")
def shipped():
    return load_classes()


@situation(
    KIND,
    given="a list of classes that repeats a hashtag in other cases, has several in a line, or is Kinetics' own list",
    wanted="one class for repeats, several for several, and Kinetics' names with its numbers as labels",
)
@pytest.mark.parametrize(
    ("name", "text", "ids"),
    [
        ("a.txt", "#zzyoga\n#ZZyoga\n#ZZYOGA\n", ["zzyoga"]),
        ("a.txt", "#zzyoga #zzsquat #zzplank\n", ["zzyoga", "zzsquat", "zzplank"]),
        ("a.txt", "#zzyoga#zzsquat, zzplank; zzsquat\n", ["zzyoga", "zzsquat", "zzplank"]),
        ("a.txt", "#İpAtlama\n#ipatlama\n", ["ipatlama"]),
        ("a.csv", "\ufeffid, name\n0, abseiling\n1, air drumming\n", ["abseiling", "air-drumming"]),
        ("a.csv", "hashtag,name\nzzyoga,Yoga\nzzyoga,Yoga\n", ["zzyoga"]),
        ("a.yaml", "[zzyoga, ZZyoga, '#zzsquat']", ["zzyoga", "zzsquat"]),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_lists_of_classes(tmp_path, shipped, name, text, ids, encoding):
    (tmp_path / name).write_bytes(text.encode(encoding))
    proposals = propose(tmp_path / name, shipped)
    assert [normalise(p.taken_from or p.given.id) for p in proposals] == [normalise(one) for one in ids]
    assert [p.given.label for p in proposals] == list(range(len(ids)))


@situation(
    KIND,
    given="a recipe whose aliases stand for billions of values, hold themselves, or whose brackets are too deep",
    wanted="refused in one line before anything is made of it; a few aliases are fine",
    thread="yaml/pyyaml#235",
)
def test_a_recipe_that_explodes(tmp_path):
    file = tmp_path / "recipe.yaml"
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x]", *(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40))]
    inside = ["source:", "  options:", *(f"    {line}" for line in lines)]
    for text in ("\n".join(lines), "\n".join(inside), "source: &a\n  options: *a\n"):
        file.write_text(text)
        with pytest.raises(ValueError, match=r"recipe.yaml:\d+: aliases make this grow without end; write it out"):
            yaml_file.load(file, Recipe)
    for deep in ("lanes: " + "[" * 50_000, "- " * 50_000, "{a: " * 50_000):
        file.write_text(deep)
        with pytest.raises(ValueError, match="lists stand in lists, more than 100 deep"):
            yaml_file.load(file, Recipe)
    file.write_text("classes:\n- {id: a, prompts: &p [x]}\n- {id: b, prompts: *p}\n")
    assert [c.prompts for c in yaml_file.load(file, ClassFile).classes] == [("x",), ("x",)]


def put(folder, **sidecars):
    """Videos with their descriptions: `name of video=(name of sidecar, id)`."""
    folder.mkdir(exist_ok=True)
    for video, (sidecar, text) in sidecars.items():
        (folder / video).write_bytes(b"video" * 100)
        if sidecar:
            (folder / sidecar).write_bytes(text if isinstance(text, bytes) else text.encode())
    return FolderOfFiles(FolderRules(file=folder), context({"clock": clock}))


def said(own_id):
    return json.dumps({"id": own_id, "extractor_key": "X", "webpage_url": f"https://example.org/{own_id}"})


@situation(
    KIND,
    given="descriptions by yt-dlp and gallery-dl under all their names: of a format, of a trimmed name, ...",
    wanted="each video has its own; none is taken from another video",
    thread="TheLastGimbus/GooglePhotosTakeoutHelper#353",
)
def test_names_of_sidecars(tmp_path):
    files = {
        "a.fdash-1234v.mp4": ("a.info.json", said("a")), "b.mp4": ("b.mp4.info.json", said("b")),
        "c. long title.mp4": ("c.info.json", said("c")), "d.mp4": ("d.mp4.json", said("d")),
        "e.mp4": ("e.json", said("e")),
        "my.mp4": ("my.info.json", said("my")), "my.first.mp4": (None, ""),
        "day.1.mp4": ("day.info.json", said("day")), "day.2.mp4": (None, ""),
    }  # fmt: skip
    source = put(tmp_path, **files)
    own = [post.post_id for post in source.search("", "").posts]
    assert [one.removeprefix("folder:x-") for one in own if "x-" in one] == ["a", "b", "c", "d", "e", "my"]
    assert len(own) == 9, "two days and the first one are posts of which nothing is known"
    assert source.remarks() == [f"1 .info.json without a video beside it: {tmp_path}/day.info.json"]


@situation(KIND, given="descriptions in UTF-16 or with a byte order mark", wanted="they are read")
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_encodings_of_sidecars(tmp_path, encoding):
    text = said("é").encode(encoding)
    text = b"\xff\xfe" + text if encoding == "utf-16-le" else text
    [post] = put(tmp_path, **{"a.mp4": ("a.info.json", text)}).search("", "").posts
    assert post.post_id == "folder:x-é"


@situation(
    KIND, given="what gallery-dl says of a video of TikTok, Instagram or X", wanted="a post with caption and tags"
)
def test_a_sidecar_of_gallery_dl(tmp_path):
    told = {
        "category": "tiktok", "id": "73", "desc": "heavy #Squat", "author": {"uniqueId": "jane"},
        "date": "2026-05-31 12:00:00",
        "post_url": "https://www.tiktok.com/@jane/video/73", "tags": ["#Gym"],
    }  # fmt: skip
    [post] = put(tmp_path, **{"a.mp4": ("a.mp4.json", json.dumps(told))}).search("", "").posts
    assert (post.post_id, post.creator, post.hashtags) == ("folder:tiktok-73", "jane", ["gym", "squat"])
    assert (post.url, post.posted_at) == ("https://www.tiktok.com/@_/video/73", datetime(2026, 5, 31, tzinfo=UTC))


ENDINGS = ("mp4", "mpeg", "MTS", "m2ts", "ts", "unknown_video", "vob", "3gpp", "webm")


@situation(
    KIND,
    given="a folder with every ending that the probe reads, and linked folders",
    wanted="each file once",
    thread="open-edge-platform/datumaro#1255",
)
def test_endings_and_linked_folders(tmp_path):
    names = [f"v{n}.{e}" for n, e in enumerate(ENDINGS)]
    source = put(tmp_path / "all", **dict.fromkeys(names, (None, "")))
    put(tmp_path / "other", **{"w.mp4": (None, "")})
    (tmp_path / "all" / "more").symlink_to(tmp_path / "other")
    (tmp_path / "all" / "again").symlink_to(tmp_path / "other")
    (tmp_path / "other" / "round").symlink_to(tmp_path / "all")
    assert len(source.search("", "").posts) == len(names) + 1
