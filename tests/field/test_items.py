"""Whatever one item does is that item's row: the rest of a build goes on, and the next run too."""

import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from h2a_curation.acquire.errors import ErrorKind, FetchError
from h2a_curation.acquire.fetch import FetchRules
from h2a_curation.catalog.views import connect
from h2a_curation.lake import decisions
from h2a_curation.measure import perceptual_hash, sense
from h2a_curation.pipeline import items, part
from h2a_curation.sources.base import SourceContext
from h2a_curation.sources.folder import FolderOfFiles
from h2a_curation.sources.politeness.pace import Hosts
from h2a_curation.sources.ytdlp.rules import YtDlpRules
from h2a_curation.sources.ytdlp.source import YtDlp
from h2a_curation.video import child
from tests import factories
from tests.field import mutations
from tests.field.builds import built, fates, folder, told, video
from tests.field.situations import situation
from tests.loopback import ON_LOOPBACK, Answer, serving

KIND = "One item is one row"
ITEMS = partial(situation, KIND)


def log_of(place, stage):
    return (place / "lake" / "log" / f"{stage}.log").read_text()


def fails_at(function, name, error):
    """The function, which fails where its first argument names the file or clip."""

    def failing(first, *rest, **named):
        if name in str(first):
            raise error
        return function(first, *rest, **named)

    return failing


@ITEMS(
    given="a file at which the decoder's library fails: a stream that appears late",
    wanted="a row with a reason; the other file is kept, and the same command again does nothing",
)
def test_a_stream_that_appears_late(tmp_path, shared):
    brought = folder(tmp_path)
    video(brought / "good.mp4")
    told(shutil.copy(shared / "cases" / "poison" / "i_h264__066_app.ts", brought / "late.mp4"))
    for _ in range(2):
        assert fates(built(tmp_path)) == {"good": ("kept", "ok"), "late": ("probe", "damaged")}


@ITEMS(
    given="a video of 8192 x 2 pixels and two minutes, 24 kB",
    wanted="a row that names the limit; never gigabytes of memory",
)
def test_a_strip(tmp_path, shared):
    brought = folder(tmp_path)
    video(brought / "good.mp4")
    told(shutil.copy(shared / "cases" / "poison" / "strip_8192x2_120s.mp4", brought / "strip.mp4"))
    decided = built(tmp_path)
    assert fates(decided) == {"good": ("kept", "ok"), "strip": ("screen_clip", "not_measured")}
    [failure] = decided.query("SELECT DISTINCT outcome, detail FROM failure").to_pylist()
    assert failure == {"outcome": "too_much_memory", "detail": "its pictures have more than 268435456 pixels together"}


@ITEMS(
    given="a sidecar whose address is no address",
    wanted="the post is listed, and its file is built as any other",
    thread="ArchiveTeam/wpull#405",
)
def test_an_address_that_is_none(tmp_path):
    brought = folder(tmp_path)
    video(brought / "good.mp4")
    told(video(brought / "odd.mp4", hue=90), webpage_url="http://[::1")
    assert set(fates(built(tmp_path)).values()) == {("kept", "ok")}


@ITEMS(given="a file that nobody may read", wanted="a row with a reason, and its trace in the log")
def test_an_unreadable_file(tmp_path, monkeypatch):
    brought = folder(tmp_path)
    video(brought / "good.mp4")
    video(brought / "shut.mp4", hue=90)
    refused = PermissionError(13, "Permission denied", "shut.mp4")
    fetch = FolderOfFiles.fetch
    monkeypatch.setattr(
        FolderOfFiles, "fetch", lambda self, post, target: fails_at(partial(fetch, self), "shut", refused)(post, target)
    )
    assert fates(built(tmp_path)) == {"good": ("kept", "ok"), "shut": ("fetch", "unexpected")}
    assert "PermissionError" in log_of(tmp_path, "fetch")


