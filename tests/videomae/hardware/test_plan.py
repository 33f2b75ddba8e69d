import pytest

from h2a_curation.videomae.hardware.plan import DEVICES, plan
from h2a_curation.videomae.presets import preset


def test_the_paper_recipe_of_giant():
    made = plan(preset("vit_g"), DEVICES["h100"], 64, price_per_hour=2.0)
    assert made.num_steps == 300 * (283_582 // 2048)
    assert made.checkpoint_bytes / 1e9 == pytest.approx(12.3, abs=0.05)  # as the released checkpoint-298.pth
    assert made.cost == pytest.approx(2 * 64 * made.hours)
    assert made.step_s == pytest.approx(made.step_tflops / (64 * 989 * 0.45))
    assert (made.chosen.parallel, made.chosen.recompute, made.num_micro_steps) == ("ddp", True, 1)


def test_twice_the_devices_take_half_the_time_and_the_same_steps():
    one, two = (plan(preset("vit_b"), DEVICES["a100"], n) for n in (8, 16))
    assert one.num_steps == two.num_steps
    assert one.hours == pytest.approx(2 * two.hours)
    assert one.device_hours == pytest.approx(two.device_hours)


@pytest.mark.parametrize("gpus", [1, 8, 64])
def test_a_chosen_layout_fits_and_makes_up_the_batch(gpus):
    for name in ("vit_s", "vit_b", "vit_l", "vit_h", "vit_g"):
        chosen = preset(name)
        for device in DEVICES.values():
            made = plan(chosen, device, gpus)
            if made.chosen is not None:
                assert made.chosen.bytes <= made.usable_bytes
                assert made.chosen.micro_clips * made.num_micro_steps * gpus == chosen.recipe.batch_clips
            for layout in made.layouts:
                assert layout.micro_clips or layout.bytes > made.usable_bytes


def test_giant_fits_no_small_device_whole():
    tiny = DEVICES["a10"].__class__(memory_gib=12, bfloat16_tflops=1, float32_tflops=1)
    assert plan(preset("vit_g"), tiny, 1).chosen is None
    assert plan(preset("vit_g"), tiny, 64).chosen.parallel == "fsdp"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [({"num_devices": 60}, "60 devices"), ({"num_devices": 0}, "devices must be"), ({"mfu": 1.5}, "MFU must be")],
)
def test_what_makes_no_run_is_refused(arguments, word):
    with pytest.raises(ValueError, match=word):
        plan(preset("vit_g"), DEVICES["h100"], **{"num_devices": 64, **arguments})


def test_a_step_takes_as_long_as_its_loaders_where_cores_are_few():
    free, few = (plan(preset("vit_b"), DEVICES["h200"], 8, cores=cores) for cores in (None, 4))
    assert free.step_s == free.device_s
    assert free.loading_s is None
    assert few.step_s == few.loading_s > few.device_s == free.device_s
    assert few.hours == pytest.approx(free.hours * few.loading_s / few.device_s)
    enough = plan(preset("vit_b"), DEVICES["h200"], 8, cores=free.needed_cores)
    assert enough.step_s == enough.device_s >= enough.loading_s
    assert plan(preset("vit_b"), DEVICES["h200"], 8, cores=free.needed_cores - 1).step_s > free.device_s
