import pytest

from h2a_curation.videomae.finetune.on_paper import planned
from h2a_curation.videomae.hardware.memory import num_parameters
from h2a_curation.videomae.hardware.plan import DEVICES, plan
from h2a_curation.videomae.model.classifier import Classifier


def test_the_official_recipe_of_the_base_model():
    chosen, work = planned("k400", "vit_b", None, ())
    made = plan(work, DEVICES["h100"], 8, num_clips=240_436)
    assert chosen.name == "vit_b_k400"
    assert made.num_steps == 90 * (240_436 // 512)
    assert made.step_s == pytest.approx(made.step_tflops / (8 * 989 * 0.45))
    assert made.chosen.micro_clips % 2 == 0


@pytest.mark.parametrize("size", ["vit_b", "vit_g"])
def test_the_count_of_weights_is_that_of_the_model(size):
    import torch

    _, work = planned("k400", size, None, ())
    with torch.device("meta"):
        model = Classifier(work.model, 400)
    assert num_parameters(work.model) == pytest.approx(sum(p.numel() for p in model.parameters()), rel=0.005)


def test_a_clip_costs_more_than_in_pretraining_and_recomputation_less():
    _, work = planned("k400", "vit_l", None, ("recompute=true",))
    made = plan(work, DEVICES["a100"], 16)
    assert made.chosen.recompute
    bytes_of = {layout.recompute: layout.clip_bytes for layout in made.layouts}
    assert bytes_of[True] < bytes_of[False] / 2


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (("k500", "vit_b"), "--finetune k500: a plan is for one of k400"),
        (("k400", "any"), "preset any is for models of any size"),
        (("k400", "vit_x"), "no preset 'vit_x' for fine-tuning"),
    ],
)
def test_what_cannot_be_planned_is_said(asked, says):
    with pytest.raises(ValueError, match=says):
        planned(*asked, None, ())


def test_partners_need_an_even_share():
    _, work = planned("k400", "vit_g", None, ("views=1", "batch_clips=192"))
    with pytest.raises(ValueError, match="3 clips a step on each of 64 devices cannot be taken 2 together"):
        plan(work, DEVICES["h100"], 64)
    for settings in (("views=1", "batch_clips=192", "mixup=0", "cutmix=0"), ("views=2", "batch_clips=192")):
        _, alone = planned("k400", "vit_g", None, settings)
        assert plan(alone, DEVICES["h100"], 64).chosen.micro_clips == 3


@pytest.mark.parametrize(
    ("named", "num_devices"), [("vit_b_ucf101", 8), ("vit_b_hmdb51", 8), ("vit_g_k400", 64), ("vit_b_ssv2", 32)]
)
def test_official_batches_are_planned_on_official_devices(named, num_devices):
    _, work = planned(named.split("_")[-1], named, None, ())
    assert plan(work, DEVICES["h100"], num_devices).chosen is not None
