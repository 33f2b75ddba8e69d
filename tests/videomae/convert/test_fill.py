"""A classifier from weights of every layout, and what is said of weights that do not fit."""

import json
from argparse import Namespace

import pytest
import torch
from safetensors.torch import save_file

from h2a_curation.videomae.convert import files
from h2a_curation.videomae.convert.fill import classifier_from, encoder_from, fill, hash_of_weights
from h2a_curation.videomae.convert.run import convert
from h2a_curation.videomae.model.autoencoder import MaskedAutoencoder
from h2a_curation.videomae.model.classifier import Classifier
from h2a_curation.videomae.presets import ModelConfig

CONFIG = ModelConfig(
    image_px=32,
    patch_px=8,
    num_frames=4,
    width=48,
    depth=2,
    num_heads=3,
    decoder_width=0,
    decoder_depth=0,
    decoder_num_heads=0,
)
PRETRAINED = ModelConfig(
    image_px=32,
    patch_px=8,
    num_frames=4,
    width=48,
    depth=2,
    num_heads=3,
    decoder_width=24,
    decoder_depth=1,
    decoder_num_heads=3,
)
TOLD = {"num_heads": 3, "image_px": 32, "num_frames": 4}


def seeded(model):
    torch.manual_seed(5)
    model.load_state_dict({key: torch.randn_like(value) * 0.3 for key, value in model.state_dict().items()})
    return model.requires_grad_(False)


def clips(config=CONFIG):
    generator = torch.Generator().manual_seed(1)
    shape = (2, config.num_frames, *config.frame_px, 3)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def deepspeed(folder, state):
    (folder / "checkpoint-19").mkdir(parents=True)
    besides = {"ds_config": {"train_batch_size": 8}, "optimizer": None, "args": Namespace(model="vit_tiny")}
    besides |= {"sparse_tensor_module_names": set(), "lr_scheduler": None, "global_steps": 7, "ds_version": "0.5.8"}
    torch.save({"module": state, **besides}, folder / "checkpoint-19" / "mp_rank_00_model_states.pt")
    (folder / "latest").write_text("checkpoint-19")
    return folder


def hugging_face(folder, state):
    torch.save({"model": state}, folder.with_suffix(".pth"))
    convert(folder.with_suffix(".pth"), folder, asked=TOLD)
    return folder


def wrapped(prefix, key="model"):
    def save(path, state):
        torch.save({key: {f"{prefix}{name}": value for name, value in state.items()}}, path)
        return path

    return save


def backbone(path, state):
    names = {name: name if name.startswith("head") else f"backbone.{name}" for name in state}
    torch.save({"state_dict": {names[name]: value for name, value in state.items()}}, path)
    return path


def bare_safetensors(path, state):
    save_file(state, path.with_suffix(".safetensors"))
    return path.with_suffix(".safetensors")


@pytest.mark.parametrize("mean_pooling", [True, False])
@pytest.mark.parametrize(
    "save",
    [
        wrapped(""),
        wrapped("_orig_mod."),
        wrapped("module."),
        wrapped("", "module"),
        wrapped("encoder."),
        backbone,
        deepspeed,
        hugging_face,
        bare_safetensors,
    ],
)
def test_the_same_logits_from_every_layout(tmp_path, save, mean_pooling):
    model = seeded(Classifier(CONFIG, 5, mean_pooling=mean_pooling))
    read, fitting, _ = classifier_from(save(tmp_path / "weights", model.state_dict()), TOLD)
    assert torch.equal(read(clips()), model(clips()))
    assert fitting.fitted == list(model.state_dict())
    assert (fitting.fresh, fitting.unused, fitting.resized) == ([], [], [])


def test_a_model_of_wide_frames_goes_to_hugging_face_and_back(tmp_path):
    wide = {**TOLD, "image_width_px": 48}
    model = seeded(Classifier(ModelConfig(**{**vars_of(CONFIG), "image_width_px": 48}), 5))
    torch.save({"model": model.state_dict()}, tmp_path / "in.pth")
    convert(tmp_path / "in.pth", tmp_path / "hf", asked=wide)
    read, _, _ = classifier_from(tmp_path / "hf")
    assert read.config.frame_px == (32, 48)
    assert torch.equal(read(clips(read.config)), model(clips(read.config)))


