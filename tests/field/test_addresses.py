"""One video has many addresses: what is listed, fetched, left alone and traced is the video, whichever is given."""

import json
import string
from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.provisional import urls

import schemas
from h2a_curation.acquire.errors import FetchError
from h2a_curation.acquire.fetch import FetchRules
from h2a_curation.catalog.views import DECIDED, connect
from h2a_curation.explain.trace import trace
from h2a_curation.lake import decisions, lake, parts
from h2a_curation.pipeline.acquire import pseudonymous
from h2a_curation.pipeline.known_posts import KnownPosts
from h2a_curation.sources import address, open_source
from h2a_curation.sources.politeness import addresses
from h2a_curation.sources.politeness.left_alone import opted_out
from h2a_curation.sources.politeness.opt_out import OptOuts
from h2a_curation.sources.rules import SourceRules
from h2a_curation.sources.ytdlp.recipe_options import DownloadOptions
from tests import factories
from tests.field.builds import built, folder, video
from tests.field.situations import situation
from tests.loopback import ON_LOOPBACK, Answer, serving

KIND = "One form of an address"
SPELLINGS = {
    "youtube": [
        "https://www.youtube.com/watch?v=jNQXAC9IVRw", "http://youtube.com/watch?list=PL1&v=jNQXAC9IVRw&t=3s",
        "https://youtu.be/jNQXAC9IVRw?si=abc", "youtu.be/jNQXAC9IVRw", "https://m.youtube.com/shorts/jNQXAC9IVRw?feature=share",
        "https://www.youtube.com/embed/jNQXAC9IVRw", "https://www.youtube-nocookie.com/embed/jNQXAC9IVRw?rel=0",
        "https://music.youtube.com/watch?v=jNQXAC9IVRw", "HTTPS://WWW.YouTube.COM/live/jNQXAC9IVRw#top",
        "https://www.youtube.com/watch?app=desktop&amp;v=jNQXAC9IVRw", "https://www.youtube.com/@jawed/shorts/jNQXAC9IVRw",
        "https://www.youtube.com:443/v/jNQXAC9IVRw", " https://www.youtube.com/watch/?v=jNQXAC9IVRw ",
    ],
    "tiktok": [
        "https://www.tiktok.com/@some.one/video/7300000000000000001", "tiktok.com/@some.one/video/7300000000000000001",
        "https://m.tiktok.com/v/7300000000000000001.html?_r=1", "https://www.tiktok.com/embed/v2/7300000000000000001",
        "https://www.tiktok.com/@/video/7300000000000000001?is_from_webapp=1&sender_device=pc&web_id=7",
        "https://www.tiktok.com/%40some.one/video/7300000000000000001/", "https://www.tiktok.com/player/v1/7300000000000000001",
        "https://www.tiktok.com/@_/photo/7300000000000000001",
    ],
    "instagram": [
        "https://www.instagram.com/reel/CxYz_1-a/", "https://instagram.com/jane.doe/reel/CxYz_1-a?igsh=MzR",
        "https://www.instagram.com/p/CxYz_1-a", "http://www.instagram.com/tv/CxYz_1-a/?utm_source=ig_web_copy_link",
    ],
    "x": [
        "https://twitter.com/Jane/status/1200000000000000001?s=20", "https://x.com/jane/status/1200000000000000001",
        "https://mobile.twitter.com/jane/status/1200000000000000001/video/1", "https://x.com/i/web/status/1200000000000000001",
        "https://fxtwitter.com/jane/status/1200000000000000001?t=abc",
    ],
    "facebook": ["https://www.facebook.com/jane/videos/a-title/123456/", "https://m.facebook.com/watch/?ref=x&v=123456"],
    "web": [
        "https://example.org/a%7Eb/1.mp4?b=2&a=1", "http://www.example.org:80/a~b/1.mp4?a=1&b=2&utm_source=mail&fbclid=x",
        "https://EXAMPLE.org/a~b/./c/../1.mp4/?a=1&b=2#t=3",
    ],
    "a host beyond ASCII": ["https://bücher.example/Ü.mp4", "https://xn--bcher-kva.example/%c3%9c.mp4", "http://BÜCHER.example/%C3%9C.mp4"],
}  # fmt: skip


