"""What the bench says of a made folder of two files is what is in them."""

import json
import sys

import pytest

from bench import real_clips
from bench.real_clips_rules import Outcome, class_of
from bench.real_clips_truth import Compared, Judged, compare, read_cuts, read_truth
from tests.videos import H264, make, moving, two_scenes

TRUTH = "file,what is seen,path\nsub/two.mp4,no person,a\nstill.mp4,hands,b\n"
CUTS = "file,seconds,true cut\nsub/two.mp4,2.5,yes\nstill.mp4,0.5,yes\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A file with a cut at 2.5 s, and a still of which somebody claims that there is a cut in it."""
    folder = tmp_path_factory.mktemp("clips")
    (folder / "sub").mkdir()
    two_scenes(folder / "sub" / "two.mp4", 2.5, 2.5)
    make(folder / "still.mp4", *moving(0.04, "256x256"), "-vf", "tpad=stop_mode=clone:stop_duration=3", *H264)
    (folder / "truth.csv").write_text(TRUTH)
    (folder / "cuts.csv").write_text(CUTS)
    return folder


def run(monkeypatch, folder, *options):
    monkeypatch.setattr(sys, "argv", ["real_clips", str(folder), "--unjudged", str(folder / "new.csv"), *options])
    return real_clips.main()


def test_the_table_of_two_files(monkeypatch, folder, capsys):
    (folder / "cuts.csv").write_text(CUTS)
    assert run(monkeypatch, folder, "--json") == 1  # a cut is missed
    said = json.loads(capsys.readouterr().out.splitlines()[-1])["figures"]
    values = {name: figure["value"] for name, figure in said.items()}
    assert (values["cuts_true"], values["cuts_false"], values["cuts_missed"], values["cuts_unjudged"]) == (1, 0, 1, 0)
    assert (values["cut_precision"], values["cut_recall"], values["probe_ok"]) == (1, 0.5, 2)
    assert said["cut_recall"] == {"value": 0.5, "unit": "", "goal": ">= 1.0", "holds": False}
    assert (values["no_person"], values["no_person.motion_rule"]) == (1, 1)
    assert (values["hands"], values["hands.motion_rule"], values["hands.all_rules"]) == (1, 0, 0)
    assert values["no_person.all_rules"] == 0  # 96 px are too few


def test_a_file_that_does_not_decode_has_no_cuts(folder):
    (folder / "broken.mp4").write_bytes((folder / "sub" / "two.mp4").read_bytes()[:-3000])
    assert real_clips._cuts(folder, "broken.mp4", [], 0.2) == Compared()


def test_cuts_that_nobody_judged_are_written_to_be_judged(monkeypatch, folder, capsys):
    (folder / "cuts.csv").write_text("file,seconds,true cut\n")
    monkeypatch.setattr(real_clips, "outcomes", lambda *_: [])
    assert run(monkeypatch, folder, "--files") == 0
    assert (folder / "new.csv").read_text() == "file,seconds,true cut\nsub/two.mp4,2.500,\n"
    assert "cuts_unjudged" in capsys.readouterr().out


def judged(time_s, is_cut=True, was_missed=False):
    return Judged(file="a", time_s=time_s, is_cut=is_cut, was_missed=was_missed)


@pytest.mark.parametrize(
    ("found_s", "places", "expected"),
    [
        ([1.0], [judged(1.1)], Compared(true=1)),
        ([1.0], [judged(1.3)], Compared(missed=(("a", 1.3),), unjudged=(("a", 1.0),))),
        ([1.0], [judged(1.0, is_cut=False)], Compared(false=1)),
        ([], [judged(1.0, is_cut=False)], Compared()),
        ([1.0, 1.1], [judged(1.1)], Compared(true=1, unjudged=(("a", 1.0),))),
        ([1.0, 1.15], [judged(1.15), judged(1.0, is_cut=False)], Compared(true=1, false=1)),
    ],
)
def test_a_found_cut_is_matched_with_the_nearest_place(found_s, places, expected):
    assert compare("a", found_s, [*places, Judged(file="b", time_s=1, is_cut=True, was_missed=False)], 0.2) == expected


def test_recall_is_held_against_what_was_found_before():
    places = [judged(1.0), judged(2.0), judged(3.0, was_missed=True)]
    found = [Outcome(file="a", kind="person", probe="ok", detail="", keeps={"all": True}, reason="ok")]
    goals = {f.name: (f.goal, f.holds) for f in real_clips.figures(Compared(true=2), places, found)}
    assert goals["cut_recall"] == (">= 0.6666", True)


def test_persons_are_left_out_where_none_can_be_seen():
    found = [
        Outcome(file="a", kind="person", probe="ok", detail="", keeps={"no_person": True, "all": True}, reason="ok")
    ]
    with_sensors, without = (
        {f.name: f.goal for f in real_clips.figures(Compared(), [], found, sees_persons=sees)} for sees in (True, False)
    )
    assert with_sensors["all person: person_rule"] == ">= 0.95"
    assert without.keys() == with_sensors.keys() - {"person.person_rule", "all person: person_rule"}


def test_hands_are_judged_for_a_class_of_hands():
    assert [class_of(kind) for kind in ("hands, legs or torso", "person", "no person")] == [
        "bench-hands", "bench-person", "bench-person",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("truth", "cuts", "says"),
    [
        ("file,path\n", CUTS, "truth.csv:1: no column 'what is seen'"),
        (TRUTH + "gone.mp4,person,c\n", CUTS, "truth.csv:4: there is no file 'gone.mp4'"),
        ("file,what is seen\n", CUTS, "names no file"),
        (TRUTH, CUTS + "other.mp4,1,no\n", "cuts.csv:4: 'other.mp4' is not in truth.csv"),
        (TRUTH, CUTS + "still.mp4,soon,no\n", "cuts.csv:4: `seconds` is a number, not 'soon'"),
        (TRUTH, CUTS + "still.mp4,1,perhaps\n", "cuts.csv:4: `true cut` and `missed` are yes or no"),
        (TRUTH, None, "there is no"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_line(tmp_path, truth, cuts, says):
    (tmp_path / "sub").mkdir()
    for name in ("sub/two.mp4", "still.mp4"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "truth.csv").write_text(truth)
    if cuts is not None:
        (tmp_path / "cuts.csv").write_text(cuts)
    with pytest.raises(ValueError, match=r"^[^\n]*$") as refused:
        read_cuts(tmp_path, [seen.file for seen in read_truth(tmp_path)])
    assert says in str(refused.value)