def vars_of(config):
    return {name: getattr(config, name) for name in config.__dataclass_fields__}


def test_weights_of_a_pretraining_run_fill_a_classifier_but_for_its_head(tmp_path):
    whole = seeded(MaskedAutoencoder(PRETRAINED))
    torch.save({"model": whole.state_dict()}, tmp_path / "in.pth")
    read, fitting, _ = classifier_from(tmp_path / "in.pth", TOLD, num_classes=7)
    assert torch.equal(
        read.state_dict()["blocks.1.attn.qkv.weight"], whole.state_dict()["encoder.blocks.1.attn.qkv.weight"]
    )
    assert fitting.fresh == ["fc_norm.weight", "fc_norm.bias", "head.weight", "head.bias"]
    assert {name.split(".")[0] for name in fitting.unused} == {
        "mask_token", "encoder", "decoder", "encoder_to_decoder",
    }  # fmt: skip
    assert "4 left fresh (fc_norm, head)" in str(fitting)


def test_a_pretraining_model_takes_a_classifiers_encoder(tmp_path):
    model = seeded(Classifier(CONFIG, 5))
    torch.save({"model": model.state_dict()}, tmp_path / "in.pth")
    whole = MaskedAutoencoder(PRETRAINED)
    fitting = fill(whole, files.read(tmp_path / "in.pth"))
    assert torch.equal(whole.state_dict()["encoder.blocks.0.mlp.fc1.bias"], model.state_dict()["blocks.0.mlp.fc1.bias"])
    assert set(fitting.unused) == {"fc_norm.weight", "fc_norm.bias", "head.weight", "head.bias"}


def test_a_head_for_other_classes_is_left_fresh_and_other_sizes_are_refused(tmp_path):
    state = seeded(Classifier(CONFIG, 5)).state_dict()
    torch.save({"model": state}, tmp_path / "in.pth")
    _, fitting, _ = classifier_from(tmp_path / "in.pth", TOLD, num_classes=6)
    assert fitting.fresh == ["head.weight", "head.bias"]
    torch.save({"model": {**state, "fc_norm.weight": torch.zeros(9)}}, tmp_path / "in.pth")
    with pytest.raises(ValueError, match=r"fc_norm.weight has size \(9,\)"):
        classifier_from(tmp_path / "in.pth", TOLD)


def test_learnt_positions_of_another_grid_are_resized_slice_by_slice(tmp_path):
    state = seeded(Classifier(CONFIG, 5)).state_dict()
    table = torch.arange(2.0).repeat_interleave(9).view(1, 18, 1).expand(1, 18, 48)
    torch.save({"model": {**state, "pos_embed": table.clone()}}, tmp_path / "in.pth")
    read, fitting, _ = classifier_from(tmp_path / "in.pth", TOLD)
    assert torch.allclose(read.positions, torch.arange(2.0).repeat_interleave(16)[:, None].expand(32, 48))
    assert fitting.resized == ["learnt positions, resized from 18 to 32 tokens"]
    assert fitting.unused == []


@pytest.mark.parametrize(
    ("state", "asked", "says"),
    [
        (seeded(MaskedAutoencoder(PRETRAINED)).state_dict(), TOLD, "holds no classifier"),
        (seeded(Classifier(CONFIG, 5)).state_dict(), {}, "--set num_heads"),
        (seeded(Classifier(CONFIG, 5)).state_dict(), {**TOLD, "num_heads": 5}, "5 heads do not divide"),
        ({"layer.weight": torch.zeros(3)}, TOLD, "no VideoMAE"),
    ],
)
def test_what_is_no_classifier_is_one_line(tmp_path, state, asked, says):
    torch.save({"model": state}, tmp_path / "in.pth")
    with pytest.raises(ValueError, match=says) as refused:
        classifier_from(tmp_path / "in.pth", asked)
    assert "\n" not in str(refused.value)


def test_weights_that_deepspeed_divided_are_refused(tmp_path):
    (tmp_path / "zero_pp_rank_0_mp_rank_00_model_states.pt").write_bytes(b"")
    with pytest.raises(ValueError, match="zero_to_fp32"):
        classifier_from(tmp_path)


