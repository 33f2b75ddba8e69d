"""The site over real HTTP: listings, faults that clear or stay, files, and the process that it runs in."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

import av
import pytest
import yaml

from h2a_curation.sample_world.site.content import ClipPlatform
from h2a_curation.sample_world.site.files import cached_file, make_file
from h2a_curation.sample_world.site.real_clips import classes_of, read_labels
from h2a_curation.sample_world.site.serve import serve, serve_clips
from h2a_curation.sample_world.world.faults import Throttle
from h2a_curation.sample_world.world.sizes import Role
from h2a_curation.sample_world.world.world import make_world
from tests.sample_world.classes import CLASSES
from tests.sample_world.running import CountingMaker, site, site_of

ROOT = Path(__file__).parents[3]
CLIPS = ROOT.parent / "shared" / "clips"
HASTY = make_world(1, "mini", CLASSES)
PATIENT = Throttle(within_s=1.0, slows_from=10_000, refuses_from=10_001, slow_s=0.0, retry_after_s=0)
WORLD = replace(HASTY, throttle=PATIENT)
"""The same, whose listings may be asked for as fast as anybody likes."""
open_url = build_opener(ProxyHandler({})).open


def status(url: str) -> int:
    """0: the connection broke."""
    try:
        with open_url(url, timeout=10) as answer:
            answer.read()
            return answer.status
    except HTTPError as refused:
        return refused.code
    except (URLError, ConnectionError, http.client.HTTPException):
        return 0


def answer(url: str) -> dict:
    with open_url(url, timeout=10) as page:
        return json.load(page)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def class_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("classes") / "actions.yaml"
    classes = [{"id": c, "seed_hashtags": dict.fromkeys(tags, "noun")} for c, tags in CLASSES]
    file.write_text(yaml.safe_dump({"classes": classes}))
    return file


@pytest.mark.parametrize("count", [6, 10])
def test_pages_of_a_listing_hold_each_post_once_and_end(cache, count):
    with site_of(WORLD, cache, CountingMaker()) as url:
        for tag, ids in WORLD.listings.items():
            seen, page = [], 1
            while page:
                status(f"{url}/tag/{tag}?page={page}&count={count}")  # the tries that a faulty page spoils
                status(f"{url}/tag/{tag}?page={page}&count={count}")
                listed = answer(f"{url}/tag/{tag}?page={page}&count={count}")
                seen += [post["id"] for post in listed["posts"]]
                page = listed["next"]
            assert tuple(seen) == ids


def test_a_tag_that_does_not_exist_lists_nothing(cache):
    with site_of(WORLD, cache, CountingMaker()) as url:
        assert answer(f"{url}/tag/nosuchtag?page=1") == {"tag": "nosuchtag", "page": 1, "posts": [], "next": None}
        assert [status(f"{url}/tag/fyp?{q}") for q in ("page=0", "page=x", "count=51")] == [400, 400, 400]
        assert [status(f"{url}/post/1w1"), status(f"{url}/media/1w1.mp4")] == [404, 404]
        assert status(f"{url}/robots.txt") == 200


def test_temporary_faults_clear_within_three_tries_and_permanent_ones_stay(cache):
    """Every post's page and file are asked for four times."""
    with site_of(WORLD, cache, CountingMaker()) as url, ThreadPoolExecutor(8) as pool:
        urls = [f"{url}/{path}" for i in WORLD.posts for path in (f"post/{i}", f"media/{i}.mp4")]
        answers = dict(zip(urls, pool.map(lambda u: [status(u) for _ in range(4)], urls), strict=True))
    for post_id, post in WORLD.posts.items():
        tries = {r: answers[f"{url}/{p}"] for r, p in (("post", f"post/{post_id}"), ("media", f"media/{post_id}.mp4"))}
        for route, statuses in tries.items():
            fault = post.fault
            if fault is None or fault.route != route:
                assert statuses == [200] * 4
            elif fault.num_tries is None:
                assert statuses == [fault.status] * 4
            else:
                breaks_off = fault.kind == "hanging" and route == "media"
                bad = [0 if breaks_off else fault.status] * fault.num_tries
                assert statuses == bad + [200] * (4 - len(bad))


def test_a_rate_limit_says_when_to_come_back(cache):
    [post_id, *_] = [i for i, p in WORLD.posts.items() if p.fault and p.fault.kind == "rate_limited"]
    route = {"post": f"post/{post_id}", "media": f"media/{post_id}.mp4"}[WORLD.posts[post_id].fault.route]
    with site_of(WORLD, cache, CountingMaker()) as url, pytest.raises(HTTPError) as refused:
        open_url(f"{url}/{route}")
    assert refused.value.headers["Retry-After"] == "0"


