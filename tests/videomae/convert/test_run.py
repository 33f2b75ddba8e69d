import json
import shutil
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from h2a_curation.videomae.convert.run import convert
from h2a_curation.videomae.loop import checkpoint
from h2a_curation.videomae.model.autoencoder import MaskedAutoencoder
from h2a_curation.videomae.presets import PRESETS, ModelConfig

GOLDEN = Path(__file__).parents[4] / "shared" / "golden"
CONFIG = ModelConfig(
    image_px=32,
    patch_px=8,
    num_frames=4,
    width=48,
    depth=2,
    num_heads=3,
    mlp_ratio=4.25,
    decoder_width=32,
    decoder_depth=1,
    decoder_num_heads=2,
)
TOLD = {"num_heads": 3, "decoder_num_heads": 2, "image_px": 32, "num_frames": 4}


def weights(config=CONFIG):
    torch.manual_seed(3)
    return {key: torch.randn_like(value) for key, value in MaskedAutoencoder(config).state_dict().items()}


def saved(folder, tensors, name="checkpoint-19.pth", **besides):
    path = folder / name
    torch.save({"model": tensors, **besides}, path)
    return path


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def written(path):
    return checkpoint.weights(checkpoint.load(path))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_to_hugging_face_and_back_is_the_same_bit_for_bit(tmp_path, dtype):
    tensors = {key: value.to(dtype) for key, value in weights().items()}
    convert(saved(tmp_path, tensors), tmp_path / "hf", asked=TOLD)
    back = convert(tmp_path / "hf", tmp_path / "back.pth")
    assert same(written(tmp_path / "back.pth"), tensors)
    assert back.config == CONFIG
    again = convert(tmp_path / "back.pth", tmp_path / "again")
    assert (again.kind, again.config) == ("VideoMAEForPreTraining", CONFIG)
    assert same(load_file(tmp_path / "again" / "model.safetensors"), load_file(tmp_path / "hf" / "model.safetensors"))


def test_hugging_face_gets_its_names_and_its_configuration(tmp_path):
    tensors = weights()
    convert(saved(tmp_path, tensors), tmp_path / "hf", asked=TOLD)
    theirs = load_file(tmp_path / "hf" / "model.safetensors")
    block = "videomae.encoder.layer.1.attention.attention"
    assert torch.equal(theirs[f"{block}.key.weight"], tensors["encoder.blocks.1.attn.qkv.weight"][48:96])
    assert torch.equal(theirs[f"{block}.q_bias"], tensors["encoder.blocks.1.attn.q_bias"])
    assert "decoder.decoder_layers.0.attention.output.dense.weight" in theirs
    config = json.loads((tmp_path / "hf" / "config.json").read_text())
    assert (config["intermediate_size"], config["decoder_intermediate_size"]) == (204, 136)
    assert (config["layer_norm_eps"], config["use_mean_pooling"]) == (1e-6, False)


@pytest.mark.parametrize("bias", ["query.bias", "q_bias"])
def test_both_ways_of_naming_biases_are_read(tmp_path, bias):
    tensors = weights()
    convert(saved(tmp_path, tensors), tmp_path / "hf", asked=TOLD)
    file = tmp_path / "hf" / "model.safetensors"
    save_file({key.replace("q_bias", bias): value for key, value in load_file(file).items()}, file)
    convert(tmp_path / "hf", tmp_path / "back.pth")
    assert same(written(tmp_path / "back.pth"), tensors)


