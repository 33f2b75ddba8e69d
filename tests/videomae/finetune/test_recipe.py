from dataclasses import fields, replace

import pytest

from h2a_curation.videomae.finetune.presets import FINETUNING, finetuning_preset, preset_for
from h2a_curation.videomae.finetune.recipe import SECTIONS, as_yaml, load
from h2a_curation.videomae.presets import PRESETS, preset
from h2a_curation.videomae.rules import FinetuningRecipe

VIT_B = preset("vit_b").model


def loaded(*args, **asked):
    return load(lambda _facts: finetuning_preset("vit_b_k400"), *args, **asked)


def test_each_field_of_a_recipe_stands_in_one_section():
    names = [f.name for name, kind in SECTIONS.kinds.items() if name != "model" for f in fields(kind)]
    assert sorted(names) == sorted({f.name for f in fields(FinetuningRecipe)})


@pytest.mark.parametrize("name", FINETUNING)
def test_a_recipe_that_is_written_out_is_the_same_again(tmp_path, name):
    chosen = replace(finetuning_preset(name))
    (tmp_path / "mine.yaml").write_text(as_yaml(chosen))
    assert loaded(tmp_path / "mine.yaml") == chosen


@pytest.mark.parametrize(
    ("task", "size", "name"),
    [
        ("k400", "vit_b", "vit_b_k400"),
        ("ssv2", "vit_g", "vit_g_ssv2"),
        ("hmdb51", "vit_l", "vit_l_hmdb51"),
        ("ucf101", "vit_s", "vit_s_ucf101"),
        ("my.csv", "vit_h", "vit_h_k400"),
        ("k400", "tiny", "any"),
    ],
)
def test_the_preset_is_that_of_size_and_task(task, size, name):
    assert preset_for(task, PRESETS[size].model).name == name


def test_what_no_official_script_has_says_so():
    assert finetuning_preset("vit_b_k400").note == ""
    borrowed = finetuning_preset("vit_b_hmdb51")
    assert borrowed.note.startswith("no official script fine-tunes vit_b on hmdb51")
    assert (borrowed.recipe.stride, borrowed.recipe.layer_decay, borrowed.recipe.head_dropout) == (2, 0.75, 0.5)


def test_order_matters_in_something_something():
    assert all(not one.recipe.flip and one.recipe.sparse for name, one in FINETUNING.items() if name.endswith("ssv2"))
    assert FINETUNING["vit_b_k400"].recipe.flip


def test_settings_go_over_a_file_and_a_file_over_a_preset(tmp_path):
    (tmp_path / "mine.yaml").write_text("preset: vit_b_ssv2\noptimisation: {epochs: 7, learning_rate: 0.5}\n")
    chosen = loaded(tmp_path / "mine.yaml", settings=["lr=0.25", "model.num_heads=3"])
    assert (chosen.recipe.epochs, chosen.recipe.learning_rate, chosen.recipe.sparse) == (7, 0.25, True)
    assert chosen.model.num_heads == 3
    with pytest.raises(ValueError, match=r"mine\.yaml:1: the preset is vit_b_ssv2 here, and --preset vit_b_k400"):
        loaded(tmp_path / "mine.yaml", named="vit_b_k400")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("mixing: {mixup: -1}", ":1: mixing.mixup: mixup must be at least 0"),
        ("data:\n  exact_resize: true", ":2: unknown key 'exact_resize'"),
        ("masking: {}", ":1: unknown key 'masking'"),
        ("layer_decay: 0.5", "it is `layer_decay` under `classifier`"),
        ("augmentation: {crop_area: [0.5, 0.1]}", ":1: augmentation.crop_area: crop_area is 0.5 to 0.1"),
        ("data: {batch_clips: 5, views: 1}", "5 clips with 1 views each are odd"),
        ("preset: vit_b", ":1: no preset 'vit_b' for fine-tuning"),
    ],
)
def test_a_mistake_is_one_line_with_file_and_line(tmp_path, text, says):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"mine\.yaml") as refused:
        loaded(tmp_path / "mine.yaml")
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