def test_listings_refuse_haste_once_a_page_and_say_when_to_come_back(cache):
    """The first requests are served; whichever page was refused comes at its next try, however many ask."""
    tags = [tag for tag in HASTY.listings if (tag, 1) not in HASTY.tag_faults]
    limits = Throttle(within_s=60.0, slows_from=5, refuses_from=8, slow_s=0.0, retry_after_s=0)
    with site_of(replace(HASTY, throttle=limits), cache, CountingMaker()) as url, ThreadPoolExecutor(8) as pool:
        first = list(pool.map(lambda tag: status(f"{url}/tag/{tag}?page=1"), tags))
        again = list(pool.map(lambda tag: status(f"{url}/tag/{tag}?page=1"), tags))
        with pytest.raises(HTTPError) as refused:
            open_url(f"{url}/tag/nosuchtag?page=1")
    assert (first.count(200), first.count(429)) == (8, len(tags) - 8)
    assert (again.count(200), again.count(429)) == (len(tags) - 8, 8)
    assert refused.value.headers["Retry-After"] == "0"


def test_a_file_is_made_once_however_many_ask(cache, tmp_path):
    make = CountingMaker()
    [post_id, *_] = [i for i, p in WORLD.posts.items() if p.fault is None]
    with site_of(WORLD, tmp_path, make) as url, ThreadPoolExecutor(8) as pool:
        assert list(pool.map(status, [f"{url}/media/{post_id}.mp4"] * 16)) == [200] * 16
    assert make.num_made == {WORLD.posts[post_id].file: 1}


def test_exact_copies_share_a_file_and_reencoded_ones_do_not(cache):
    for post in WORLD.posts.values():
        if post.copy_of:
            is_same = cached_file(post.file, cache) == cached_file(WORLD.posts[post.copy_of].file, cache)
            assert is_same == ("exact_copy" in post.defects)


@pytest.mark.parametrize("seed", [2, 3], ids=["index at the end", "index first"])
@pytest.mark.parametrize("damage", ["truncated", "damaged", "no_video_stream", "html"])
def test_bad_files_do_not_decode_to_the_end(tmp_path, damage, seed):
    [plan] = [p.file for p in WORLD.posts.values() if p.file.damage == damage]
    file = make_file(replace(plan, spec=replace(plan.spec, seed=seed, width_px=144, height_px=256)), tmp_path)
    assert file.stat().st_size > 0
    with pytest.raises((av.FFmpegError, IndexError, AssertionError)), av.open(str(file)) as container:
        assert sum(1 for _ in container.decode(video=0)) == round(plan.spec.duration_s * plan.spec.fps)


def test_files_are_the_same_whoever_makes_them(tmp_path):
    cheap = ("no_video_stream", "html")
    ids = [i for i, p in WORLD.posts.items() if p.role is Role.BAD_FILE and p.file.damage in cheap]
    plans = [WORLD.posts[post_id].file for post_id in ids]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert list(pool.map(make_file, plans, repeat(tmp_path / "a"))) == [
            cached_file(p, tmp_path / "a") for p in plans
        ]
    for plan in plans:
        assert cached_file(plan, tmp_path / "a").read_bytes() == make_file(plan, tmp_path / "b").read_bytes()
    assert not list((tmp_path / "a").glob("unfinished-*"))


def test_a_served_world_renders_writes_its_truth_and_logs(tmp_path, class_file):
    truth, log = tmp_path / "truth.json", tmp_path / "log.jsonl"
    with serve(1, "mini", tmp_path / "cache", truth, log=log, classes=class_file) as url:
        posts = json.loads(truth.read_text())["posts"]
        assert list(posts) == list(WORLD.posts)
        [post_id, *_] = [i for i, p in WORLD.posts.items() if p.fault is None and p.role is Role.RIGHT]
        with (
            open_url(f"{url}/media/{post_id}.mp4", timeout=60) as video,
            av.open(BytesIO(video.read())) as container,
        ):
            assert sum(1 for _ in container.decode(video=0)) >= 61
    requests = [json.loads(line) for line in log.read_text().splitlines()]
    assert requests == [{"path": f"/media/{post_id}.mp4", "query": "", "status": 200}]
    assert status(f"{url}/robots.txt") == 0


