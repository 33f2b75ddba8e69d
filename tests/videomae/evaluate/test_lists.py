"""Lists of every benchmark as their owners give them: videos, labels and places, and what is wrong in one line."""

import json
import shutil

import pytest

from h2a_curation.taxonomy.benchmarks import benchmark_classes
from h2a_curation.videomae.evaluate.lists import TASKS, read
from tests.videomae.evaluate import miniature


def benchmark(task, data, listing=None):
    return read(task, data, benchmark_classes(TASKS[task]) if task in TASKS else (), listing)


def labels(found, split="val"):
    return [video.label for video in found.splits[split]]


def all_there(found):
    return all(video.path.exists() for videos in found.splits.values() for video in videos)


def test_kinetics_as_its_owners_list_it(tmp_path):
    miniature.kinetics(tmp_path)
    found = benchmark("k400", tmp_path)
    assert labels(found) == [3, 100, 399]
    assert all_there(found)
    assert (found.sparse, found.stride, found.num_segments, len(found.classes)) == (False, 4, 5, 400)


def test_kinetics_in_one_folder_or_named_by_id_alone(tmp_path):
    miniature.kinetics(tmp_path)
    for i, file in enumerate(sorted((tmp_path / "val").rglob("*.mp4"))):
        file.rename(tmp_path / (f"vid{i}-_x.mp4" if i else file.name))
    assert all_there(benchmark("k400", tmp_path))


def test_ucf101_has_three_splits_with_its_own_numbers(tmp_path):
    miniature.ucf101(tmp_path)
    found = benchmark("ucf101", tmp_path)
    assert [labels(found, split) for split in "123"] == [[0, 50, 100]] * 3
    assert all_there(found)


def test_hmdb51_takes_what_is_marked_for_testing(tmp_path):
    miniature.hmdb51(tmp_path)
    found = benchmark("hmdb51", tmp_path)
    assert [len(found.splits[split]) for split in "123"] == [51] * 3
    assert found.splits["1"][0].video_id == "brush_hair/brush_hair_2.avi"
    assert found.splits["2"][0].path.exists()
    assert not found.splits["2"][2].path.exists()
    assert found.stride == 2


@pytest.mark.parametrize("as_folders", [True, False])
def test_something_something_by_its_json(tmp_path, as_folders):
    miniature.ssv2(tmp_path, as_folders=as_folders)
    found = benchmark("ssv2", tmp_path)
    assert labels(found) == [0, 77, 173]
    assert all_there(found)
    assert (found.sparse, found.num_segments) == (True, 2)


def test_lists_of_the_official_code(tmp_path):
    found = benchmark(str(miniature.official(tmp_path / "a")), tmp_path / "a")
    assert (labels(found), all_there(found), found.sparse) == ([0, 1, 2, 3, 4], True, False)
    found = benchmark(str(miniature.official_folders(tmp_path / "b")), tmp_path / "b")
    assert [video.num_frames for video in found.splits["val"]] == [7, 8, 9]
    assert (all_there(found), found.sparse) == (True, True)


def test_an_official_list_goes_for_a_benchmark_too_if_its_classes_agree(tmp_path):
    miniature.video(tmp_path / "abseiling" / "a b.mp4", 1)
    (tmp_path / "val.csv").write_text("abseiling/a b.mp4 0\nabseiling/a b.mp4 0\n")
    found = benchmark("k400", tmp_path)
    assert (labels(found), all_there(found)) == ([0], True)
    assert found.notes == ["val.csv: 1 repeated lines are counted once"]
    (tmp_path / "val.csv").write_text("abseiling/a b.mp4 7\n")
    with pytest.raises(ValueError, match="line 1 gives label 7 to a video in abseiling, which is class 0"):
        benchmark("k400", tmp_path)


def spoil(file, before, after):
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after, 1))


MAKERS = {
    "k400": miniature.kinetics,
    "ucf101": miniature.ucf101,
    "hmdb51": miniature.hmdb51,
    "ssv2": lambda folder: miniature.ssv2(folder, as_folders=False),
}
UCF, HMDB = "ucfTrainTestlist", "testTrainMulti_7030_splits"


