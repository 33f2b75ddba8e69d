import json
from dataclasses import replace
from functools import partial

import pytest
import torch

from h2a_curation.videomae.data.shards import open_version, read_clip
from h2a_curation.videomae.loop.runtime import Runtime
from h2a_curation.videomae.loop.watch import Watcher
from h2a_curation.videomae.presets import preset
from h2a_curation.videomae.pretrain.recipe import load
from h2a_curation.videomae.pretrain.samples import MaskedStream
from h2a_curation.videomae.pretrain.train import pretrain

CPU = Runtime(device="cpu", threads=1)


def stream(lake, rate):
    version, micro = open_version(lake, "v1"), preset("micro")
    dropping = replace(micro, recipe=replace(micro.recipe, drop_path=rate, batch_clips=4))
    return MaskedStream(members=version.split("train"), seed=3, read=partial(read_clip, version), preset=dropping)


def test_what_is_left_out_is_drawn_beside_all_else(lake):
    plain, dropping = stream(lake, 0.0).batch(1), stream(lake, 0.5).batch(1)
    assert plain.kept is None
    assert all(torch.equal(getattr(plain, name), getattr(dropping, name)) for name in ("video", "visible", "decoded"))
    assert dropping.kept.shape == (8, 3, 2)
    assert (dropping.kept[:, 0] == 1).all()
    assert (dropping.kept[:, 2] == 1).all()
    assert set(dropping.kept[:, 1].unique().tolist()) == {0.0, 2.0}


def test_what_is_left_out_is_the_same_in_any_part_of_a_step_and_another_in_the_next(lake):
    dropping = stream(lake, 0.5)
    whole = dropping.batch(0).kept
    assert torch.equal(torch.cat([dropping.batch(0, part, 4).kept for part in range(4)]), whole)
    assert not torch.equal(dropping.batch(1).kept, whole)


class Killed(BaseException):
    """What nothing in a run catches."""


def losses(lake, out, micro_clips, kill_at=None, rate=0.5):
    def progress(done, _total, _live):
        if done == kill_at:
            raise Killed

    chosen = load(named="micro", settings=[f"drop_path={rate}", "save_steps=3", "steps=8"])
    runtime = replace(CPU, micro_clips=micro_clips)
    pretrain(lake, "v1", chosen, out, runtime=runtime, watcher=Watcher(progress=progress))
    return [json.loads(line)["loss"] for line in (out / "steps.jsonl").read_text().splitlines()]


def test_a_killed_run_goes_on_and_passes_of_any_size_make_the_same_step(lake, tmp_path):
    whole = losses(lake, tmp_path / "whole", 2)
    with pytest.raises(Killed):
        losses(lake, tmp_path / "killed", 2, kill_at=5)
    assert losses(lake, tmp_path / "killed", 2) == whole
    assert losses(lake, tmp_path / "ones", 1) == pytest.approx(whole, abs=1e-5)
    assert losses(lake, tmp_path / "plain", 2, rate=0.0) != whole