@situation(
    KIND,
    given="one video under the addresses that its site, apps, players and people's copies give it",
    wanted="one form, from which what is kept and fetched is made, without the creator's name",
)
@pytest.mark.parametrize("site", SPELLINGS)
def test_the_spellings_of_one_video(site):
    read = [address.read(url) for url in SPELLINGS[site]]
    assert len({one.key for one in read}) == 1
    assert not [one.url for one in read if "jane" in one.url.lower() or "some.one" in one.url or "jawed" in one.url]


@situation(
    KIND,
    given="addresses of two videos that differ in the case of an id, a parameter, a port, a path or a token",
    wanted="two forms",
)
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://youtu.be/jNQXAC9IVRw", "https://youtu.be/jnqxac9ivrw"),
        ("https://example.org/v?id=1", "https://example.org/v?id=2"),
        ("https://example.org/v?t=1", "https://example.org/v?t=2"),
        ("https://example.org/A.mp4", "https://example.org/a.mp4"),
        ("https://example.org:8443/a.mp4", "https://example.org/a.mp4"),
        ("https://example.org/a%2Fb.mp4", "https://example.org/a/b.mp4"),
        ("https://example.org/#/videos/1", "https://example.org/#/videos/2"),
        ("https://x.com/jane/status/12/video/2", "https://x.com/jane/status/12"),
        ("https://www.youtube.com/embed/videoseries?list=a", "https://www.youtube.com/embed/videoseries?list=b"),
        ("https://www.instagram.com/share/reel/abc", "https://www.instagram.com/reel/abc"),
        ("https://m.co/a", "https://co/a"),
        ("https://netflix.com/jane/status/12", "https://x.com/jane/status/12"),
    ],
)
def test_two_videos_stay_two(one, other):
    assert address.read(one).key != address.read(other).key


@situation(
    KIND,
    given="a signed address with utm_source among its parameters",
    wanted="fetched letter by letter: the signature may be over all of it",
)
def test_a_signed_address_is_fetched_as_it_is():
    signed = "https://cdn.example.org/1.mp4?utm_source=x&X-Amz-Credential=A%2fB&X-Amz-Signature=abc"
    assert address.read(signed).url == signed


@situation(
    KIND,
    given="any text at all, any address",
    wanted="reading what was read changes nothing; opt-outs read the same id",
)
@given(
    st.one_of(
        st.text(max_size=60),
        urls(),
        st.builds("https://{}/{}".format, st.sampled_from(["www.tiktok.com", "youtu.be", "x.com", "é.org"]), st.text()),
        st.builds("https://{}".format, st.text("@/video?=&#%40.:" + string.ascii_letters, max_size=30)),
    )
)
def test_reading_twice_changes_nothing(text):
    once = address.read(text)
    again = address.read(once.url)
    assert (again.url, again.key) == (once.url, once.key)
    whole = text.encode("utf-8", "replace").decode()
    [own_id] = addresses.read(pa.array([whole])).own_id.to_pylist()
    if own_id and address.read(f"https://{whole}" if "://" not in whole else whole).key != whole:
        assert own_id in address.read(whole).key.lower()


def source(folder, *urls, opt_out="", columns=None, options=DownloadOptions()):
    """A table of these addresses, as a build opens it."""
    lines = (json.dumps({"url": url} | (columns or {})) for url in urls)
    (folder / "posts.jsonl").write_text("\n".join(lines))
    (folder / "leave-alone.txt").write_text(opt_out)
    file, opt_outs = folder / "posts.jsonl", folder / "leave-alone.txt"
    rules = SourceRules(kind="table", name="table", file=file, opt_out=opt_outs, options=options)
    return open_source(rules, FetchRules(max_tries=1), permissions=ON_LOOPBACK)


