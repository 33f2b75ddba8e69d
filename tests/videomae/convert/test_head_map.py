import json

import pytest
import torch

from h2a_curation.videomae.convert.files import Found
from h2a_curation.videomae.convert.head_map import cut_head, read_head_map
from h2a_curation.videomae.convert.start import StartWeights


def found(**other):
    head = {"head.weight": torch.arange(10.0).view(5, 2), "head.bias": torch.arange(5.0)}
    return Found(
        layout="x", tensors={"rest": torch.ones(1), **head, **other}, said={}, left_out=[], class_names=[*"abcde"]
    )


def test_each_class_of_the_task_has_the_row_that_is_named():
    cut = cut_head(found(), [4, 0, 2])
    assert cut.tensors["head.weight"].tolist() == [[8, 9], [0, 1], [4, 5]]
    assert cut.tensors["head.bias"].tolist() == [4, 0, 2]
    assert cut.tensors["rest"].tolist() == [1]
    assert cut.class_names == ["e", "a", "c"]


def test_a_run_with_another_map_is_another_run(tmp_path):
    one, other = (StartWeights(source=tmp_path, found=found()) for _ in range(2))
    assert one.hash == other.hash
    one.cut_head([0, 1])
    other.cut_head([1, 0])
    assert one.hash != other.hash


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[0, 1, 1]", "names class 1 of the checkpoint twice"),
        ("[0, -1]", "is no list of numbers"),
        ("[0, true]", "is no list of numbers"),
        ('{"a": 0}', "is no list of numbers"),
        ("[]", "is no list of numbers"),
        ("[0, 1", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("[" + "1" * 5000 + "]", "cannot be read"),
        (" " * 2**21 + "[0]", "it has more than 1 MiB"),
    ],
)
def test_what_is_no_map_is_one_line(tmp_path, content, says):
    file = tmp_path / "map.json"
    file.write_text(content)
    with pytest.raises(ValueError, match=says) as caught:
        read_head_map(file)
    assert "\n" not in str(caught.value)


def test_a_map_is_read_in_its_order(tmp_path):
    file = tmp_path / "map.json"
    file.write_text(json.dumps([7, 3]))
    assert read_head_map(file) == [7, 3]
    with pytest.raises(ValueError, match="cannot be read"):
        read_head_map(tmp_path / "nowhere.json")


def test_what_the_head_does_not_have_is_said(tmp_path):
    with pytest.raises(ValueError, match="names class 5, and its head has 5 classes"):
        cut_head(found(), [0, 5])
    headless = Found(layout="x", tensors={}, said={}, left_out=[])
    with pytest.raises(ValueError, match=f"{tmp_path}: --head-map is for a classifier"):
        StartWeights(source=tmp_path, found=headless).cut_head([0])
