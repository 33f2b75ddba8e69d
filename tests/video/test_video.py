import os
import signal
import threading
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from h2a_curation.measure.cut import CutRules
from h2a_curation.measure.facts import Scene
from h2a_curation.measure.frames import LookRules
from h2a_curation.video import child, transcode
from h2a_curation.video.child import probe_in_child
from h2a_curation.video.filters import target_size
from h2a_curation.video.probe import probe
from h2a_curation.video.sample_frames import look
from h2a_curation.video.scenes import Film, longest, longest_scene
from tests.videos import CLIPS, H264, frames_at, make, moving, two_scenes

GIB = 1 << 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("videos")


@pytest.fixture(scope="module")
def video(folder):
    """2 s of 24 fps with sound, its index first, as platforms serve them."""
    sound = ("-f", "lavfi", "-i", "sine=d=2")
    return make(folder / "video.mp4", *moving(2), *sound, *H264, "-bf", "2", "-c:a", "aac", "-movflags", "+faststart")


# --- probe ---


def test_a_good_file_is_described_as_shown(video):
    facts = probe(str(video))
    assert (facts.outcome, facts.container, facts.codec) == ("ok", "mov", "h264")
    assert (facts.width_px, facts.height_px, facts.num_frames) == (96, 160, 48)
    assert facts.fps == pytest.approx(24)
    assert facts.declared_s == facts.decoded_s == pytest.approx(2)
    assert facts.has_audio
    assert not facts.is_variable_rate


def test_a_rotated_file_has_the_size_that_is_seen(folder, video):
    rotated = make(folder / "rotated.mp4", "-display_rotation", "90", "-i", str(video), "-c", "copy")
    facts = probe(str(rotated))
    assert (facts.width_px, facts.height_px) == (160, 96)


def test_a_variable_rate_is_seen(folder):
    thinned = ("-vf", "select='lt(t,1)+not(mod(n,3))'", "-fps_mode", "passthrough")
    facts = probe(str(make(folder / "variable.mp4", *moving(2), *thinned, *H264)))
    assert (facts.outcome, facts.is_variable_rate, facts.num_frames) == ("ok", True, 32)


@pytest.mark.parametrize("name", ["a.avi", "a.mkv", "a.webm", "a.flv", "a.ts"])
def test_containers_of_all_kinds_are_read(folder, name):
    encoder = ("-c:v", "libvpx") if name.endswith("webm") else ("-c:v", "mpeg4") if name.endswith("avi") else H264
    facts = probe(str(make(folder / name, *moving(1), *encoder)))
    assert (facts.outcome, facts.num_frames) == ("ok", 24)
    assert facts.decoded_s == pytest.approx(1, abs=0.01)


PAGE = b"<!DOCTYPE html><html><body>404 not found</body></html>" * 50


@pytest.mark.parametrize(
    ("contents", "outcome"),
    [
        (b"", "not_video"),
        (b"x", "not_video"),
        (PAGE, "not_video"),
        (b'{"error": "gone"}', "not_video"),
        (bytes(5000), "not_video"),
        (b"\x00\x00\x00\x18ftypmp42" + bytes(500), "truncated"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nvideo.mp4\n#EXT-X-ENDLIST\n", "not_video"),
        (b"ffconcat version 1.0\nfile video.mp4\n", "not_video"),
    ],
)
def test_what_is_no_video_is_never_ok(folder, video, contents, outcome):
    file = folder / "post.mp4"
    file.write_bytes(contents)
    assert probe(str(file)).outcome == outcome


def test_sound_alone_is_no_video(folder):
    file = make(folder / "sound.mp4", "-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac")
    assert probe(str(file)).outcome == "no_video_stream"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0.001, 0.9999))
@example(share=0.005)  # a stream is listed, and its codec is not
def test_a_cut_off_file_is_never_ok(folder, video, share):
    whole = video.read_bytes()
    file = folder / "short.mp4"
    file.write_bytes(whole[: int(len(whole) * share)])
    assert probe(str(file)).outcome != "ok"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0.1, 0.8), num_bytes=st.integers(200, 5000))
