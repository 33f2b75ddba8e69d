"""`--from`: a run begins with the weights of another's checkpoint, whatever its layout, and is known by them."""

import json

import pytest

from h2a_curation.videomae.convert.run import convert
from h2a_curation.videomae.loop.rescue import Rescue
from tests.videomae.pretrain.test_train import run


@pytest.fixture(scope="module")
def first(lake, tmp_path_factory):
    """A run whose weights were drawn."""
    return run(lake, tmp_path_factory.mktemp("first"))


@pytest.mark.parametrize("target", ["official.pth", "hugging-face"])
def test_a_run_begins_where_another_one_ended(lake, tmp_path, first, target):
    convert(first.checkpoint, tmp_path / target)
    said = []
    begun = run(lake, tmp_path / "out", steps=2, rescue=Rescue(start_from=tmp_path / target), say=said.append)
    assert begun.held_out_before == pytest.approx(first.held_out_after, rel=1e-6)
    [line] = [line for line in said if line.startswith("begun with ")]
    assert "weights fitted" in line
    assert "fresh" not in line
    assert "not used" not in line


def test_an_encoder_alone_leaves_the_decoder_fresh(lake, tmp_path, first):
    convert(first.checkpoint, tmp_path / "encoder.pth", encoder_only=True)
    said = []
    begun = run(lake, tmp_path / "out", steps=1, rescue=Rescue(start_from=tmp_path / "encoder.pth"), say=said.append)
    assert begun.held_out_before > first.held_out_after
    [line] = [line for line in said if line.startswith("begun with ")]
    assert "left fresh (decoder, encoder_to_decoder, mask_token)" in line


def test_a_run_is_known_by_the_weights_that_it_began_with(lake, tmp_path, first):
    out, again = tmp_path / "out", tmp_path / "same.pth"
    begun = run(lake, out, steps=2, rescue=Rescue(start_from=first.checkpoint))
    convert(first.checkpoint, again)
    assert run(lake, out, steps=2, rescue=Rescue(start_from=again)) == begun, "the same weights in another file"
    with pytest.raises(ValueError, match="is of a run with another weights"):
        run(lake, out, steps=2)
    stored = json.loads((out / "summary.json").read_text())["settings"]["weights"]
    assert len(stored) == 32


def test_what_has_no_place_is_one_line(lake, tmp_path, first):
    with pytest.raises(ValueError, match=r"has size .*, the model's .*; choose the preset or recipe of its model"):
        run(lake, tmp_path / "out", steps=1, rescue=Rescue(start_from=first.checkpoint), settings=["width=96"])
    (tmp_path / "no.pth").write_bytes(b"none")
    with pytest.raises(ValueError, match=r"no\.pth"):
        run(lake, tmp_path / "out", steps=1, rescue=Rescue(start_from=tmp_path / "no.pth"))
    assert not (tmp_path / "out" / "checkpoint-0.pth").exists()