STAGES = {
    "probe": (child, "probe_in_child", "probe"),
    "cut": (child, "scene_in_child", "cut"),
}


@pytest.mark.parametrize("stage", STAGES)
@ITEMS(given="an error of our own at one file, when it is probed or cut", wanted="the file's row says so, with a trace")
def test_an_error_of_ours_at_one_file(tmp_path, monkeypatch, stage):
    brought = folder(tmp_path)
    for n in range(3):
        video(brought / f"{n}.mp4", hue=90 * n)
    module, name, table = STAGES[stage]
    failing = failing_once(getattr(module, name))
    monkeypatch.setattr(module, name, failing)
    decided = built(tmp_path)
    assert sorted(fates(decided).values()) == sorted([(stage, "unexpected"), ("kept", "ok"), ("kept", "ok")])
    [(detail)] = decided.query(
        f"SELECT detail FROM {'probe' if table == 'probe' else 'clip'} WHERE outcome = 'unexpected'"
    )["detail"].to_pylist()
    assert detail.startswith("KeyError at test_items.py:")
    assert f"log/{stage}.log" in detail
    assert "Traceback" in log_of(tmp_path, stage)
    monkeypatch.undo()
    assert sorted(fates(built(tmp_path)).values()) == sorted([(stage, "unexpected"), ("kept", "ok"), ("kept", "ok")])


def failing_once(function):
    """Fails at its second call."""
    calls = []

    def failing(*given, **named):
        calls.append(given)
        if len(calls) == 2:
            raise KeyError("a bug")
        return function(*given, **named)

    return failing


LOOKS = {
    "hash": (perceptual_hash, "hash_clips"),
    "embed": (part, "_clip"),
    "sense": (sense, "sense"),
}


@pytest.mark.parametrize("stage", LOOKS)
@ITEMS(
    given="an error at one clip, when it is hashed, embedded or sensed",
    wanted="the clip has a verdict, and is not asked for again",
)
def test_a_clip_that_cannot_be_measured(tmp_path, monkeypatch, stage):
    brought = folder(tmp_path)
    for n in range(3):
        video(brought / f"{n}.mp4", hue=90 * n)
    module, name = LOOKS[stage]
    with monkeypatch.context() as changed:
        if stage == "embed":
            model = part._clip_by_name
            changed.setattr(part, "_clip", lambda recipe: Encoder(model(recipe.embed.model, recipe.embed.pretrained)))
        else:
            changed.setattr(module, name, failing_once(getattr(module, name)))
        decided = built(tmp_path)
    expected = [("kept", "ok"), ("kept", "ok"), ("screen_clip", "not_measured")]
    assert sorted(fates(decided).values()) == expected
    assert set(decided.query("SELECT outcome FROM failure")["outcome"].to_pylist()) == {"unexpected"}
    changed_anew = []
    monkeypatch.setattr(child, "look_in_child", lambda *given, **_: changed_anew.append(given))
    assert sorted(fates(built(tmp_path)).values()) == expected
    assert changed_anew == []


class Encoder:
    """A model that fails at the second clip."""

    def __init__(self, model):
        self.encode_images = FAILING.setdefault("images", failing_once(model.encode_images))
        self.encode_texts = model.encode_texts


FAILING = {}


@ITEMS(
    given="a programming error that fails at every file",
    wanted="the stage stops after eight and names the log; what is mended is done in the next run",
)
def test_a_bug_rejects_no_lake(tmp_path, monkeypatch):
    brought = folder(tmp_path)
    for n in range(items.MANY_ALIKE + 3):
        told(shutil.copy(GOOD.setdefault("file", video(tmp_path / "good.mp4")), brought / f"{n:02}.mp4"))
        with (brought / f"{n:02}.mp4").open("ab") as file:  # another file of the same pictures
            file.write(bytes(n + 1))
    with monkeypatch.context() as changed:
        changed.setattr(child, "probe_in_child", always_fails)
        with pytest.raises(items.StageBroken, match=r"probe: 8 items in a row raised ZeroDivisionError at test_items"):
            built(tmp_path)
    assert log_of(tmp_path, "probe").count("Traceback") == 3
    decided = built(tmp_path)
    assert decided.query("SELECT count(*) AS n FROM probe WHERE outcome = 'ok'")["n"].to_pylist() == [11]


