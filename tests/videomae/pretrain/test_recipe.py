"""Recipes of pretraining: a file over a preset, settings over both, and what is refused in one line."""

from dataclasses import fields, replace

import pytest

from h2a_curation.videomae.loop.recipe_file import SHORT
from h2a_curation.videomae.presets import PRESETS, ModelConfig, Overrides, TrainingRecipe, preset
from h2a_curation.videomae.pretrain.recipe import SECTIONS, as_yaml, load


def test_every_field_of_model_and_training_has_a_section():
    names = [f.name for kind in SECTIONS.kinds.values() for f in fields(kind)]
    assert sorted(names) == sorted(f.name for kind in (ModelConfig, TrainingRecipe) for f in fields(kind))
    assert set(SHORT.values()) <= set(names)


@pytest.mark.parametrize("name", PRESETS)
def test_a_recipe_that_is_written_out_is_the_same_again(tmp_path, name):
    file = tmp_path / "recipe.yaml"
    file.write_text(as_yaml(preset(name)))
    assert load(file) == preset(name) == load(named=name)


def test_settings_go_before_options_and_those_before_the_file(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "preset: vit_b\nmodel: {depth: 6}\ndata: {batch_clips: 64, views: 2}\noptimisation: {clip_grad: 1}\n"
    )
    chosen = load(
        file, overrides=Overrides(batch_clips=32), settings=["views=3", "lr=1e-4", "optimisation.clip_grad=off"]
    )
    base = preset("vit_b")
    recipe = replace(base.recipe, batch_clips=32, views=3, learning_rate=1e-4, clip_grad=None)
    assert chosen == replace(base, model=replace(base.model, depth=6), recipe=recipe)


def test_options_alone_change_a_preset_as_they_always_did():
    overrides = Overrides(epochs=20, batch_clips=256)
    assert load(named="vit_b", overrides=overrides) == preset("vit_b").adjusted(overrides)
    assert load() == preset("tiny")


def test_asking_for_epochs_gives_up_a_fixed_length(tmp_path):
    file = tmp_path / "stored.yaml"
    file.write_text(as_yaml(preset("tiny")))
    assert load(file, settings=["epochs=40"]).recipe.steps is None
    assert load(file, overrides=Overrides(epochs=40)).recipe.steps is None
    assert load(file, settings=["epochs=40", "steps=7"]).recipe.steps == 7
    assert load(named="tiny", settings=["epochs=40"]).recipe.steps is None
    assert load(named="tiny", settings=["epochs=40", "steps=7"]).recipe.steps == 7


MISTAKES = [
    ("data: {view: 2}", ":1: unknown key 'view'; did you mean 'views'?"),
    ("preset: vit_b\nlearning_rate: 1", ":2: 'learning_rate' cannot stand in this file: it is `learning_rate` under"),
    ("lr: 1", "'lr' cannot stand in this file: it is `learning_rate` under `optimisation`"),
    ("optimization: {}", ":1: unknown key 'optimization'; did you mean 'optimisation'?"),
    ("preset: vit_x", ":1: no preset 'vit_x'; known: "),
    ("data:\n  views: 2\n  batch_clips: 0", ":3: data.batch_clips: batch_clips must be at least 1"),
    ("optimisation:\n  betas: [0.9]", ":2: optimisation.betas"),
    ("optimisation:\n  betas: [0.9, 1.5]", ":2: optimisation.betas: betas must be at least 0 and below 1, not 1.5"),
    ("optimisation: {dtype: float16}", ":1: optimisation.dtype: "),
    ("optimisation: {epochs: 5, warmup_epochs: 9}", ":1: optimisation.warmup_epochs: warmup_epochs is 9, longer than"),
    ("optimisation: {min_learning_rate: 5}", ":1: optimisation.min_learning_rate: min_learning_rate is 5, above"),
    ("model:\n  num_heads: 7", ":2: 7 heads do not divide a width of 64"),
    ("model: {image_px: 65}", ":1: model.image_px: frames of 65 x 65 px do not divide"),
    ("model: {num_frames: 3}", ":1: model.num_frames: 3 frames do not divide into pairs"),
    ("model: {decoder_depth: 0}", ":1: a model is pretrained with a decoder"),
    ("masking: {encoder_mask: 0.001}", ":1: an encoder mask of 0.001 hides 0 of the 64 patches"),
    ("masking: {decoder_mask: 0.1}", ":1: a decoder mask of 0.1 masks no place"),
    ("saving: {changeable: [views]}", ":1: changeable names 'views'; what a run may change is"),
    ("data: 3", ":1: data must be a mapping"),
    ("[]", ": a recipe is a mapping"),
    ("data: {views: 2, views: 3}", ":1: 'views' stands twice here"),
    ("data: {", "not valid YAML"),
]


@pytest.mark.parametrize(("text", "says"), MISTAKES)
def test_a_mistake_is_one_line_with_file_and_line(tmp_path, text, says):
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"mine\.yaml") as refused:
        load(file)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_does_not_go_together_is_told_where_the_user_wrote_it(tmp_path):
    with pytest.raises(ValueError, match=r"^--set model\.image_px=72: .* even grid of patches, not 9 x 9"):
        load(named="tiny", settings=["model.image_px=72"])
    file = tmp_path / "mine.yaml"
    file.write_text("preset: vit_b")
    with pytest.raises(ValueError, match=r"mine\.yaml:1: the preset is vit_b here, and --preset vit_l: give one"):
        load(file, named="vit_l")