@situation(
    KIND,
    given="a table with a video in all its spellings",
    wanted="one post, whichever stands first",
    thread="stackernews/stacker.news#95",
)
@pytest.mark.parametrize("site", SPELLINGS)
def test_a_table_of_spellings_is_one_post(tmp_path, site):
    [post] = source(tmp_path, *SPELLINGS[site]).search("", "").posts
    [turned] = source(tmp_path, *reversed(SPELLINGS[site])).search("", "").posts
    assert post.post_id == turned.post_id


@situation(KIND, given="five spellings of one file on a server", wanted="it is asked for once")
def test_five_spellings_are_fetched_once(tmp_path):
    with serving() as site:
        site.answers["/a~b.mp4"] = lambda _: Answer(body=b"video" * 1000, headers={"Content-Type": "video/mp4"})
        ends = ("/a~b.mp4", "/a%7Eb.mp4", "/a~b.mp4#t=3", "/a~b.mp4?utm_source=mail", "/x/../a%7eb.mp4?fbclid=1")
        table = source(tmp_path, *(f"{site.url}{end}" for end in ends))
        [post] = table.search("", "").posts
        table.fetch(post, tmp_path / "file")
        assert {path for _, path in site.asked} - {"/robots.txt"} == {"/a~b.mp4"}
    assert (tmp_path / "file").stat().st_size == 5000


@situation(
    KIND,
    given="a table whose addresses name creators on the opt-out list, and no column of creators; or another name in it",
    wanted="no rows, and nothing asked for",
)
@pytest.mark.parametrize(
    ("urls", "entry"),
    [
        (["https://www.tiktok.com/@some.one/video/73"], "@some.one"),
        (["https://www.tiktok.com/@_/video/73", "https://m.tiktok.com/@Some.One/video/73?lang=en"], "some.one"),
        (["https://www.instagram.com/jane.doe/reel/ABCDEF/"], "https://www.instagram.com/jane.doe/"),
        (["https://www.instagram.com/p/ABCDEF/", "instagram.com/jane.doe/p/ABCDEF"], "@jane.doe"),
        (["https://x.com/Jane/status/12"], "https://twitter.com/jane"),
        (["https://www.youtube.com/@jane/shorts/abc"], "@Jane"),
        (["https://youtu.be/abc"], "https://www.youtube.com/shorts/abc"),
        (["https://www.facebook.com/jane/videos/12"], "jane"),
        (["https://social.example/@jane/12"], "@jane"),
    ],
)
@pytest.mark.parametrize("creator", [None, "Jane from the gym"])
def test_an_opted_out_name_in_an_address(tmp_path, urls, entry, creator):
    columns = {"creator": creator} if creator else {}
    assert source(tmp_path, *urls, opt_out=f"{entry}\n", columns=columns).search("", "").posts == []
    [kept] = source(tmp_path, *urls, opt_out="somebody.else\n", columns=columns).search("", "").posts
    assert creator is None or kept.creator == creator


@situation(
    KIND,
    given="a creator who opts out after their post has become a row, which is kept without the name in its address",
    wanted="the row is known to be theirs, by a pseudonym of that name",
)
@pytest.mark.parametrize("creator", [None, "Jane from the gym"])
def test_who_opts_out_later_is_known_in_rows(tmp_path, creator):
    made = lake.create(tmp_path / "lake")
    columns = {"creator": creator} if creator else {}
    listed = source(tmp_path, "https://www.tiktok.com/@some.one/video/73", columns=columns).search("", "").posts
    [row] = [pseudonymous(post, made) for post in listed]
    assert "some" not in str(row).lower()
    assert OptOuts(["@Some.One"], pseudonym=made.pseudonym).reason(row) == "the creator is on the opt-out list"
    assert not OptOuts(["@some.other"], pseudonym=made.pseudonym).reason(row)


