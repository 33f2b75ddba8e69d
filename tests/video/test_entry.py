"""Sound files that begin or end in an odd way: players show them whole, and so do we."""

from functools import partial
from pathlib import Path

import av
import pytest

from h2a_curation.measure.cut import CutRules
from h2a_curation.video import transcode
from h2a_curation.video.nal import Units
from h2a_curation.video.probe import probe
from h2a_curation.video.scenes import longest_scene
from tests.videos import H264, make, moving, two_scenes

H264_EVERY_SECOND = (*H264, "-g", "24", "-bf", "3")
HEVC_EVERY_SECOND = ("-c:v", "libx265", "-x265-params", "keyint=24:open-gop=1:log-level=error", "-pix_fmt", "yuv420p")
TS_PACKET = 188


@pytest.fixture
def cut(tmp_path):
    (tmp_path / "clips").mkdir()
    return partial(transcode.cut, folder=tmp_path / "clips")


def in_mid_stream(file: Path, whole: Path) -> Path:
    """The whole file's packets from half a second on, keyframes or not."""
    return make(file, "-i", str(whole), "-ss", "0.5", "-c", "copy", "-copyinkf")


# --- where a stream begins


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.flv"])
@pytest.mark.parametrize("more", [(), ("-x264-params", "open-gop=1:b-adapt=0")])
def test_a_file_that_begins_in_mid_stream_is_shown_from_its_first_keyframe_in_every_stage(tmp_path, cut, name, more):
    file = in_mid_stream(tmp_path / name, make(tmp_path / "whole.ts", *moving(4), *H264_EVERY_SECOND, *more))
    facts = probe(str(file))
    assert (facts.outcome, facts.num_frames) == ("ok", 72)
    assert "begins in mid-stream" in facts.detail
    scene = longest_scene(str(file), CutRules())
    assert (scene.start_s, scene.end_s) == pytest.approx((0, 3), abs=0.005)
    clip = cut(str(file), scene, CutRules())
    assert clip.num_frames == 72
    assert [path.name for path in clip.file.parent.iterdir()] == [clip.file.name]
    shown = probe(str(clip.file))
    assert (shown.outcome, shown.num_frames, shown.detail) == ("ok", 72, "")


