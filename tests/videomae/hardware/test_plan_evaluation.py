from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from h2a_curation.videomae.hardware.flops import classifier_flops
from h2a_curation.videomae.hardware.memory import classifier_bytes
from h2a_curation.videomae.hardware.plan import DEVICES
from h2a_curation.videomae.hardware.plan_evaluation import TESTS, plan_evaluation
from h2a_curation.videomae.model.classifier import Classifier
from h2a_curation.videomae.presets import ModelConfig, preset

CONFIG = ModelConfig(
    image_px=64, num_frames=8, width=128, depth=3, num_heads=4,
    decoder_width=0, decoder_depth=0, decoder_num_heads=0,
)  # fmt: skip
LARGE = {"device": DEVICES["h100"], "num_devices": 8}


def test_operations_are_those_that_torch_counts():
    model = Classifier(CONFIG, 7)
    video = torch.zeros(2, *(CONFIG.num_frames, *CONFIG.frame_px, 3), dtype=torch.uint8)
    with FlopCounterMode(display=False) as counted, torch.no_grad():
        model(video)
    # torch does not count fused attention on a CPU: 4n^2d a block
    attention = 2 * CONFIG.depth * 4 * CONFIG.num_tokens**2 * CONFIG.width
    told = counted.get_total_flops()
    assert classifier_flops(CONFIG, 2, 7) in (told, told + attention)


@pytest.mark.parametrize("name", ["vit_b", "vit_g"])
def test_weights_are_those_of_the_model(name):
    with torch.device("meta"):
        model = Classifier(preset(name).model, 400)
    assert classifier_bytes(preset(name).model, 400) == 4 * sum(p.numel() for p in model.parameters())


def test_the_paper_table_takes_hours_not_days():
    giant = {task: plan_evaluation(preset("vit_g"), test, **LARGE, dtype="bfloat16") for task, test in TESTS.items()}
    assert giant["k400"].num_views == 15
    assert giant["ssv2"].num_views == 6
    assert giant["ucf101"].num_videos == 3_783 + 3_734 + 3_696
    assert 0.1 < giant["k400"].hours < 24
    assert giant["k400"].views_at_once == 15


def test_twice_the_devices_take_half_the_time_and_few_cores_are_the_limit():
    one, two = (plan_evaluation(preset("vit_b"), TESTS["k400"], DEVICES["a100"], n) for n in (4, 8))
    assert one.hours == pytest.approx(2 * two.hours, rel=1e-3)
    assert one.device_hours == pytest.approx(two.device_hours, rel=1e-3)
    enough = plan_evaluation(preset("vit_b"), TESTS["k400"], **LARGE, cores=two.needed_cores * 8)
    few = plan_evaluation(preset("vit_b"), TESTS["k400"], **LARGE, dtype="bfloat16", cores=1)
    assert enough.hours == enough.device_s / 3600
    assert few.hours == few.decoding_s / 3600 > few.device_s / 3600


def test_a_small_device_takes_fewer_views_at_a_time():
    small = replace(DEVICES["a10"], memory_gib=6)
    made = plan_evaluation(preset("vit_g"), TESTS["k400"], small, 1)
    assert 0 < made.views_at_once < 15
    assert plan_evaluation(preset("vit_g"), TESTS["k400"], replace(small, memory_gib=3), 1).views_at_once == 0


@pytest.mark.parametrize(
    ("asked", "says"),
    [({"num_videos": 0}, "number of videos must be at least 1"), ({"mfu": 0}, "MFU must be"), ({"cores": 0}, "cores")],
)
def test_what_is_no_evaluation_is_refused(asked, says):
    with pytest.raises(ValueError, match=says):
        plan_evaluation(preset("vit_b"), TESTS["k400"], **LARGE, **asked)