NOT_LISTED = "not listed by any page that was asked for"
OLD_URL = "https://www.tiktok.com/@some.one/video/7300000000000000001"


@pytest.fixture
def old_lake(tmp_path):
    """Rows as they were made before: an id of the address as it was written, and no column `handle`."""
    made = lake.create(tmp_path / "lake")
    post = factories.post("table:a6e5e99bfad40a68", source="table", url=OLD_URL, creator=None)
    other = factories.post("table:77", source="table", url="https://youtu.be/jNQXAC9IVRw", creator=None)
    rows = schemas.to_arrow(schemas.Post, [post, other]).drop_columns(["handle"])
    hits = [factories.hit(one.post_id, source="table", tag="") for one in (post, other)]
    parts.commit(made.path, "mine", "old", {"post": rows, "hit": schemas.to_arrow(schemas.Hit, hits)})
    return made


@situation(
    KIND,
    given="a lake whose post ids were made of addresses as they were written, and a table with other spellings",
    wanted="the posts keep their ids, so nothing is fetched anew; its rows read without the new column",
)
def test_an_old_lake_knows_its_posts(tmp_path, old_lake):
    facts = connect(old_lake.path)
    listed = source(tmp_path, SPELLINGS["tiktok"][2], "https://youtu.be/jNQXAC9IVRw?si=x", "https://youtu.be/another")
    page = KnownPosts(facts, "table").search(listed.search)("", "")
    new = f"table:{address.made_id('https://youtu.be/another')}"
    assert [post.post_id for post in page.posts] == ["table:a6e5e99bfad40a68", "table:77", new]
    assert facts.query("SELECT count(*) AS n FROM post WHERE handle IS NULL")["n"].to_pylist() == [2]
    [post, _] = schemas.from_arrow(schemas.Post, facts.query("FROM post ORDER BY url"))
    assert post.post_id == "table:a6e5e99bfad40a68"


@situation(
    KIND, given="`h2a trace` asked by any address of a post, an old lake's among them", wanted="it finds what is kept"
)
def test_trace_by_any_address(tmp_path, old_lake):
    seen = [
        schemas.Candidate(class_id="yoga", post_id=post_id, ground="seed")
        for post_id in ("table:77", "table:a6e5e99bfad40a68")
    ]
    tables = {name: schemas.to_arrow(record, seen if name == "candidate" else []) for name, record in DECIDED.items()}
    decision = decisions.save(old_lake.path, "d1", tables, {"recipe": "sample-mini", "models": {}})
    spelt = [*SPELLINGS["tiktok"], *SPELLINGS["youtube"], "table:77", "77", "https://youtu.be/another"]
    (tmp_path / "known.csv").write_text("\n".join(["class,url", *(f'yoga,"{url}"' for url in spelt)]))
    unknown = [fate.post for fate in trace(old_lake, tmp_path / "known.csv", decision) if fate.what == NOT_LISTED]
    assert unknown == ["https://youtu.be/another"]


FILE = "http://files.example/a.mp4"
TABLE = """
classes: classes.yaml
source: {kind: table, name: table, file: posts.csv, min_interval_s: 0.0, options: {proxy: "PROXY"}}
"""


@pytest.fixture
def network(tmp_path):
    """A proxy that plays the network, in which three short links lead to one file; the table and recipe beside it."""
    folder(tmp_path)
    body = video(tmp_path / "a.mp4").read_bytes()
    with serving() as site:
        for link, place in (("t.co/1", "http://bit.ly/2"), ("bit.ly/2", FILE), ("fb.watch/3", f"{FILE}?utm_source=x")):
            site.answers[f"http://{link}"] = lambda _, place=place: Answer(status=301, headers={"Location": place})
        site.answers[FILE] = lambda _: Answer(body=body, headers={"Content-Type": "video/mp4"})
        recipe = (tmp_path / "mine.yaml").read_text().split("\n")
        table = TABLE.replace("PROXY", site.url).split("\n")
        kept = [line for line in recipe if not line.startswith(("classes:", "source:"))]
        (tmp_path / "mine.yaml").write_text("\n".join([*table, *kept]))
        yield site