@pytest.mark.parametrize(
    "codec", [H264_EVERY_SECOND, (*H264_EVERY_SECOND, "-x264-params", "open-gop=1"), HEVC_EVERY_SECOND]
)
def test_a_broadcast_that_was_cut_in_anywhere_is_sound(tmp_path, cut, codec):
    whole = make(tmp_path / "whole.ts", *moving(4), *codec).read_bytes()
    file, tables = tmp_path / "late.ts", 3 * TS_PACKET
    file.write_bytes(whole[:tables] + whole[len(whole) // TS_PACKET // 5 * TS_PACKET :])
    facts = probe(str(file))
    assert facts.outcome == "ok"
    assert 60 <= facts.num_frames < 96
    clip = cut(str(file), longest_scene(str(file), CutRules()), CutRules())
    assert clip.num_frames == facts.num_frames


def test_a_scene_of_a_file_that_begins_in_mid_stream_is_cut_to_the_frame(tmp_path, cut):
    whole = two_scenes(tmp_path / "whole.ts", 2, 3, *H264_EVERY_SECOND)
    file = in_mid_stream(tmp_path / "late.mkv", whole)
    scene = longest_scene(str(file), CutRules())
    assert (scene.start_s, scene.end_s, scene.num_scenes) == (
        pytest.approx(1, abs=0.005),
        pytest.approx(4, abs=0.005),
        2,
    )
    clip = cut(str(file), scene, CutRules())
    assert clip.num_frames == 72
    assert longest_scene(str(clip.file), CutRules()).num_scenes == 1


def test_a_turned_file_that_begins_in_mid_stream_becomes_an_upright_clip(tmp_path, cut):
    late = in_mid_stream(tmp_path / "late.mp4", make(tmp_path / "whole.ts", *moving(4), *H264_EVERY_SECOND))
    turned = make(tmp_path / "turned.mp4", "-display_rotation", "90", "-i", str(late), "-c", "copy", "-copyinkf")
    clip = cut(str(turned), longest_scene(str(turned), CutRules()), CutRules())
    assert (clip.width_px, clip.height_px, clip.num_frames) == (160, 96, 72)


def test_damage_before_the_first_keyframe_is_damage(tmp_path):
    file = in_mid_stream(tmp_path / "late.mp4", make(tmp_path / "whole.ts", *moving(4), *H264_EVERY_SECOND))
    with av.open(str(file)) as opened:
        packets = [packet for packet in opened.demux(video=0) if packet.size]
    assert not packets[3].is_keyframe
    content = bytearray(file.read_bytes())
    place = packets[3].pos + packets[3].size // 3
    content[place : place + 24] = bytes(24)
    file.write_bytes(content)
    assert probe(str(file)).outcome == "damaged"


# --- how a stream ends

ENDS = {
    "h264": [b"\0\0\0\1\x0a", b"\0\0\1\x0b", b"\0\0\0\1\x0a\0\0\0\1\x0b", b"\0\0\1\x09\x10", b"\0\0\1\x0c\xff\xff\x80"],
    "hevc": [b"\0\0\0\1\x48\1", b"\0\0\1\x4a\1", b"\0\0\1\x46\1\x50", b"\0\0\1\x4c\1\xff\x80"],
}


def with_last_unit(file: Path, source: Path, change) -> Path:
    """The file with its last packet's last unit changed; its field of four bytes tells the new length."""
    with av.open(str(source)) as opened, av.open(str(file), "w") as out:
        stream = out.add_stream_from_template(opened.streams.video[0])
        packets = [packet for packet in opened.demux(video=0) if packet.size]
        last = bytes(packets[-1])
        place = 0
        while (end := place + 4 + int.from_bytes(last[place : place + 4], "big")) < len(last):
            place = end
        unit = change(last[place + 4 :])
        changed = av.Packet(last[:place] + len(unit).to_bytes(4, "big") + unit)
        for name in ("pts", "dts", "duration", "time_base", "is_keyframe"):
            setattr(changed, name, getattr(packets[-1], name))
        for packet in [*packets[:-1], changed]:
            packet.stream = stream
            out.mux(packet)
    return file


@pytest.mark.parametrize(("codec", "end"), [(codec, end) for codec, ends in ENDS.items() for end in ends])
def test_a_stream_that_says_where_it_ends_is_sound(tmp_path, cut, codec, end):
    encoder = H264 if codec == "h264" else HEVC_EVERY_SECOND
    source = make(tmp_path / "source.mp4", *moving(1), *encoder)
    file = with_last_unit(tmp_path / "ended.mp4", source, lambda unit: unit + end)
    facts = probe(str(file))
    assert (facts.outcome, facts.detail, facts.num_frames) == ("ok", "", 24)
    assert cut(str(file), longest_scene(str(file), CutRules()), CutRules()).num_frames == 24


@pytest.mark.parametrize(
    "change",
    [
        lambda unit: unit[:-40] + bytes(24) + unit[-16:],
        lambda unit: unit[: len(unit) // 2] + b"\0\0\1\x0a" + unit[len(unit) // 2 :],
        lambda unit: unit + b"\0\0\1\x41\x9a\x02",  # a picture
        lambda unit: unit + b"\0\0\1\x0a\x55",
    ],
)
def test_other_bytes_that_no_encoder_writes_are_damage(tmp_path, change):
    source = make(tmp_path / "source.mp4", *moving(1), *H264)
    assert probe(str(with_last_unit(tmp_path / "odd.mp4", source, change))).outcome == "damaged"


def test_a_unit_full_of_ends_is_read_quickly_and_is_damage():
    unit = b"\x65\x88" + b"\0\0\1\x0a" * 500_000
    assert Units("h264", 4).is_overwritten(len(unit).to_bytes(4, "big") + unit)
