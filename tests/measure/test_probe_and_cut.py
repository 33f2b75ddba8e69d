import hashlib

import pytest

from h2a_curation.measure.cut import CutRules, cut
from h2a_curation.measure.facts import ClipFile, ProbeFacts, Scene
from h2a_curation.measure.probe import ProbeRules, probe

SCENE = Scene(start_s=1.0, end_s=3.0, num_scenes=2)


def test_a_probe_hands_the_limits_over_and_the_facts_through():
    asked = []

    def read(*request):
        asked.append(request)
        return ProbeFacts(outcome="truncated", detail="half", num_frames=3)

    [row] = probe([("m1", "f1")], ProbeRules(timeout_s=5, max_memory_bytes=1 << 30), model="p", read=read)
    assert asked == [("f1", 5, 1 << 30)]
    assert (row.media_id, row.model, row.outcome, row.detail, row.num_frames) == ("m1", "p", "truncated", "half", 3)


def test_a_clip_is_named_by_its_bytes_and_kept_before_its_row(tmp_path):
    kept = {}

    def transcode(file, scene, rules):
        clip = tmp_path / "new.mp4"
        clip.write_bytes(f"{file} {scene.start_s} {rules.crf}".encode())
        return ClipFile(file=clip, width_px=320, height_px=568, fps=24.0, num_frames=48)

    rows = cut(
        [("m1", "f1")],
        CutRules(crf=30),
        model="c",
        find_scene=lambda file, rules: SCENE,
        transcode=transcode,
        keep=lambda file, clip_id: kept.update({clip_id: file.read_bytes()}),
    )
    row = next(rows)
    contents = b"f1 1.0 30"
    assert kept == {hashlib.sha256(contents).hexdigest(): contents}
    assert (row.clip_id, row.num_bytes, row.outcome) == (hashlib.sha256(contents).hexdigest(), len(contents), "ok")
    assert (row.start_s, row.end_s, row.num_scenes, row.fps) == (1.0, 3.0, 2, 24.0)


@pytest.mark.parametrize("scene", [None, SCENE])
def test_what_does_not_decode_is_a_row(scene):
    [row] = cut(
        [("m1", "f1")],
        CutRules(),
        model="c",
        find_scene=lambda file, rules: scene,
        transcode=lambda file, scene, rules: None,
        keep=None,
    )
    assert (row.outcome, row.clip_id) == ("undecodable", None)


@pytest.mark.parametrize(
    "impossible",
    [
        lambda: ProbeRules(timeout_s=0),
        lambda: ProbeRules(max_memory_bytes=1 << 20),
        lambda: CutRules(crf=52),
        lambda: CutRules(gop_frames=0),
        lambda: CutRules(short_side_px=1),
    ],
)
def test_impossible_rules_are_refused(impossible):
    with pytest.raises(ValueError, match="Rules"):
        impossible()