@pytest.mark.parametrize("shards", [1, 2])
def test_hugging_face_files_of_every_kind_are_read(tmp_path, shards):
    tensors = weights()
    convert(saved(tmp_path, tensors), tmp_path / "hf", asked=TOLD)
    file = tmp_path / "hf" / "model.safetensors"
    theirs = load_file(file)
    file.unlink()
    if shards == 1:
        torch.save(theirs, tmp_path / "hf" / "pytorch_model.bin")
    else:
        index = {key: f"part-{i % 2}.safetensors" for i, key in enumerate(theirs)}
        for part in set(index.values()):
            save_file({key: theirs[key] for key in theirs if index[key] == part}, tmp_path / "hf" / part)
        (tmp_path / "hf" / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    convert(tmp_path / "hf", tmp_path / "back.pth")
    assert same(written(tmp_path / "back.pth"), tensors)


@pytest.mark.parametrize(
    ("wrap", "prefix"), [("model", "_orig_mod."), ("module", ""), ("model", "module."), ("module", "module._orig_mod.")]
)
def test_wrappers_are_taken_off(tmp_path, wrap, prefix):
    tensors = weights()
    torch.save({wrap: {prefix + key: value for key, value in tensors.items()}, "epoch": 3}, tmp_path / "in.pth")
    done = convert(tmp_path / "in.pth", tmp_path / "out.pth", asked=TOLD)
    assert same(written(tmp_path / "out.pth"), tensors)
    assert done.left_out == ["epoch"]


def classifier(tensors, norm):
    encoder = {k.removeprefix("encoder."): v for k, v in tensors.items() if k.startswith("encoder.")}
    if norm == "fc_norm":
        encoder = {k.replace("norm.", "fc_norm.") if k.startswith("norm.") else k: v for k, v in encoder.items()}
    return {**encoder, "head.weight": torch.randn(5, 48), "head.bias": torch.randn(5)}


@pytest.mark.parametrize(("norm", "pooled"), [("fc_norm", True), ("norm", False)])
def test_a_fine_tuned_classifier_goes_both_ways(tmp_path, norm, pooled):
    tensors = classifier(weights(), norm)
    torch.save({"module": tensors}, tmp_path / "in.pth")
    done = convert(tmp_path / "in.pth", tmp_path / "hf", asked=TOLD)
    config = json.loads((tmp_path / "hf" / "config.json").read_text())
    assert (done.kind, config["num_labels"], config["use_mean_pooling"]) == (
        "VideoMAEForVideoClassification",
        5,
        pooled,
    )
    assert "classifier.weight" in load_file(tmp_path / "hf" / "model.safetensors")
    convert(tmp_path / "hf", tmp_path / "back.pth")
    assert same(written(tmp_path / "back.pth"), tensors)


def test_the_encoder_alone_has_the_names_of_fine_tuning(tmp_path):
    tensors = weights()
    path = saved(tmp_path, tensors, optimizer={})
    done = convert(path, tmp_path / "encoder.pth", encoder_only=True, asked=TOLD)
    wanted = {k.removeprefix("encoder."): v for k, v in tensors.items() if k.startswith("encoder.")}
    assert same(written(tmp_path / "encoder.pth"), wanted)
    assert done.left_out == ["optimizer", "decoder", "encoder_to_decoder", "mask_token"]
    convert(tmp_path / "encoder.pth", tmp_path / "hf")
    assert "embeddings.patch_embeddings.projection.bias" in load_file(tmp_path / "hf" / "model.safetensors")
    convert(tmp_path / "hf", tmp_path / "back.pth")
    assert same(written(tmp_path / "back.pth"), wanted)


@pytest.mark.skipif(not GOLDEN.exists(), reason="../shared/golden is not here")
def test_the_encoder_holds_what_the_official_loader_copies(tmp_path):
    mapping = json.loads((GOLDEN / "load_mapping.json").read_text())
    tensors = {key: torch.zeros(shape) for key, shape in mapping["pretrain_keys"]}
    convert(saved(tmp_path, tensors), tmp_path / "encoder.pth", encoder_only=True, asked=TOLD)
    norm = {"norm.weight", "norm.bias"}  # used by --use_cls only
    assert written(tmp_path / "encoder.pth").keys() - norm == set(mapping["copied_into_finetune"])


@pytest.mark.skipif(not GOLDEN.exists(), reason="../shared/golden is not here")
@pytest.mark.parametrize("name", ["checkpoint-2.pth", "checkpoint-compiled.pth", "checkpoint-module.pth"])
def test_official_files_go_to_hugging_face_and_back(tmp_path, name):
    tensors = checkpoint.weights(checkpoint.load(GOLDEN / name))
    convert(GOLDEN / name, tmp_path / "hf", asked=TOLD)
    convert(tmp_path / "hf", tmp_path / "back.pth")
    assert same(written(tmp_path / "back.pth"), tensors)


@pytest.mark.parametrize("name", [name for name in PRESETS if name.startswith("vit")])
@pytest.mark.parametrize("depth", [4, 8])
def test_official_sizes_are_known_by_their_weights(name, depth):
    from h2a_curation.videomae.convert.shape import shape_of

    config = replace(PRESETS[name].model, decoder_depth=depth)
    with torch.device("meta"):
        tensors = MaskedAutoencoder(config).state_dict()
    assert shape_of(tensors, {}, {}) == (config, [])


@pytest.mark.parametrize("ratio", [48 / 11, 2.7, 1 / 3])
def test_any_mlp_ratio_gives_the_same_hidden_widths(tmp_path, ratio):
    tensors = weights(replace(CONFIG, mlp_ratio=ratio))
    convert(saved(tmp_path, tensors), tmp_path / "hf", asked=TOLD)
    found = convert(tmp_path / "hf", tmp_path / "back.pth").config.mlp_ratio
    assert [int(width * found) for width in (48, 32)] == [int(width * ratio) for width in (48, 32)]
    assert same(written(tmp_path / "back.pth"), tensors)


def test_what_is_said_goes_before_what_a_preset_would_be():
    from h2a_curation.videomae.convert.shape import said_by_arguments, shape_of

    with torch.device("meta"):
        tensors = MaskedAutoencoder(PRESETS["vit_s"].model).state_dict()
    said = said_by_arguments(Namespace(model="pretrain_videomae_small_patch16_224", num_frames=32))
    found, _ = shape_of(tensors, said, {"num_heads": 16})
    assert (found.num_frames, found.num_heads, found.image_px) == (32, 16, 224)


def refused(tmp_path, tensors=None, target="hf", asked=TOLD, **besides):
    with pytest.raises(ValueError, match="checkpoint-19") as mistake:
        convert(saved(tmp_path, tensors or weights(), **besides), tmp_path / target, asked=asked)
    assert "\n" not in str(mistake.value)
    assert not (tmp_path / target).exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoint-19.pth"]
    return str(mistake.value)


@pytest.mark.parametrize(
    ("change", "word"),
    [({"layer_scale": 0.1}, "layer scale"), ({"cosine_attention": True}, "cosine attention")],
)
def test_what_hugging_face_cannot_hold_is_refused(tmp_path, change, word):
    assert word in refused(tmp_path, weights(replace(CONFIG, **change)))


def test_weights_of_no_preset_need_their_heads_said(tmp_path):
    assert "--set num_heads=... --set decoder_num_heads=..." in refused(tmp_path, asked={})
    assert "5 heads do not divide" in refused(tmp_path, asked={**TOLD, "num_heads": 5})


def test_the_official_layout_does_without_heads(tmp_path):
    tensors = weights()
    done = convert(saved(tmp_path, tensors), tmp_path / "out.pth")
    assert done.untold == ["num_heads", "decoder_num_heads", "image_px", "num_frames"]
    assert checkpoint.load(tmp_path / "out.pth").keys() == {"model"}
    assert same(written(tmp_path / "out.pth"), tensors)


def test_a_decoder_of_another_mlp_ratio_is_refused(tmp_path):
    wide = weights(replace(CONFIG, mlp_ratio=8))
    mixed = {key: wide[key] if key.startswith("decoder.") else value for key, value in weights().items()}
    assert "one mlp ratio" in refused(tmp_path, mixed)


def test_weights_of_something_else_are_refused(tmp_path):
    tensors = weights()
    assert "no VideoMAE V2 has pos_embed" in refused(tmp_path, {**tensors, "pos_embed": torch.ones(1)})
    assert "lack encoder.norm.bias" in refused(tmp_path, {k: v for k, v in tensors.items() if k != "encoder.norm.bias"})
    assert "another size of decoder.norm.bias" in refused(tmp_path, {**tensors, "decoder.norm.bias": torch.ones(3)})
    assert "conv1.weight" in refused(tmp_path, {"conv1.weight": torch.ones(3)})


@pytest.mark.parametrize("damage", ["cut", "empty", "missing", "text", "config"])
def test_damaged_files_are_refused_in_a_line(tmp_path, damage):
    convert(saved(tmp_path, weights()), tmp_path / "hf", asked=TOLD)
    file = tmp_path / "hf" / "model.safetensors"
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-9])
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "missing":
        file.unlink()
    elif damage == "text":
        file.write_text("not weights")
    else:
        (tmp_path / "hf" / "config.json").write_text("{")
    with pytest.raises(ValueError, match="hf"):
        convert(tmp_path / "hf", tmp_path / "back.pth")
    assert not (tmp_path / "back.pth").exists()


def test_a_config_of_another_model_is_refused(tmp_path):
    convert(saved(tmp_path, weights()), tmp_path / "hf", asked=TOLD)
    config = tmp_path / "hf" / "config.json"
    for field, value in (("tubelet_size", 1), ("num_channels", 1), ("hidden_act", "relu"), ("image_size", "wide")):
        text = config.read_text()
        config.write_text(json.dumps({**json.loads(text), field: value}))
        with pytest.raises(ValueError, match=field):
            convert(tmp_path / "hf", tmp_path / "back.pth")
        config.write_text(text)


def test_a_target_that_is_there_is_kept(tmp_path):
    path = saved(tmp_path, weights())
    before = path.read_bytes()
    with pytest.raises(ValueError, match="already there"):
        convert(path, path, asked=TOLD)
    shutil.copy(path, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="already there"):
        convert(path, tmp_path / "other.pth", asked=TOLD)
    assert path.read_bytes() == before