@pytest.mark.parametrize(
    ("task", "file", "change", "says"),
    [
        ("k400", "validate.csv", ("applauding", "aplauding"), "line 2: k400 has no class 'aplauding': is it 'applaud"),
        ("k400", "validate.csv", (",0,10,", ",soon,10,"), "line 2: 'soon' to '10' are no times"),
        ("k400", "validate.csv", ("youtube_id", "id"), "has no column youtube_id"),
        ("ucf101", f"{UCF}/classInd.txt", ("1 Apply", "2 Apply"), "numbers 'ApplyEyeMakeup' 1, and it is class 0"),
        ("ucf101", f"{UCF}/testlist02.txt", ("ApplyEyeMakeup/", "Juggling/"), "testlist02.txt, line 1: .* 'Juggling'"),
        ("hmdb51", f"{HMDB}/cartwheel_test_split3.txt", (" 0", " 7"), "does not end with 0, 1 or 2"),
        ("ssv2", "labels.json", (': "0"', ': "5"'), "numbers .* 5, and it is class 0"),
        ("ssv2", "validation.json", ('"template"', '"temp"'), "no class 'whatever they wrote'"),
        ("ssv2", "validation.json", ("[{", "{"), "not JSON"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path, task, file, change, says):
    MAKERS[task](tmp_path)
    spoil(tmp_path / file, *change)
    with pytest.raises(ValueError, match=says) as refused:
        benchmark(task, tmp_path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("line", ["v0.mp4", "v0.mp4 zero", "v0.mp4 -1", "3"])
def test_a_line_of_the_official_code_that_is_none(tmp_path, line):
    (tmp_path / "list.txt").write_text(f"v.mp4 0\n{line}\n")
    with pytest.raises(ValueError, match=r"list\.txt, line 2"):
        benchmark(str(tmp_path / "list.txt"), tmp_path)


@pytest.mark.parametrize(
    ("task", "gone"),
    [
        ("k400", "validate.csv"),
        ("ucf101", "ucfTrainTestlist/classInd.txt"),
        ("ucf101", "ucfTrainTestlist/testlist03.txt"),
        ("hmdb51", "testTrainMulti_7030_splits/brush_hair_test_split1.txt"),
        ("hmdb51", "testTrainMulti_7030_splits/wave_test_split2.txt"),
        ("ssv2", "validation.json"),
    ],
)
def test_a_list_that_is_missing_is_named(tmp_path, task, gone):
    MAKERS[task](tmp_path)
    (tmp_path / gone).unlink()
    with pytest.raises(ValueError, match=r"has|holds no"):
        benchmark(task, tmp_path)


def test_two_labels_for_one_video_and_no_folder_are_refused(tmp_path):
    (tmp_path / "list.txt").write_text("v.mp4 0\nv.mp4 1\n")
    with pytest.raises(ValueError, match="two labels, 0 and 1"):
        benchmark(str(tmp_path / "list.txt"), tmp_path)
    with pytest.raises(ValueError, match="is no folder"):
        benchmark("k400", tmp_path / "nowhere")
    with pytest.raises(ValueError, match="neither a file nor one of k400, ucf101"):
        benchmark("k401", tmp_path)


def test_classes_of_the_benchmark_are_in_its_own_order(tmp_path):
    miniature.ssv2(tmp_path, as_folders=False)
    told = json.loads((tmp_path / "labels.json").read_text())
    shutil.copy(tmp_path / "labels.json", tmp_path / "something-something-v2-labels.json")
    assert [told[name] for name in benchmark("ssv2", tmp_path).classes] == [str(i) for i in range(174)]


def to_learn(task, data):
    return read(task, data, benchmark_classes(TASKS[task]), purpose="train")


def test_what_is_learnt_from_is_listed_beside_what_is_tested_on(tmp_path):
    miniature.kinetics(tmp_path / "k400")
    (tmp_path / "k400" / "validate.csv").rename(tmp_path / "k400" / "train.csv")
    assert labels(to_learn("k400", tmp_path / "k400"), "train") == [3, 100, 399]
    miniature.hmdb51(tmp_path / "hmdb51")
    found = to_learn("hmdb51", tmp_path / "hmdb51")
    assert [len(found.splits[split]) for split in "123"] == [51] * 3
    assert found.splits["1"][0].video_id == "brush_hair/brush_hair_1.avi"
    miniature.ssv2(tmp_path / "ssv2", as_folders=True)
    (tmp_path / "ssv2" / "validation.json").rename(tmp_path / "ssv2" / "train.json")
    assert labels(to_learn("ssv2", tmp_path / "ssv2"), "train") == [0, 77, 173]


def test_a_list_to_learn_from_that_stops_short_of_its_classes_is_refused(tmp_path):
    (tmp_path / "train.csv").write_text("a.mp4 0\nb.mp4 50\n")
    with pytest.raises(ValueError, match="has labels up to 50, and ucf101 has 101 classes: it is another benchmark"):
        to_learn("ucf101", tmp_path)
