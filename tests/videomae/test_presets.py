from dataclasses import fields

import pytest

from h2a_curation.videomae.loop.schedule import learning_rates
from h2a_curation.videomae.presets import PRESETS, Overrides, TrainingRecipe, preset

# videomae2.md 7.1: clips of a step before views, scaled learning rate, warm-up and length in epochs, epochs between
# checkpoints, clipping.
OFFICIAL = [
    ("vit_b", 32 * 32, 4e-3, 20, 200, 20, None),
    ("vit_l", 48 * 32, 6e-3, 30, 300, 20, None),
    ("vit_h", 64 * 32, 8e-3, 30, 300, 10, None),
    ("vit_g", 64 * 32, 4.8e-3, 30, 300, 5, 0.02),
]


@pytest.mark.parametrize(("name", "clips", "rate", "warmup", "epochs", "save", "clip"), OFFICIAL)
def test_official_recipes(name, clips, rate, warmup, epochs, save, clip):
    recipe = preset(name).recipe
    rates = learning_rates(recipe, epochs * 3)
    assert (recipe.batch_clips, recipe.epochs, recipe.save_epochs, recipe.clip_grad) == (clips, epochs, save, clip)
    assert max(rates) == pytest.approx(rate)
    assert rates[warmup * 3 - 1] == max(rates) == rates[warmup * 3]
    assert (recipe.views, recipe.encoder_mask, recipe.decoder_mask, recipe.betas) == (4, 0.9, 0.5, (0.9, 0.95))
    assert recipe.recompute == (name in ("vit_h", "vit_g"))


def test_sizes_are_names_too():
    assert [preset(n).name for n in ("small", "base", "large", "huge", "giant")] == list(PRESETS)[3:]


def test_another_length_keeps_the_share_of_the_warm_up():
    rates = learning_rates(preset("vit_b").adjusted(Overrides(epochs=20)).recipe, 20 * 5)
    assert rates.argmax() == 2 * 5 - 1


def test_another_batch_scales_the_rate():
    assert max(learning_rates(preset("vit_b").adjusted(Overrides(batch_clips=256)).recipe, 200)) == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"steps": 0}, "0 steps are no run"),
        ({"batch_clips": -1}, "-1 batch clips are no run"),
        ({"steps": 1, "epochs": 1}, "not both"),
        ({"dtype": "float16"}, "no dtype 'float16'; known: float32, bfloat16"),
    ],
)
def test_what_is_no_run(asked, says):
    with pytest.raises(ValueError, match=says):
        preset("tiny").adjusted(Overrides(**asked))


def test_an_unknown_name_shows_the_known_ones():
    with pytest.raises(ValueError, match="no preset 'vit_x'; known: micro, tiny, little, vit_s"):
        preset("vit_x")


def test_every_override_is_a_field_of_the_recipe():
    assert {f.name for f in fields(Overrides)} <= {f.name for f in fields(TrainingRecipe)}
    assert all(f.default is None for f in fields(Overrides))


def test_overrides_replace_what_they_name_and_nothing_else():
    own = preset("tiny").recipe
    asked = {"batch_clips": 6, "dtype": "bfloat16", "class_balance": 0.5, "exact_resize": True, "steps": 9}
    changed = preset("tiny").adjusted(Overrides(**asked)).recipe
    for field in fields(TrainingRecipe):
        assert getattr(changed, field.name) == asked.get(field.name, getattr(own, field.name))
    assert preset("tiny").adjusted(Overrides()) == preset("tiny")
