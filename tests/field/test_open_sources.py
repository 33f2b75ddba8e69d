"""Instances of PeerTube and Mastodon, which anybody may ask: what they list, what they give, and who says no."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from h2a_curation import recipes
from h2a_curation.acquire.errors import ErrorKind, FetchError, Policy
from h2a_curation.acquire.fetch import FetchRules, fetch_post
from h2a_curation.lake import lake as lakes
from h2a_curation.pipeline.acquire import pseudonymous
from h2a_curation.sources import open_source
from h2a_curation.sources.base import SourceContext
from h2a_curation.sources.fediverse.mastodon import Mastodon
from h2a_curation.sources.fediverse.peertube import PeerTube
from h2a_curation.sources.fediverse.rules import MastodonRules, MastodonSettings, PeerTubeRules
from h2a_curation.sources.politeness.opt_out import OptOuts
from h2a_curation.sources.politeness.pace import Hosts
from tests import factories
from tests.field import builds
from tests.field.situations import situation
from tests.loopback import Answer
from tests.sources.fediverse import mastodon_site, peertube_site
from tests.sources.fediverse.mastodon_site import account, attachment, serving_mastodon, status
from tests.sources.fediverse.peertube_site import file, problem, serving_peertube, video
from tests.sources.platform import MP4, VIDEO, clock

OPEN = partial(situation, "Open sources")
FORBIDS = Answer(body=b"User-agent: *\nDisallow: /api/", headers={"Content-Type": "text/plain"})
PAGE = Answer(body=b"<html>Please wait</html>", headers={"Content-Type": "text/html"})


@pytest.fixture
def peertube():
    with serving_peertube() as site:
        yield site


@pytest.fixture
def mastodon():
    with serving_mastodon() as site:
        yield site


def context(site, **given):
    environment = {"H2A_PEERTUBE_URL": site.url, "H2A_MASTODON_URL": site.url}
    return SourceContext(**{"clock": clock, "environment": environment, "hosts": Hosts()} | given)


def source_of(site, page_size=10, **given):
    kind, rules = (
        (PeerTube, PeerTubeRules) if isinstance(site, peertube_site.PeerTubeSite) else (Mastodon, MastodonRules)
    )
    return kind(rules(page_size=page_size, min_interval_s=0), context(site, **given))


def all_pages(source, tag="squat"):
    pages, cursor = [], ""
    while cursor is not None and len(pages) < 20:
        pages.append(source.search(tag, cursor))
        cursor = pages[-1].next_cursor
    return pages


def refusal(call, *arguments):
    with pytest.raises(FetchError) as caught:
        call(*arguments)
    return caught.value


def numbers(posts):
    return [post.post_id.partition(":")[2] for post in posts]


@OPEN(
    given="a tag with more posts than a page, on an instance that pages by offset, by the header Link, or by ids",
    wanted="each post once, in the instance's order, and an end",
)
@pytest.mark.parametrize("way", ["offset", "Link", "ids"])
def test_a_tag_of_several_pages(peertube, mastodon, way):
    site = peertube if way == "offset" else mastodon
    peertube.videos = [video(n, peertube.url) for n in range(23)]
    mastodon.statuses = [status(n, mastodon.url) for n in reversed(range(23))]
    mastodon.has_link = way == "Link"
    pages = all_pages(source_of(site))
    assert [len(page.posts) for page in pages] == ([10, 10, 3] if way == "offset" else [10, 10, 3, 0])
    listed = [number for page in pages for number in numbers(page.posts)]
    assert len(set(listed)) == 23
    newest = [one["id"] for one in mastodon.statuses]
    assert way == "offset" or listed == newest


@OPEN(
    given="a page of PeerTube with live, announced, private and blocked videos, and some without id or public address",
    wanted="the good one is a post, the others are counted by kind, and nobody asks where the last one lies",
)
def test_a_page_of_odd_videos(peertube):
    home = peertube.url
    peertube.videos = [
        video(0, home),
        video(1, home, isLive=True),
        video(2, home, state={"id": 4, "label": "Waiting for livestream"}),
        video(3, home, scheduledUpdate={"privacy": 1, "updateAt": "2027-01-01T00:00:00.000Z"}),
        video(4, home, privacy={"id": 4, "label": "Internal"}),
        video(5, home, blacklisted=True),
        video(6, home, uuid=None),
        video(7, home, url="http://169.254.169.254/videos/watch/7"),
    ]
    [page] = all_pages(source_of(peertube))
    assert numbers(page.posts) == [peertube.videos[0]["uuid"]]
    assert page.odd == {"live": 1, "scheduled": 2, "not_public": 1, "unavailable": 1, "no_id": 1, "no_address": 1}


@OPEN(
    given="a timeline with pictures, sound, a film without sound, two films in one post, a post for followers",
    wanted="posts with a film, soundless ones too, each by its first; the rest is counted by kind",
)
def test_a_page_of_odd_posts(mastodon):
    home = mastodon.url
    mastodon.statuses = [
        status(9, home),
        status(8, home, media_attachments=[attachment(8, home, type="image"), attachment(80, home, type="gifv")]),
        status(7, home, media_attachments=[attachment(7, home), attachment(70, home)]),
        status(6, home, media_attachments=[attachment(6, home, type="image")]),
        status(5, home, media_attachments=[attachment(5, home, type="audio"), "odd", {"type": []}]),
        status(4, home, visibility="private"),
    ]
    page = source_of(mastodon).search("squat", "")
    assert numbers(page.posts) == [one["id"] for one in mastodon.statuses[:3]]
    assert page.odd == {"no_video": 2, "not_public": 1, "further_video": 1}


@OPEN(
    given="profiles that ask to be left alone: the switch against indexes, #nobot in the text, #noarchive in a field",
    wanted="their posts are counted and never rows; with honour_opt_out: false, for a group's own instance, they are",
)
def test_profiles_that_say_no(mastodon):
    says = [
        {},
        {"noindex": True},
        {"note": '<p>gym <a href="x">#<span>nobot</span></a></p>'},
        {"fields": [{"name": "data", "value": "<b>#NoArchive</b>"}]},
        {"discoverable": False},  # how most accounts are: they never chose
    ]
    mastodon.statuses = [
        status(9 - n, mastodon.url, account=account(acct=f"u{n}", **said)) for n, said in enumerate(says)
    ]
    page = source_of(mastodon).search("squat", "")
    assert [post.creator for post in page.posts] == ["u0", "u4"]
    assert page.odd == {"opted_out": 3}
    own = source_of(mastodon, honour_robots=False).search("squat", "")
    assert len(own.posts) == 5


@OPEN(
    given="between listing and fetching a creator deletes the video, hides it, locks it or asks to be left alone",
    wanted="the file is not taken, and the word says why",
)
@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        (None, ErrorKind.GONE),
        ({"privacy": {"id": 3, "label": "Private"}}, ErrorKind.PRIVATE),
        ({"isLive": True}, ErrorKind.NO_VIDEO),
        ({"state": {"id": 2, "label": "To transcode"}}, ErrorKind.NOT_YET),
        ({"downloadEnabled": False}, ErrorKind.OPT_OUT),
        ({"tags": ["squat", "No AI"]}, ErrorKind.OPT_OUT),
        ({"account": {"name": "jane.doe", "description": "lifts. #nobot"}}, ErrorKind.OPT_OUT),
        (problem(403, "Please provide a password", code="video_requires_password"), ErrorKind.PRIVATE),
        (problem(403, "Cannot get this video regarding follow constraints"), ErrorKind.BLOCKED),
        (problem(401, "Unauthorized"), ErrorKind.LOGIN),
        (Answer(status=410), ErrorKind.GONE),
        (PAGE, ErrorKind.EXTRACTOR_BROKEN),
    ],
)
def test_a_video_that_is_no_longer_offered(peertube, tmp_path, changed, kind):
    peertube.videos = [video(0, peertube.url)]
    source = source_of(peertube)
    [post] = source.search("squat", "").posts
    if isinstance(changed, Answer):
        peertube.answers[f"/api/v1/videos/{peertube.videos[0]['uuid']}"] = changed
    else:
        peertube.videos = [] if changed is None else [peertube.videos[0] | changed]
    assert refusal(source.fetch, post, tmp_path / "file").kind is kind
    assert not [path for path in peertube.asked if path.startswith("/static/")]


@OPEN(
    given="the same of a post of Mastodon: deleted, for followers now, its film removed, its profile marked",
    wanted="the file is not taken, and the word says why",
)
@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        (None, ErrorKind.GONE),
        ({"visibility": "unlisted"}, ErrorKind.PRIVATE),
        ({"media_attachments": []}, ErrorKind.NO_VIDEO),
        ({"account": account(noindex=True)}, ErrorKind.OPT_OUT),
    ],
)
def test_a_post_that_is_no_longer_offered(mastodon, tmp_path, changed, kind):
    mastodon.statuses = [status(0, mastodon.url)]
    source = source_of(mastodon)
    [post] = source.search("squat", "").posts
    mastodon.statuses = [] if changed is None else [mastodon.statuses[0] | changed]
    assert refusal(source.fetch, post, tmp_path / "file").kind is kind
    assert not [path for path in mastodon.asked if path.startswith("/system/")]


@OPEN(
    given="an instance that keeps its videos as streams alone",
    wanted="the file of the stream nearest to 720 lines comes",
    thread="ytdl-org/youtube-dl#26002",
)
def test_an_instance_with_streams_alone(peertube, tmp_path):
    stream = [file(lines, f"{peertube.url}/static/web-videos/hls-{lines}.mp4") for lines in (0, 240, 480, 2160)]
    peertube.videos = [video(0, peertube.url, files=[], streamingPlaylists=[{"id": 1, "files": stream}])]
    source = source_of(peertube)
    [post] = source.search("squat", "").posts
    source.fetch(post, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == VIDEO
    assert peertube.asked[-1] == "/static/web-videos/hls-480.mp4"


@OPEN(
    given="a file that the instance would have to get from its origin first, at a rate that it limits",
    wanted="the origin's file is asked for; where that is no public address, no file",
    thread="mastodon/mastodon#16582",
)
def test_a_file_behind_the_media_proxy(mastodon, tmp_path):
    proxied = attachment(0, mastodon.url, url=f"{mastodon.url}/media_proxy/1/original")
    there = proxied | {"remote_url": f"{mastodon.url}/system/media_attachments/origin.mp4"}
    hidden = proxied | {"remote_url": "http://10.0.0.7/1.mp4"}
    mastodon.statuses = [status(n, mastodon.url, media_attachments=[a]) for n, a in enumerate((hidden, there))]
    source = source_of(mastodon)
    behind, before = source.search("squat", "").posts
    source.fetch(before, tmp_path / "file")
    assert mastodon.asked[-1] == "/system/media_attachments/origin.mp4"
    assert refusal(source.fetch, behind, tmp_path / "other").kind is ErrorKind.NO_VIDEO


@OPEN(
    given="an index or instance that names a file, or redirects to one, on this machine or in its network",
    wanted="nobody there is asked",
)
@pytest.mark.parametrize("how", ["named", "redirected"])
def test_an_answer_that_leads_into_the_own_network(peertube, tmp_path, how):
    with serving_peertube() as other:
        inside = f"{other.url}/static/web-videos/1.mp4"
        peertube.videos = [video(0, peertube.url)]
        if how == "named":
            peertube.videos[0]["files"] = [file(720, inside)]
        else:
            own = peertube.videos[0]["files"][1]["fileUrl"].removeprefix(peertube.url)
            peertube.answers[own] = Answer(status=302, headers={"Location": inside})
        source = source_of(peertube)
        [post] = source.search("squat", "").posts
        error = refusal(source.fetch, post, tmp_path / "file")
        assert error.kind is ErrorKind.NOT_PERMITTED
        assert other.asked == []


@OPEN(
    given="an instance that lists hashtags for its accounts alone, one that is none, one that shows a page",
    wanted="a word that fits: another instance is to be chosen (later), or its answer is not understood",
)
@pytest.mark.parametrize("which", ["peertube", "mastodon"])
@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (mastodon_site.error(401, "The access token is invalid"), ErrorKind.LOGIN, "choose another instance"),
        (mastodon_site.error(422, "This method requires an authenticated user"), ErrorKind.LOGIN, "for accounts alone"),
        (Answer(status=404, body=b"nothing here"), ErrorKind.EXTRACTOR_BROKEN, "is it an instance of"),
        (PAGE, ErrorKind.EXTRACTOR_BROKEN, "no JSON"),
        (Answer(body=b'"text"'), ErrorKind.EXTRACTOR_BROKEN, "lists no"),
        (Answer(body=b'{"data": [7, {}], "total": 2}'), ErrorKind.EXTRACTOR_BROKEN, ""),
        (Answer(status=410), ErrorKind.GONE, "410"),
    ],
)
def test_an_instance_that_lists_nothing_to_strangers(request, which, answer, kind, words):
    site = request.getfixturevalue(which)
    site.answers |= {"/api/v1/search/videos": answer, "/api/v1/timelines/tag/squat": answer}
    error = refusal(source_of(site).search, "squat", "")
    assert (error.kind, words in str(error)) == (kind, True)
    assert (error.policy is Policy.LATER) == (kind is ErrorKind.LOGIN)


@OPEN(
    given="a hashtag that nobody has used on the instance",
    wanted="an empty listing that ends, and no failure",
)
def test_a_tag_that_is_not_there(peertube, mastodon):
    for site in (peertube, mastodon):
        [page] = all_pages(source_of(site), "nobodyusesit")
        assert (page.posts, page.cost.num_requests) == ([], 1)


@OPEN(
    given="a host that says how many requests are left and when there are more, and no Retry-After",
    wanted="after the last one nobody asks before that moment, whatever lane or source",
    thread="mastodon/mastodon#13098",
)
@pytest.mark.parametrize("answered", [200, 429])
def test_a_limit_that_is_told_before_it_is_met(mastodon, answered):
    reset = datetime.now(UTC) + timedelta(minutes=15)
    told = {"X-RateLimit-Limit": "300", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset.isoformat()}
    mastodon.statuses, mastodon.headers = [status(0, mastodon.url)], told
    if answered == 429:
        mastodon.answers["/api/v1/timelines/tag/squat"] = mastodon_site.error(429, "Too many requests", **told)
    hosts = Hosts()
    source, other = (source_of(mastodon, hosts=hosts) for _ in range(2))
    if answered == 200:
        assert len(source.search("squat", "").posts) == 1
    else:
        assert refusal(source.search, "squat", "").retry_after_s > 800
    num_asked = len(mastodon.asked)
    error = refusal(other.search, "squat", "")
    assert error.kind is ErrorKind.RATE_LIMITED
    assert 800 < error.retry_after_s <= 901
    assert len(mastodon.asked) == num_asked


@OPEN(
    given="an instance whose robots.txt forbids its API, or forbids its files",
    wanted="nothing is listed there, or nothing fetched; with honour_opt_out: false, for one's own instance, it is",
)
@pytest.mark.parametrize("which", ["peertube", "mastodon"])
def test_what_robots_txt_forbids(request, which, tmp_path):
    site = request.getfixturevalue(which)
    site.videos = [video(0, site.url)]
    site.statuses = [status(0, site.url)]
    site.answers["/robots.txt"] = FORBIDS
    assert refusal(source_of(site).search, "squat", "").kind is ErrorKind.OPT_OUT
    assert site.asked == ["/robots.txt"]
    [post] = source_of(site, honour_robots=False).search("squat", "").posts
    site.answers["/robots.txt"] = Answer(body=b"User-agent: *\nDisallow: /static/\nDisallow: /system/")
    assert refusal(source_of(site).fetch, post, tmp_path / "file").kind is ErrorKind.OPT_OUT
    source_of(site, honour_robots=False).fetch(post, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == VIDEO


@OPEN(
    given="a file whose answer reserves it (X-Robots-Tag: noai)",
    wanted="it is not kept",
)
def test_a_file_that_is_reserved(mastodon, tmp_path):
    mastodon.statuses = [status(0, mastodon.url)]
    place = mastodon.statuses[0]["media_attachments"][0]["url"].removeprefix(mastodon.url)
    mastodon.answers[place] = Answer(body=VIDEO, headers={**MP4, "X-Robots-Tag": "noai"})
    source = source_of(mastodon)
    [post] = source.search("squat", "").posts
    row = fetch_post(
        post, 0, source.fetch, tmp_path, clock=lambda: factories.DAY, sleep=lambda _: None, rules=FetchRules()
    )
    assert row.outcome == "opt_out"
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


@OPEN(
    given="a header Link that leads to another host, or says something else",
    wanted="the id in it is all that is taken, and the instance is asked for it; without one the listing ends",
)
def test_a_link_that_leads_elsewhere(mastodon):
    link = '<http://10.0.0.7/api?max_id=42>; rel="next", <http://10.0.0.7/api?min_id=99>; rel="prev"'
    mastodon.statuses = [status(n, mastodon.url) for n in (1, 0)]
    mastodon.has_link = False
    mastodon.headers = {"Link": link}
    source = source_of(mastodon)
    assert source.search("squat", "").next_cursor == "42"
    for other in (
        '<http://[::1?max_id=4>; rel="next"',
        '<https://a.example/?max_id=../x>; rel="next"',
        "<x>",
        "\u00ff",
    ):
        mastodon.headers = {"Link": other}
        assert source.search("squat", "").next_cursor is None


@OPEN(
    given="a post written in HTML, with breaks, entities, hidden script, a warning, and half of a tag's name in a span",
    wanted="its caption is the text that a reader sees, and its hashtags are found",
)
def test_a_caption_in_html(mastodon):
    html = '<p>Leg&nbsp;day <a href="/t">#<span>Squat</span></a><br>3 &lt; 4</p><script>#evil</script><p>end #gym<'
    mastodon.statuses = [
        status(0, mastodon.url, content=html, spoiler_text="sweat", tags=[{"name": "squat"}, {}, None])
    ]
    [post] = source_of(mastodon).search("squat", "").posts
    assert post.caption == "sweat\nLeg\u00a0day #Squat\n3 < 4\nend #gym<"
    assert post.hashtags == ["squat", "gym"]


@OPEN(
    given="a recipe from somebody else whose instance is a path, an address in this network, a login or plain http",
    wanted="it is refused with file and line",
)
@pytest.mark.parametrize("kind", ["peertube", "mastodon"])
@pytest.mark.parametrize(
    "address",
    [
        "http://video.example.org", "https://127.0.0.1", "https://localhost:9000", "https://192.168.1.1", "https://nas",
        "https://[::1]", "https://2130706433", "file:///etc/passwd", "/etc/passwd", "https://me:pw@video.example.org",
        "https://video.example.org/path", "https://video.example.org?x=1", "https://video.example.org:x", "example.org",
    ],
)  # fmt: skip
def test_an_instance_that_a_recipe_may_not_name(tmp_path, kind, address):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(f"source:\n  kind: {kind}\n  name: x\n  settings:\n    instance: {json.dumps(address)}\n")
    with pytest.raises(ValueError, match="is no instance: give https:// and the name of a public host") as caught:
        recipes.load(str(recipe))
    assert str(caught.value).startswith(f"{recipe}:5: ")


@OPEN(
    given="a recipe that names no instance, or the shipped one for Mastodon as it is",
    wanted="one line before anything is asked: what to name, and where",
)
def test_no_instance_is_named(monkeypatch):
    monkeypatch.delenv("H2A_MASTODON_URL", raising=False)
    source = open_source(recipes.load("mastodon").source, recipes.load("mastodon").fetch)
    with pytest.raises(ValueError, match=r"no instance is named\. Choose one whose rules allow what you do") as caught:
        source.check()
    assert "\n" not in str(caught.value)


@OPEN(
    given="an opt-out by a whole name (@jane@social.example), by the profile's address, or by the name alone",
    wanted="each finds her posts: as they are listed, and in a lake's rows, where she is a pseudonym",
)
@pytest.mark.parametrize(
    "entry", ["@jane@social.example", "jane@Social.example", "https://social.example/@jane", "@Jane"]
)
@pytest.mark.parametrize("acct", ["jane", "jane@social.example"])
def test_an_opt_out_by_a_whole_name(mastodon, tmp_path, entry, acct):
    lake = lakes.create(tmp_path / "lake")
    mastodon.statuses = [status(0, mastodon.url, account=account(acct=acct, username="jane"))]
    [post] = source_of(mastodon).search("squat", "").posts
    out = OptOuts([entry], pseudonym=lake.pseudonym)
    assert out.reason(post) == out.reason(pseudonymous(post, lake)) == "the creator is on the opt-out list"
    assert not out.reason(dataclasses.replace(post, creator="janet", handle=None))


@OPEN(
    given="one video of PeerTube by its id or its short one, to watch or embedded, in the opt-out list",
    wanted="it is left alone, whichever was given",
)
@pytest.mark.parametrize("page", ["w/kkGMgK9ZtnKfYAgnEtQxbv", "videos/embed/9c9de5e8-0a1e-484a-b099-e80766180a6d"])
def test_an_opt_out_by_another_page_of_the_video(page):
    url = "https://framatube.org/videos/watch/9c9de5e8-0a1e-484a-b099-e80766180a6d"
    assert OptOuts([f"https://framatube.org/{page}?start=1s"]).reason(factories.post(url=url))


@OPEN(
    given="an index of many instances, which lists other hosts' videos with all their tags",
    wanted="posts name their own host, creators their whole name, and nothing but the listing is asked of the index",
)
def test_an_index_lists_other_hosts(peertube):
    peertube.is_index = True
    peertube.videos = [video(0, "https://video.example.org", tags=["squat", "Leg_Day", "gym"])]
    [post] = source_of(peertube).search("squat", "").posts
    assert post.url == f"https://video.example.org/videos/watch/{peertube.videos[0]['uuid']}"
    assert (post.creator, post.handle) == ("jane.doe@video.example.org", "jane.doe")
    assert post.hashtags == ["squat", "legday", "gym"]
    assert (post.licence, post.sensitive, post.language, post.num_likes) == ("CC-BY-SA", False, "en", 10)


@OPEN(
    given="an instance that shows strangers the posts of its own accounts alone",
    wanted="with only_local those are asked for",
)
def test_an_instance_that_shows_its_own_posts_alone(mastodon):
    rules = MastodonRules(min_interval_s=0, settings=MastodonSettings(only_local=True))
    Mastodon(rules, context(mastodon)).search("squat", "")
    assert mastodon.asked[-1] == "/api/v1/timelines/tag/squat?only_media=true&limit=30&local=true"


BUILD = """
source: {kind: KIND, name: open, page_size: 30, min_interval_s: 0.0, settings: {}}
mine: {num_rounds: 1, pages_per_round: 2}
"""


@OPEN(
    given="a hashtag with a free video, one of all rights reserved, one marked as sensitive and one deleted since",
    wanted="a build keeps the first, and each other is a row with the reason: `licence`, `sensitive`, `gone`",
)
def test_a_build_says_what_became_of_each(peertube, tmp_path, monkeypatch):
    brought = builds.folder(tmp_path)
    film = builds.video(brought / "1.mp4").read_bytes()
    text = builds.RECIPE.replace("source: {kind: folder, name: folder, file: brought}\n", "")
    text = text.replace("mine: {num_rounds: 1, pages_per_round: 1}\n", "").replace(
        "post: {min", "post: {licences: [CC-BY, CC0], min"
    )
    (tmp_path / "mine.yaml").write_text(text + BUILD.replace("KIND", "peertube"))
    monkeypatch.setenv("H2A_PEERTUBE_URL", peertube.url)
    by = {"id": 1, "label": "Attribution"}
    changed = [
        {"licence": by},
        {"licence": {"id": None, "label": "Unknown"}},
        {"licence": by, "nsfw": True},
        {"licence": by},
    ]
    peertube.videos = [video(n, peertube.url, tags=["yoga"], **said) for n, said in enumerate(changed)]
    ids = [one["uuid"] for one in peertube.videos]
    peertube.answers[f"/static/web-videos/{ids[0]}-720.mp4"] = Answer(body=film, headers=MP4)
    peertube.answers[f"/api/v1/videos/{ids[3]}"] = problem(404, "Video not found")
    fates = builds.fates(builds.built(tmp_path))
    assert [fates[own_id] for own_id in ids] == [
        ("kept", "ok"),
        ("screen_post", "licence"),
        ("screen_post", "sensitive"),
        ("fetch", "gone"),
    ]