def test_the_site_ends_when_its_parent_is_killed(tmp_path, class_file):
    code = (
        "import sys, time; from pathlib import Path; from h2a_curation.sample_world.site.serve import serve\n"
        f"with serve(1, 'mini', Path({str(tmp_path)!r}), classes=Path({str(class_file)!r})) as url:\n"
        "    print(url, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    url = parent.stdout.readline().strip()
    assert status(f"{url}/robots.txt") == 200
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 10
    while status(f"{url}/robots.txt") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert status(f"{url}/robots.txt") == 0
    parent.stdout.close()


def test_a_site_that_cannot_start_says_so(tmp_path):
    with pytest.raises(RuntimeError, match="ended as it began, with exit code 1"), serve(0, "mini", log=tmp_path):
        pass
    with pytest.raises(ValueError, match=r"labels\.csv: there is no such file"), serve_clips(tmp_path):
        pass


def test_a_class_file_without_a_class_that_is_filmed_is_one_clear_line(tmp_path, class_file):
    text = class_file.read_text()
    renamed = tmp_path / "renamed.yaml"
    renamed.write_text(text.replace("id: deadlift", "id: lifting"))
    with (
        pytest.raises(ValueError, match="films deadlift, which the classes no longer name"),
        serve(0, "mini", classes=renamed),
    ):
        pass


LABELS = "file,action,is_action,note\nrow_boat.mp4,rowing a boat,1,\ncat.avi,,0,\n"


@pytest.fixture
def clips(tmp_path):
    for name in ("row_boat.mp4", "cat.avi"):
        (tmp_path / name).write_bytes(b"video of " + name.encode())
    (tmp_path / "labels.csv").write_text(LABELS)
    return tmp_path


def test_real_clips_are_listed_under_their_action_and_the_rest_under_every_tag(clips):
    labels = read_labels(clips)
    [only] = classes_of(labels)
    assert (only["id"], only["seed_hashtags"]) == ("rowing-a-boat", {"rowingaboat": "noun"})
    assert len(only["prompts"]) >= 5
    with site(ClipPlatform(clips, labels)) as url:
        posts = answer(f"{url}/tag/rowingaboat?page=1")["posts"]
        assert [p["caption"] for p in posts] == ["row_boat.mp4", "cat.avi"]
        assert status(f"{url}/media/../labels.csv") == 404
        with open_url(url + posts[1]["media"]) as file:
            assert file.read() == b"video of cat.avi"


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, r"labels\.csv: there is no such file; write one"),
        ("file,action,note\n", r"labels\.csv:1: column 'is_action' is missing"),
        (LABELS + "dog.mp4,,0,\n", r"labels\.csv:4: no file 'dog\.mp4'"),
        (LABELS + "cat.avi,,0,\n", r"labels\.csv:4: 'cat\.avi' stands twice"),
        (LABELS.replace("1,", "yes,"), r"labels\.csv:2: is_action is 'yes'; write 1 or 0"),
        (LABELS.replace("boat,1", "boat,0"), r"labels\.csv:2: action 'rowing a boat' does not go with is_action 0"),
        (LABELS.replace("cat.avi,,0,", "cat.avi,,0"), r"labels\.csv:3: not 4 cells"),
        (LABELS + "cat.avi,,0,a,b\n", r"labels\.csv:4: not 4 cells"),
        ("file,action,is_action,note\ncat.avi,,0,\n", r"labels\.csv: no line names an action"),
        (LABELS.encode("utf-16"), r"labels\.csv: not UTF-8"),
    ],
)
def test_a_malformed_labels_file_is_one_clear_line(clips, labels, message):
    (clips / "labels.csv").unlink()
    if labels is not None:
        (clips / "labels.csv").write_bytes(labels if isinstance(labels, bytes) else labels.encode())
    with pytest.raises(ValueError, match=message) as refused:
        read_labels(clips)
    assert "\n" not in str(refused.value)


@pytest.mark.skipif(not CLIPS.is_dir(), reason="needs ../shared/clips")
def test_the_shared_clips_are_served():
    labels = read_labels(CLIPS)
    assert len(classes_of(labels)) == 11
    with serve_clips(CLIPS) as url:
        posts = answer(f"{url}/tag/yoga?page=1")["posts"]
        assert {p["caption"] for p in posts} == {
            *("yoga.mp4", "cat.mp4", "slides_static_text.mp4", "animation_title_cards.mp4"),
        }
        assert status(url + posts[0]["media"]) == 200
