"""A listing holds more than posts: what is good stays, what is odd is counted, and no page is lost."""

import json
from functools import partial

import pytest

import schemas
from h2a_curation.acquire.errors import FetchError, SourceChanged
from h2a_curation.acquire.listing import list_pages
from h2a_curation.acquire.retry import RetryRules
from h2a_curation.catalog.views import connect
from h2a_curation.lake import parts
from h2a_curation.sources.base import SourceContext
from h2a_curation.sources.guarded import GuardedSource
from h2a_curation.sources.politeness.pace import Hosts
from h2a_curation.sources.tiktok_research.source import TikTokResearch
from h2a_curation.sources.ytdlp.rules import YtDlpRules
from h2a_curation.sources.ytdlp.source import YtDlp
from tests import factories
from tests.field.builds import built, fates, folder, told, video
from tests.field.situations import situation
from tests.sources.fixtures import ASKS_NOBODY

ENTRIES = partial(situation, "Entries are judged one by one")
SITE = "https://www.youtube.com"


def entry(own_id, **said):
    return {
        "_type": "url",
        "ie_key": "Youtube",
        "id": own_id,
        "url": f"{SITE}/watch?v={own_id}",
        "title": "#yoga",
        **said,
    }


GOOD = [entry("aaaaaaaaaa1"), entry("aaaaaaaaaa2", live_status="was_live")]
ODD = {
    "unavailable": None,
    "no_entry": "aaaaaaaaaa3",
    "list": [entry("aaaaaaaaaa4")],
    "no_id": entry(None),
    "playlist": {"_type": "playlist", "id": "PL1", "entries": [entry("aaaaaaaaaa5")]},
    "channel": entry("UC123", url=f"{SITE}/channel/UC123", ie_key="YoutubeTab"),
    "live": entry("aaaaaaaaaa6", live_status="is_live"),
    "scheduled": entry("aaaaaaaaaa7", live_status="is_upcoming"),
    "ad": entry("aaaaaaaaaa8", is_ad=True),
    "other_site": entry("123456", url="https://vimeo.com/123456", ie_key="Vimeo"),
    "unreadable": entry("aaaaaaaaaa9", uploader_id=type("Unspeakable", (), {"__str__": None})()),
}  # fmt: skip


@pytest.fixture
def listing(monkeypatch):
    """`listing(entries)`: a page of a hashtag as yt-dlp would have it."""

    def page(entries, page_size=50, cursor=""):
        rules = YtDlpRules(
            name="yt", listing_url=f"{SITE}/hashtag/{{tag}}", post_url=f"{SITE}/watch?v={{id}}", page_size=page_size
        )
        source = YtDlp(rules, SourceContext(hosts=Hosts()))
        monkeypatch.setattr(source, "_resolve", lambda client, url: {"_type": "playlist", "entries": list(entries)})
        return guarded(source).search("yoga", cursor)

    return page


def guarded(source):
    return GuardedSource(
        source,
        source,
        fetch_url="",
        opt_outs=NOBODY,
        short_links=ASKS_NOBODY,
        canary_url="",
        clock=lambda: factories.DAY,
    )


class Nobody:
    """An opt-out list on which nobody stands."""

    def reasons(self, posts):
        return ["" for _ in posts]

    def reason(self, post):
        return ""


NOBODY = Nobody()


@pytest.mark.parametrize("kind", ODD)
@ENTRIES(
    given="one odd entry between good ones: a playlist, a channel, a live video, an ad, nothing, one without an id",
    wanted="the good ones are posts; the odd one is counted with its kind, and is none",
    thread="jdepoix/youtube-transcript-api#302",
)
def test_one_odd_entry(listing, kind):
    page = listing([GOOD[0], ODD[kind], GOOD[1]])
    assert [post.post_id for post in page.posts] == ["yt:aaaaaaaaaa1", "yt:aaaaaaaaaa2"]
    assert page.odd == {kind: 1}
    assert len(page.errors) == (kind == "unreadable")


@ENTRIES(
    given="pages of a listing with odd entries among 20, of which one page is all odd",
    wanted="each page is asked for, and `request.odd` has what stood there; old rows read as none",
)
def test_no_page_is_lost(listing, tmp_path):
    entries = [GOOD[0], ODD["playlist"], ODD["playlist"], ODD["live"], ODD["unavailable"], GOOD[1], ODD["no_id"]]

    def search(tag, cursor):
        return listing(entries, page_size=3, cursor=cursor)

    grant = schemas.Allocation(round=0, source="yt", tag="yoga", num_pages=9, belief=1.0, reason="seed")
    pages = list(
        list_pages(grant, "", search, lambda: factories.DAY, 0, sleep=lambda _: None, retry=RetryRules(max_tries=1))
    )
    assert [page.request.odd for page in pages][:2] == ["playlist 2", "live 1, unavailable 1"]
    assert [page.request.outcome for page in pages][:2] == ["ok", "ok"]
    assert sum(page.request.num_posts for page in pages) == 2
    old = schemas.to_arrow(schemas.Request, [factories.request(tag="old")]).drop_columns(["odd"])
    parts.commit(tmp_path, "mine", "old", {"request": old})
    facts = connect(tmp_path)
    assert facts.query("SELECT odd FROM request").to_pylist() == [{"odd": None}]
    parts.commit(tmp_path, "mine", "new", {"request": schemas.to_arrow(schemas.Request, [p.request for p in pages])})
    assert facts.query("SELECT count(odd) AS n FROM request")["n"].to_pylist() == [2]


@ENTRIES(given="a page of which nothing can be understood", wanted="the site has changed, as ever: it is no end")
def test_a_page_of_nothing_but_odd_forms(listing):
    with pytest.raises(SourceChanged):
        listing([ODD["no_id"], ODD["no_entry"]])


@ENTRIES(given="a page of playlists alone", wanted="a page without a post, and their number")
def test_a_page_of_playlists(listing):
    page = listing([ODD["playlist"]] * 3)
    assert (page.posts, page.odd) == ([], {"playlist": 3})


@ENTRIES(
    given="an answer of TikTok's Research API in which a video has no id", wanted="the others are posts, it is counted"
)
def test_a_video_of_tiktok_without_an_id():
    source = TikTokResearch.__new__(TikTokResearch)
    source.name, source._clock = "tt", lambda: factories.DAY
    posts, odd = source._posts({"videos": [{"id": 7}, {"video_description": "#yoga"}, None, "8"]})
    assert [post.post_id for post in posts] == ["tt:7"]
    assert odd == {"no_id": 1, "unavailable": 1, "no_entry": 1}
    with pytest.raises(FetchError):
        source._posts({"videos": [{"video_description": "#yoga"}]})


@ENTRIES(
    given="a folder in which one sidecar is of a whole playlist, and one holds other types than yt-dlp writes",
    wanted="all files are posts; both sidecars are counted, and the good one is read",
)
def test_odd_sidecars(tmp_path):
    brought = folder(tmp_path)
    video(brought / "good.mp4")
    told(video(brought / "many.mp4", hue=90), _type="playlist", entries=[{"id": "1"}])
    told(video(brought / "odd.mp4", hue=180), tags={"a": 1}, duration=[1], timestamp="x", webpage_url=[7], title=4)
    decided = built(tmp_path)
    assert fates(decided)["good"] == ("kept", "ok")
    assert decided.query("FROM post").num_rows == 3
    [asked] = decided.query("SELECT outcome, odd, num_posts FROM request").to_pylist()
    assert asked["outcome"] == "ok"
    assert "playlist 1" in asked["odd"]
    assert json.loads((brought / "many.info.json").read_text())["entries"]
