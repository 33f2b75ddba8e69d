"""Every frame of a span is in its clip, upright and with its colours, whatever the file's streams and clocks do."""

import random
from dataclasses import replace

import pytest

from h2a_curation.measure.cut import CutRules
from h2a_curation.video import transcode
from h2a_curation.video.probe import probe
from h2a_curation.video.scenes import longest_scene
from tests.video import painted
from tests.video.odd_files import NUM_FRAMES, ODD, drawn
from tests.videos import CLIPS

CASES = CLIPS.parent / "cases" / "media"


def check(odd, folder):
    file = odd.write(folder)
    facts = probe(str(file))
    assert (facts.outcome, facts.detail, facts.num_frames) == ("ok", "", len(odd.numbers))
    assert facts.has_odd_times == odd.has_odd_times
    whole = longest_scene(str(file), CutRules())
    assert (whole.first_frame, whole.end_frame) == (odd.scene or (0, len(odd.numbers)))
    for first, end in ((whole.first_frame, whole.end_frame), (whole.first_frame + 7, whole.end_frame - 3)):
        clip = transcode.cut(str(file), replace(whole, first_frame=first, end_frame=end), CutRules(), folder=folder)
        shown = painted.frames(clip.file)
        assert [painted.number(frame) for frame in shown] == list(odd.numbers[first:end])
        assert max(painted.colour_error(frame) for frame in shown) <= odd.colour_error


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd.name)
def test_every_frame_of_the_span_is_in_the_clip(odd, tmp_path):
    check(odd, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(150))
def test_every_frame_of_files_drawn_by_lot(seed, tmp_path):
    check(drawn(random.Random(seed)), tmp_path)


@pytest.mark.skipif(not CASES.exists(), reason="../shared/cases is absent")
@pytest.mark.parametrize(("name", "num_frames"), [("plain.ts", 150), ("long_subtitles.mkv", 150), ("hdr10.mp4", 120)])
def test_files_that_lost_frames_once(name, num_frames, tmp_path):
    file = str(CASES / name)
    facts = probe(file)
    assert (facts.outcome, facts.num_frames) == ("ok", num_frames)
    assert transcode.cut(file, longest_scene(file, CutRules()), CutRules(), folder=tmp_path).num_frames == num_frames


def test_a_clip_of_other_frames_than_the_scene_is_none(tmp_path, monkeypatch):
    [plain] = [odd for odd in ODD if odd.name == "b-frames.mp4"]
    file = str(plain.write(tmp_path))
    whole = longest_scene(file, CutRules())
    with pytest.raises(transcode.UndecodableError, match=f"{NUM_FRAMES} of the scene's {NUM_FRAMES + 1} frames"):
        transcode.cut(file, replace(whole, end_frame=NUM_FRAMES + 1), CutRules(), folder=tmp_path)
    assert not list(tmp_path.glob("????????????????????????????????.mp4"))


def hdr(folder):
    [found] = [odd for odd in ODD if odd.name == "pq.mp4"]
    return found.write(folder)


def test_colours_are_facts(tmp_path):
    facts = probe(str(hdr(tmp_path)))
    assert (facts.color_transfer, facts.color_primaries, facts.color_matrix) == ("smpte2084", "bt2020", "bt2020nc")
    assert (facts.color_range, facts.bit_depth, facts.codec, facts.num_sizes) == ("tv", 10, "hevc", 1)


def test_a_codec_has_its_own_name_whoever_decodes_it(tmp_path):
    [av1] = [odd for odd in ODD if odd.name == "av1.mp4"]
    assert probe(str(av1.write(tmp_path))).codec == "av1"


@pytest.mark.parametrize(
    ("name", "tags"), [("pq.mp4", (1, 1, 1, 1)), ("bt601.mp4", (6, 6, 6, 1)), ("wide.mp4", (1, 1, 1, 1))]
)
def test_a_clips_tags_say_what_its_colours_are(name, tags, tmp_path):
    import av

    [odd] = [odd for odd in ODD if odd.name == name]
    file = str(odd.write(tmp_path))
    clip = transcode.cut(file, longest_scene(file, CutRules()), CutRules(), folder=tmp_path)
    with av.open(str(clip.file)) as container:
        frame = next(container.decode(video=0))
    said = frame.color_trc, frame.color_primaries, frame.colorspace, frame.color_range
    assert (tuple(map(int, said)), frame.format.name) == (tags, "yuv420p")


def test_without_tone_mapping_hdr_is_refused_and_not_shown_grey(tmp_path, monkeypatch):
    monkeypatch.setattr(transcode, "_version_said", lambda: "ffmpeg version 4.2 --enable-gpl")
    file = str(hdr(tmp_path))
    with pytest.raises(transcode.UndecodableError) as refused:
        transcode.cut(file, longest_scene(file, CutRules()), CutRules(), folder=tmp_path)
    assert refused.value.outcome == "hdr"
    transcode.ffmpeg_fingerprint.cache_clear()
    assert transcode.ffmpeg_fingerprint().endswith("+no-zimg")
    monkeypatch.undo()
    transcode.ffmpeg_fingerprint.cache_clear()
    assert not transcode.ffmpeg_fingerprint().endswith("+no-zimg")