def test_a_hole_of_zeros_is_never_ok(folder, place, num_bytes, silent):
    damaged = bytearray(silent.read_bytes())
    start = int(len(damaged) * place)
    num_bytes = min(num_bytes, len(damaged) // 10)
    damaged[start : start + num_bytes] = bytes(num_bytes)
    file = folder / "hole.mp4"
    file.write_bytes(damaged)
    assert probe(str(file)).outcome == "damaged"


@pytest.fixture(scope="module")
def silent(folder, video):
    return make(folder / "silent.mp4", "-i", str(video), "-an", "-c", "copy", "-movflags", "+faststart")


@pytest.mark.parametrize("seed", range(5))
def test_scattered_bit_damage_is_never_ok(folder, silent, seed):
    rng = np.random.default_rng(seed)
    damaged = bytearray(silent.read_bytes())
    for place in rng.integers(len(damaged) // 10, len(damaged) * 9 // 10, 64):
        damaged[place] ^= 1 << int(rng.integers(8))
    file = folder / "flipped.mp4"
    file.write_bytes(damaged)
    assert probe(str(file)).outcome == "damaged"


def test_the_same_bytes_give_the_same_row_wherever_they_lie(folder, tmp_path):
    for place in (folder / "page.mp4", tmp_path / "page.mp4"):
        place.write_bytes(PAGE)
    assert probe(str(folder / "page.mp4")) == probe(str(tmp_path / "page.mp4"))


# --- the child ---


def test_the_child_says_what_the_probe_says(video):
    assert probe_in_child(str(video), 60, 2 * GIB) == probe(str(video))


def test_a_file_that_takes_too_long_is_a_row_and_the_next_file_is_probed(folder, video):
    long = make(folder / "long.mp4", *moving(20, "640x360"), *H264)
    assert probe_in_child(str(long), 0.05, 2 * GIB).outcome == "timeout"
    assert probe_in_child(str(video), 60, 2 * GIB).outcome == "ok"


def test_a_file_that_takes_too_much_memory_is_a_row(folder):
    big = make(folder / "big.mp4", *moving(0.5, "4096x4096"), *H264)
    assert probe_in_child(str(big), 60, 160 << 20).outcome in ("too_much_memory", "damaged")
    assert probe_in_child(str(big), 60, 2 * GIB).outcome == "ok"


def test_pictures_of_absurd_size_are_not_decoded(folder):
    wide = make(folder / "wide.avi", *moving(0.2, "9000x16"), "-c:v", "ffv1")
    assert probe_in_child(str(wide), 60, 2 * GIB).outcome == "too_much_memory"


def test_a_crash_of_the_decoder_is_a_row():
    assert child._death(-signal.SIGSEGV, 60).outcome == "damaged"


def test_one_child_serves_many_files_and_a_dead_one_is_replaced(video):
    def child_pid():
        taken = child._take("probe")
        child._idle["probe"].put(taken)
        return taken.pid

    probe_in_child(str(video), 60, 2 * GIB)
    first = child_pid()
    assert probe_in_child(str(video), 60, 2 * GIB).outcome == "ok"
    assert child_pid() == first
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    assert probe_in_child(str(video), 60, 2 * GIB).outcome == "ok"


def test_threads_probe_side_by_side(video):
    outcomes = []
    threads = [
        threading.Thread(target=lambda: outcomes.append(probe_in_child(str(video), 60, 2 * GIB).outcome))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == ["ok"] * 3


# --- scenes ---


@pytest.mark.parametrize("name", ["two.mp4", "two.avi", "two.mkv"])
def test_the_longer_scene_is_found_to_the_frame(folder, name):
    encoder = ("-c:v", "mpeg4", "-q:v", "2") if name.endswith("avi") else H264
    file = two_scenes(folder / name, 1, 2, *encoder)
    scene = longest_scene(str(file), CutRules())
    assert scene.num_scenes == 2
    assert (scene.start_s, scene.end_s) == pytest.approx((1, 3), abs=0.005)


def test_cuts_are_placed_by_time_also_at_a_variable_rate(folder):
    thinned = ("-filter_complex", "[0:v]select='lt(t,1)+not(mod(n,3))'[v]", "-map", "[v]", "-fps_mode", "passthrough")
    both = two_scenes(folder / "constant.mp4", 2, 1.5)
    scene = longest_scene(str(make(folder / "thin.mp4", "-i", str(both), *thinned, *H264)), CutRules())
    assert scene.end_s == pytest.approx(2, abs=0.005)


def test_a_file_without_cuts_is_one_scene(video):
    scene = longest_scene(str(video), CutRules())
    assert (scene.start_s, scene.end_s, scene.num_scenes) == (0, pytest.approx(2), 1)
    assert (scene.first_frame, scene.end_frame) == (0, 48)


def test_the_first_of_equally_long_scenes_is_taken():
    film = Film(times_s=[0.0, 1.0, 2.0, 3.0], cuts=[2])
    assert longest(film, CutRules()) == Scene(start_s=0, end_s=2, num_scenes=2)


def test_a_damaged_file_has_no_scene(folder, silent):
    file = folder / "broken.mp4"
    file.write_bytes(silent.read_bytes()[:-3000])
    assert longest_scene(str(file), CutRules()) is None


# --- cut ---


@pytest.fixture
def cut(tmp_path):
    return partial(transcode.cut, folder=tmp_path)


def span(file, first_frame=0, end_frame=48):
    return replace(longest_scene(str(file), CutRules()), first_frame=first_frame, end_frame=end_frame)


def test_the_same_cut_gives_the_same_bytes(video, cut):
    scene = span(video, 12, 36)
    first, second = (cut(str(video), scene, CutRules()) for _ in range(2))
    assert first.file.read_bytes() == second.file.read_bytes()
    assert first.num_frames == 24


def test_a_cut_holds_the_scene_and_not_a_frame_more(folder, cut):
    file = two_scenes(folder / "for_cut.mp4", 1, 2)
    clip = cut(str(file), longest_scene(str(file), CutRules()), CutRules())
    facts = probe(str(clip.file))
    assert (facts.outcome, facts.num_frames, clip.num_frames) == ("ok", 48, 48)
    assert not facts.has_audio
    assert longest_scene(str(clip.file), CutRules()).num_scenes == 1
    [first] = frames_at(str(clip.file), [0])
    [before, source] = frames_at(str(file), [1 - 1 / 48, 1 + 1 / 48]).astype(float)
    assert np.abs(first - source).mean() < 10 < np.abs(first - before).mean()


def test_time_stamps_of_a_variable_rate_are_kept(folder, cut):
    thinned = ("-vf", "select='lt(t,1)+not(mod(n,3))'", "-fps_mode", "passthrough")
    file = make(folder / "uneven.mp4", *moving(2), *thinned, *H264)
    clip = cut(str(file), longest_scene(str(file), CutRules()), CutRules())
    source, kept = probe(str(file)), probe(str(clip.file))
    assert kept.is_variable_rate
    assert (kept.num_frames, kept.fps) == (source.num_frames, pytest.approx(source.fps, rel=0.001))


def test_a_rotated_file_becomes_an_upright_clip(folder, video, cut):
    rotated = make(folder / "turned.mp4", "-display_rotation", "90", "-i", str(video), "-c", "copy")
    clip = cut(str(rotated), span(rotated), CutRules())
    assert (clip.width_px, clip.height_px) == (160, 96)
    assert (probe(str(clip.file)).width_px, probe(str(clip.file)).height_px) == (160, 96)


def test_keyframes_stand_where_the_rules_put_them(video, cut):
    import av

    clip = cut(str(video), span(video), CutRules(gop_frames=16))
    with av.open(str(clip.file)) as container:
        is_key = [frame.key_frame for frame in container.decode(video=0)]
        assert container.streams.video[0].codec_context.has_b_frames is False
    assert np.flatnonzero(is_key).tolist() == [0, 16, 32]


@pytest.mark.parametrize(
    ("source_px", "clip_px"),
    [((1080, 1920), (320, 568)), ((427, 240), (426, 240)), ((320, 320), (320, 320)), ((640, 361), (568, 320))],
)
def test_clips_are_shrunk_to_even_sizes_and_never_enlarged(source_px, clip_px):
    assert target_size(*source_px, 320) == clip_px


def test_a_damaged_file_gives_no_clip_and_leaves_nothing(folder, silent, cut, tmp_path):
    file = folder / "broken_cut.mp4"
    file.write_bytes(silent.read_bytes()[:-3000])
    assert cut(str(file), span(silent), CutRules()) is None
    assert list(tmp_path.iterdir()) == []


def test_a_missing_ffmpeg_is_one_clear_line(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda _, path: None)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "")
    monkeypatch.setattr("imageio_ffmpeg.get_ffmpeg_exe", _no_ffmpeg)
    transcode.ffmpeg_program.cache_clear()
    with pytest.raises(transcode.MissingProgramError, match="no ffmpeg found: install one"):
        transcode.ffmpeg_program()
    transcode.ffmpeg_program.cache_clear()


def _no_ffmpeg():
    raise RuntimeError("No ffmpeg exe could be found.")


# --- look ---


def test_a_look_shows_frames_at_the_centres_of_equal_spans(video):
    seen = look(str(video), LookRules(num_frames=4))
    assert seen.times_s == pytest.approx([0.25, 0.75, 1.25, 1.75], abs=0.001)
    assert seen.frames.shape == (4, 160, 96, 3)
    assert (frames_at(str(video), [1.75, 0.25, 0.26]) == seen.frames[[3, 0, 0]]).all()


def test_a_clip_of_few_frames_shows_each_once(folder):
    short = make(folder / "short_clip.mp4", *moving(0.125), *H264)
    assert len(look(str(short), LookRules()).frames) == 3


def test_the_grey_film_is_small_and_steady(video):
    assert look(str(video), LookRules(grey_fps=4, grey_short_side_px=32)).grey.shape == (8, 53, 32)


def test_frames_have_one_hash_in_any_container(folder, video):
    moved = make(folder / "moved.mov", "-i", str(video), "-an", "-c", "copy")
    other = make(folder / "other.mp4", *moving(2, hue=90), *H264)
    hashes = [look(str(file), LookRules()).frames_sha256 for file in (video, moved, other)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_broken_clip_of_the_lake_is_not_passed_over(folder, silent):
    file = folder / "lake_clip.mp4"
    file.write_bytes(silent.read_bytes()[:-3000])
    with pytest.raises(ValueError, match="does not decode"):
        look(str(file), LookRules())


# --- real clips ---


@pytest.mark.skipif(not CLIPS.exists(), reason="../shared/clips is absent")
@pytest.mark.parametrize("name", ["eye_makeup.avi", "clean_and_jerk.mp4", "paragliding.mp4", "walking_dog.mp4"])
def test_real_files_go_all_the_way(name, cut):
    file = str(CLIPS / name)
    facts = probe_in_child(file, 60, 2 * GIB)
    assert facts.outcome == "ok"
    scene = longest_scene(file, CutRules())
    clip = cut(file, scene, CutRules())
    kept = probe(str(clip.file))
    assert kept.outcome == "ok"
    assert kept.decoded_s == pytest.approx(scene.end_s - scene.start_s, abs=0.05)
    assert min(kept.width_px, kept.height_px) == min(320, facts.width_px, facts.height_px)