def test_classes_that_hugging_face_names_are_told(tmp_path):
    hugging_face(tmp_path / "hf", seeded(Classifier(CONFIG, 2)).state_dict())
    config = tmp_path / "hf" / "config.json"
    assert files.read(tmp_path / "hf").class_names == []
    config.write_text(config.read_text().replace('"num_labels": 2', '"id2label": {"0": "run", "1": "jump"}'))
    assert files.read(tmp_path / "hf").class_names == ["run", "jump"]


def test_norms_are_as_hugging_face_has_them_where_its_own_folder_is_read(tmp_path):
    hugging_face(tmp_path / "hf", seeded(Classifier(CONFIG, 2)).state_dict())
    ours, _, _ = classifier_from(tmp_path / "hf")
    assert {m.eps for m in ours.modules() if isinstance(m, torch.nn.LayerNorm)} == {1e-6}
    config = tmp_path / "hf" / "config.json"
    told = json.loads(config.read_text())
    del told["fc_norm_eps"], told["layer_norm_eps"]
    config.write_text(json.dumps(told))
    theirs, _, _ = classifier_from(tmp_path / "hf")
    assert theirs.get_submodule("fc_norm").eps == 1e-5
    assert theirs.get_submodule("blocks.0.norm1").eps == 1e-12


def features_of(path, state):
    torch.save({"model": state}, path)
    return encoder_from(path, TOLD)[0]


def test_features_are_what_a_head_would_see_with_and_without_one(tmp_path):
    for pools, kind in ((True, "fc_norm"), (False, "norm")):
        model = seeded(Classifier(CONFIG, 6, mean_pooling=pools))
        state = model.state_dict()
        whole = features_of(tmp_path / "a.pth", state)
        assert torch.equal(whole.features(clips()), model.features(clips())), kind
        other_head = features_of(tmp_path / "b.pth", {**state, "head.bias": state["head.bias"] + 1})
        assert hash_of_weights(whole) == hash_of_weights(other_head)
        norm = {f"{kind}.bias": state[f"{kind}.bias"] + 1}
        assert hash_of_weights(whole) != hash_of_weights(features_of(tmp_path / "c.pth", {**state, **norm}))
    headless = {name: weight for name, weight in state.items() if not name.startswith("head")}
    mean = features_of(tmp_path / "d.pth", headless).features(clips())
    assert mean.shape == (2, 48)
    assert not torch.equal(mean, whole.features(clips())), "without a head, a last norm is that of pretraining"


def test_the_encoder_of_pretraining_makes_features_also_alone(tmp_path):
    model = seeded(MaskedAutoencoder(PRETRAINED))
    state = model.state_dict()
    whole = features_of(tmp_path / "a.pth", state)
    alone = features_of(tmp_path / "b.pth", {k: v for k, v in state.items() if k.startswith("encoder.")})
    patches = model.patchify(clips())
    expected = model.encoder(patches, torch.arange(patches.shape[1]).expand(2, -1)).mean(dim=1)
    for found in (whole, alone):
        assert torch.equal(found.features(clips()), expected)
    assert hash_of_weights(whole) == hash_of_weights(alone)


def test_learnt_positions_count_in_the_hash_and_the_features(tmp_path):
    state = seeded(MaskedAutoencoder(PRETRAINED)).state_dict()
    plain = features_of(tmp_path / "a.pth", state)
    tables = torch.randn(2, 1, 32, 48)
    learnt = [features_of(tmp_path / "b.pth", {**state, "encoder.pos_embed": table}) for table in tables]
    hashes = {hash_of_weights(one) for one in (plain, *learnt)}
    assert len(hashes) == 3
    assert not torch.allclose(learnt[0].features(clips()), learnt[1].features(clips()))


def test_the_folder_of_a_run_stands_for_its_newest_checkpoint(tmp_path):
    for epoch in (9, 10):
        torch.save(
            {"model": {"patch_embed.proj.weight": torch.full((2, 2), float(epoch))}},
            file := tmp_path / f"checkpoint-{epoch}.pth",
        )
    assert files.read(tmp_path).tensors.keys() == files.read(file).tensors.keys()
    assert files.read(tmp_path).tensors["encoder.patch_embed.proj.weight"].eq(10).all()
    assert files.weights_file(tmp_path / "nowhere") == tmp_path / "nowhere"