def bring(place, *urls):
    (place / "posts.csv").write_text("\n".join(["url,class", *(f"{url},yoga" for url in urls)]))


@situation(
    KIND,
    given="a table with a file's address and three short links to it, of which one leads to another",
    wanted="the file is asked for once, `trace` finds it by each address, and an opt-out of it leaves out all",
    thread="yt-dlp/yt-dlp#2864",
)
def test_short_links_are_aliases(tmp_path, network):
    spelt = ["http://t.co/1", "http://bit.ly/2", FILE, "http://fb.watch/3"]
    bring(tmp_path, *spelt[:2])
    built(tmp_path)
    num_asked = [path for _, path in network.asked].count(FILE)
    bring(tmp_path, *spelt)
    decided = built(tmp_path)
    assert 0 < num_asked == [path for _, path in network.asked].count(FILE)
    media = decided.query("SELECT url, alias, outcome, media_id FROM post JOIN media USING (post_id)").to_pylist()
    assert {row["url"]: row["alias"] for row in media} == {url: "" if url == FILE else FILE for url in spelt}
    assert {row["outcome"] for row in media} == {"ok"}
    assert len({row["media_id"] for row in media}) == 1
    assert opted_out(decided, OptOuts([FILE])).num_rows == 4
    assert opted_out(decided, OptOuts(["http://bit.ly/2"])).num_rows == 1
    (tmp_path / "known.csv").write_text(f"class,url\nyoga,{FILE}?utm_source=mail\nyoga,http://bit.ly/9")
    made = lake.open_lake(tmp_path / "lake")
    found, lost = trace(made, tmp_path / "known.csv", decisions.newest(made.path))
    assert found.what != NOT_LISTED
    assert lost.what == NOT_LISTED


@situation(
    KIND,
    given="a short link to a post of a creator on the opt-out list, who is named by the address to which it leads",
    wanted="the post is not asked for; of who opts out later, its row has a pseudonym, and no row has the name",
)
def test_a_short_link_to_an_opted_out_creator(tmp_path):
    link, shown = "http://vm.tiktok.com/ZM1/", "https://www.tiktok.com/@Some.One/video/73?_r=1"
    with serving() as site:
        site.answers[link] = lambda _: Answer(status=301, headers={"Location": shown})
        proxied = DownloadOptions(proxy=site.url)
        table = source(tmp_path, link, options=proxied)
        [post] = table.search("", "").posts
        found = table.resolved(post)
        with pytest.raises(FetchError, match="the creator is on the opt-out list"):
            source(tmp_path, link, opt_out="@some.one\n", options=proxied).resolved(post)
    assert (found.url, found.handle) == ("https://www.tiktok.com/@_/video/73", "some.one")

    made = lake.create(tmp_path / "lake")
    media = replace(factories.media(post.post_id), alias=found.url, handle=made.pseudonym("some.one"))
    row = schemas.to_arrow(schemas.Post, [pseudonymous(post, made)])
    fetched = schemas.to_arrow(schemas.Media, [media])
    parts.commit(made.path, "mine", "one", {"post": row})
    parts.commit(made.path, "fetch", "one", {"media": fetched})
    left = opted_out(connect(made.path), OptOuts(["@Some.One"], pseudonym=made.pseudonym))
    assert left.to_pylist() == [{"post_id": post.post_id, "reason": "the creator is on the opt-out list"}]
    assert "some" not in f"{row.to_pylist()} {fetched.to_pylist()}".lower()