GOOD = {}


def always_fails(*_):
    return 1 / 0


@ITEMS(given="a disk that is full", wanted="the build stops, and no item is blamed", thread="Sonarr/Sonarr#4554")
def test_a_full_disk_is_no_items_fault(tmp_path, monkeypatch):
    brought = folder(tmp_path)
    video(brought / "good.mp4")
    full = OSError(28, "No space left on device")
    with monkeypatch.context() as changed:
        changed.setattr(child, "probe_in_child", fails_at(child.probe_in_child, "", full))
        with pytest.raises(OSError, match="No space left"):
            built(tmp_path)
    assert fates(built(tmp_path)) == {"good": ("kept", "ok")}


# --- downloads ---

LIMITS = FetchRules(max_file_bytes=2_000_000, timeout_s=1.0, socket_timeout_s=0.5, max_tries=1)
HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXT-X-MEDIA-SEQUENCE:0\n{key}#EXTINF:3,\n{segment}\n#EXT-X-ENDLIST\n"


def refusal(address, target, **post):
    """Why a table's address gives no file, within the limits."""
    context = SourceContext(limits=LIMITS, hosts=Hosts(), permissions=ON_LOOPBACK)
    source = YtDlp(YtDlpRules(name="t", min_interval_s=0.0), context)
    started_s = time.monotonic()
    with pytest.raises(FetchError) as refused:
        source.fetch(factories.post(url=address, **post), target)
    assert time.monotonic() - started_s < 10  # a minute and more without a limit
    return refused.value


@ITEMS(
    given="an HLS stream that yt-dlp would hand to ffmpeg, whose segments never end",
    wanted="a row; no other program is started, and nothing is asked of the server past the limits",
    thread="ytdl-org/youtube-dl#13636",
)
def test_a_stream_for_ffmpeg(tmp_path):
    key = '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="{}/key"\n'
    with serving() as site:
        playlist = HLS.format(key=key.format(site.url), segment=f"{site.url}/segment.ts").encode()
        mpegurl = {"Content-Type": "application/vnd.apple.mpegurl"}
        site.answers["/a.m3u8"] = lambda _: Answer(body=playlist, headers=mpegurl)
        site.answers["/key"] = lambda _: Answer(body=bytes(16))
        error = refusal(f"{site.url}/a.m3u8", tmp_path / "file")
        asked = {path for _, path in site.asked}
    assert error.kind is ErrorKind.NO_VIDEO
    assert asked <= {"/a.m3u8", "/robots.txt"}


@ITEMS(given="an HLS stream whose segments are larger than any file may be", wanted="a row: too_large, or timeout")
def test_a_stream_of_endless_segments(tmp_path):
    with serving() as site:
        playlist = HLS.format(key="", segment=f"{site.url}/segment.ts").encode()
        mpegurl = {"Content-Type": "application/vnd.apple.mpegurl"}
        site.answers["/a.m3u8"] = lambda _: Answer(body=playlist, headers=mpegurl)
        site.answers["/segment.ts"] = lambda _: Answer(body=bytes(3_000_000), headers={"Content-Length": ""})
        error = refusal(f"{site.url}/a.m3u8", tmp_path / "file")
    assert error.kind in (ErrorKind.TOO_LARGE, ErrorKind.TIMEOUT)  # whichever limit is met first


@pytest.mark.parametrize("address", ["ftp://127.0.0.1:{}/a.mp4", "rtmp://127.0.0.1:{}/a", "mms://127.0.0.1:{}/a"])
@ITEMS(given="an address of FTP, RTMP or MMS", wanted="a row, and the port is not asked")
def test_other_protocols(tmp_path, address):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        error = refusal(address.format(server.getsockname()[1]), tmp_path / "file")
        with pytest.raises(TimeoutError):
            server.accept()
    assert error.kind in (ErrorKind.NOT_VIDEO, ErrorKind.NO_VIDEO)


@pytest.mark.parametrize(
    "address", ["http://[::1", "http://[", "http://exa mple.org/a.mp4", "http://a:99999999/b.mp4", "\0"]
)
@ITEMS(given="an address that is none, in a table", wanted="a FetchError, which is the post's row")
def test_a_table_of_addresses_that_are_none(tmp_path, address):
    assert refusal(address, tmp_path / "file").kind in ErrorKind


# --- damaged files by the thousand ---

MOST_BYTES = 3 << 30
"""Peak of the memory of a build and all that it starts, with its model; the limit of one decoder alone is 2 GiB."""


def peak_of(command):
    """Exit code, what was said, and the most memory that the command and its children had at once (Linux)."""
    with tempfile.TemporaryFile("w+") as said:
        run = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        most = 0
        while run.poll() is None:
            most = max(most, sum(resident(pid) for pid in family(run.pid)))
            time.sleep(0.2)
        said.seek(0)
        return run.returncode, said.read(), most


def family(pid):
    """The process and all that it started."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return [pid]
    return [pid, *(one for child in children for one in family(int(child)))]


def resident(pid):
    """Memory that belongs to the process alone, so that shared pages count once."""
    try:
        _, whole, common, *_ = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        return 0
    return (int(whole) - int(common)) * resource.getpagesize()


def fuzzed(place, num, seed=16):
    """Build so many damaged files and three good ones; each must have a reason."""
    brought = folder(place)
    for file in [video(brought / f"good{n}.mp4", hue=40 * n) for n in range(3)]:
        assert file.is_file()
    for name, content in mutations.mutated(mutations.originals(place / "originals"), num, seed):
        (brought / name).write_bytes(content)
        told(brought / name)
    recipe = place / "mine.yaml"
    recipe.write_text(recipe.read_text().replace("mine: {num_rounds: 1", "part_size: 64\nmine: {num_rounds: 1"))
    h2a = [sys.executable, "-c", "from h2a_curation.cli import program; program()"]
    code, said, most = peak_of(
        [*h2a, "build", str(brought), "--recipe", str(recipe), "--lake", str(place / "lake"), "--workers", "2"]
    )
    assert code == 0, said
    decided = connect(place / "lake", decision=decisions.newest(place / "lake"))
    found = fates(decided)
    assert len(found) == num + 3
    assert {found[f"good{n}"] for n in range(3)} == {("kept", "ok")}
    assert "undecided" not in {reason for _, reason in found.values()}
    assert decided.query("SELECT * FROM probe WHERE outcome = 'unexpected'").to_pylist() == []
    assert decided.query("SELECT * FROM clip WHERE outcome = 'unexpected'").to_pylist() == []
    assert most < MOST_BYTES, f"{most / 2**30:.1f} GiB"
    return found


@ITEMS(
    given="20 files of ten containers and codecs, damaged by flips, cuts, holes, splices and absurd sizes",
    wanted="exit 0, a reason for each, the good ones kept, no error that nobody expected",
    thread="NVIDIA/DALI#5489",
)
def test_damaged_files(tmp_path):
    fuzzed(tmp_path, 20)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@ITEMS(
    given="2,000 such files in one folder (`make field`)",
    wanted="the same, within a bound of memory for all processes together",
)
def test_two_thousand_damaged_files(tmp_path):
    stages = Counter(stage for stage, _ in fuzzed(tmp_path, 2000).values())
    assert stages["probe"] > 500, stages
