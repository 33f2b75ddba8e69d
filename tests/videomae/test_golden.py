"""The official code's numbers, file by file; the same checks as `python -m bench.golden`."""

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from bench import golden, golden_file
from bench.golden_claim import Claim
from bench.plain_model import PlainModel, normalised, plain_errors, plain_loss, plain_targets
from h2a_curation.videomae.data.augment import multi_scale_box
from h2a_curation.videomae.data.masking import dual_masks
from h2a_curation.videomae.loop.optim import make_optimizer
from h2a_curation.videomae.model.autoencoder import MaskedAutoencoder
from h2a_curation.videomae.model.classifier import Classifier
from h2a_curation.videomae.presets import ModelConfig

FOLDER = Path(__file__).parents[3] / "shared" / "golden"
FILES = golden.listed(FOLDER) if FOLDER.exists() else {}
SMALL = ModelConfig(
    image_px=32, num_frames=4, width=24, depth=1, num_heads=2, decoder_width=16, decoder_depth=1, decoder_num_heads=1
)
here = pytest.mark.skipif(not FOLDER.exists(), reason="../shared/golden is not here")


@pytest.mark.parametrize("name", FILES)
def test_official_numbers(name):
    line, passed = golden.line_for(FOLDER / name, FILES[name])
    assert passed, line


@here
def test_all_files_are_checked(capsys):
    assert golden.report(FOLDER)
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["ok"] * 25


@pytest.mark.parametrize(
    ("claim", "passes"),
    [
        (Claim("equal", [1, 2], [1, 2]), True),
        (Claim("other", [1, 2], [1, 3]), False),
        (Claim("near", np.array([1.0, 2.0]), np.array([1.0, 2.00001]), (1e-5, 0.0)), True),
        (Claim("far", np.array([1.0, 2.0]), np.array([1.0, 2.1]), (1e-5, 0.0)), False),
        (Claim("other shape", np.array([1.0]), np.array([1.0, 1.0]), (1e-5, 0.0)), False),
        (Claim("nan", np.array([np.nan]), np.array([1.0]), (1e-5, 1e-5)), False),
        (Claim("official nan", np.array([1.0]), np.array([np.nan]), (1e-5, 1e-5)), False),
        (Claim("both infinite", np.array([np.inf]), np.array([np.inf]), (1e-5, 1e-5)), False),
        (Claim("one bit", np.array([True]), np.array([0])), False),
    ],
)
def test_a_claim_fails_where_it_should(claim, passes):
    assert (claim.error() <= 1) == passes
    assert claim.said()


def folder_of(path, files):
    """A golden folder of these files, each with its settings."""
    path.mkdir(exist_ok=True)
    listed = {name: {"meta": meta} for name, meta in files.items()}
    (path / "manifest.json").write_text(json.dumps({"files": listed}))
    return path


def plain_file(path, seed, *, img=48, patch=12, frames=6, enc=(24, 1, 2), dec=(18, 2, 3), masks=(0.75, 0.25), **other):
    """A file of another model, by the plain reference; returns its settings."""
    meta = {"img_size": img, "patch_size": patch, "frames": frames, "enc": enc, "dec": dec, **other}
    config = golden.pretrain.config_of(meta)
    torch.manual_seed(seed)
    model = PlainModel(config)
    model.load_state_dict({k: torch.randn_like(v) * 0.1 for k, v in model.state_dict().items()})
    video = torch.randint(0, 256, (2, frames, *config.frame_px, 3), dtype=torch.uint8)
    drawn = [dual_masks(config.window, *masks, np.random.RandomState(seed + i)) for i in range(2)]
    hidden, not_decoded = (torch.from_numpy(np.stack([m[i].ravel() for m in drawn])) for i in range(2))
    pixels = normalised(video)
    errors = plain_errors(model, pixels, hidden, not_decoded)
    loss = plain_loss(errors, hidden, not_decoded)
    loss.backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    norms = torch.stack([g.double().norm() for g in gradients.values()])
    decoded = ~not_decoded
    tensors = {
        **{f"state.{k}": v for k, v in model.state_dict().items()},
        **{f"grad.{k}": v for k, v in gradients.items()},
        "grad_norms_all": norms,
        "in.video": pixels,
        "in.video_uint8": video.permute(0, 4, 1, 2, 3),
        "in.encoder_mask": hidden,
        "in.decoder_mask": not_decoded,
        "out.patch_tokens_before_pos": model.encoder.patch_embed(pixels),
        "out.encoder_features": model.encoder(pixels, hidden),
        "out.pred": model(pixels, hidden, not_decoded),
        "out.pred_no_decoder_mask": model(pixels, hidden, ~hidden),
        "target.patches_raw_all": plain_targets(pixels, patch, normalise=False),
        "target.labels": plain_targets(pixels, patch)[decoded].reshape(2, -1, config.patch_dim),
        "loss.per_token": errors,
        "loss.weight": hidden[decoded].reshape(2, -1),
        "loss.value": loss.view(1),
        "loss.grad_norm": norms.norm().view(1),
    }
    save_file({k: v.detach().contiguous() for k, v in tensors.items()}, path)
    return {**meta, "grad_norm_order": list(gradients)}


def plain_classifier(path, seed, *, img, patch, frames=6, enc=(24, 2, 3), classes=5, **other):
    """A file of a classifier by the first token, from the plain reference's encoder; returns its settings."""
    meta = {"img_size": img, "patch_size": patch, "frames": frames, "enc": enc, "classes": classes, "mean_pool": False}
    meta |= {"batch": 2, "seed": seed, **other}
    config = golden.pretrain.config_of({**meta, "dec": (12, 1, 1)})
    torch.manual_seed(seed)
    encoder = PlainModel(config).encoder
    encoder.load_state_dict({k: torch.randn_like(v) * 0.1 for k, v in encoder.state_dict().items()})
    head = torch.nn.Linear(enc[0], classes)
    video = torch.randint(0, 256, (2, frames, *config.frame_px, 3), dtype=torch.uint8)
    features = encoder(normalised(video), torch.zeros(2, config.num_tokens, dtype=torch.bool))[:, 0]
    logits, target = head(features), torch.rand(2, classes).softmax(dim=1)
    loss = -(target * logits.log_softmax(dim=1)).sum(dim=1).mean()
    loss.backward()
    own = [*encoder.named_parameters(), *((f"head.{name}", p) for name, p in head.named_parameters())]
    tensors = {
        **{f"state.{name}": p for name, p in own},
        **{f"grad.{name}": p.grad for name, p in own},
        "in.video_uint8": video.permute(0, 4, 1, 2, 3),
        "in.soft_target": target,
        "out.features": features,
        "out.logits": logits,
        "loss.soft_target_ce": loss.view(1),
    }
    save_file({k: v.detach().contiguous() for k, v in tensors.items()}, path)
    return meta


@pytest.mark.parametrize(
    "settings",
    [
        {"img": 48, "patch": 12, "mlp_ratio": 3.5},
        {"img": [24, 56], "patch": 8, "init_values": 0.5},
        {"img": [56, 28], "patch": 14, "frames": 4, "cos_attn": True, "qkv_bias": False},
    ],
)
def test_a_classifier_never_seen_is_checked_by_its_own_settings(tmp_path, settings):
    meta = plain_classifier(tmp_path / "some.safetensors", 4, **settings)
    line, passed = golden.line_for(tmp_path / "some.safetensors", {"meta": meta})
    assert passed, line
    for name, value in (("mlp_ratio", 2.0), ("mean_pool", True), ("img_size", 112), ("classes", 4), ("batch", 3)):
        line, passed = golden.line_for(tmp_path / "some.safetensors", {"meta": {**meta, name: value}})
        assert not passed, (name, line)
        assert "\n" not in line


def test_a_folder_never_seen_is_checked_by_its_own_settings(tmp_path, capsys):
    files = {
        "some.safetensors": plain_file(tmp_path / "some.safetensors", 5),
        "other.safetensors": plain_file(tmp_path / "other.safetensors", 6, masks=(0.5, 0.75), init_values=0.5),
        "wide.safetensors": plain_file(tmp_path / "wide.safetensors", 9, img=(24, 48), mlp_ratio=3.5),
        "cosine.safetensors": plain_file(tmp_path / "cosine.safetensors", 7, cos_attn=True, qkv_bias=False, patch=6),
        "draws.npz": {"seed": 8, "input_size": 40},
    }
    boxes = []
    for seed, (width, height) in enumerate([(222, 300), (223, 223), (240, 320)] * 20):
        box = multi_scale_box(width, height, (224, 224), random.Random(seed), parity=True)
        boxes.append([width, height, seed, box.width, box.height, box.left, box.top])
    frames = np.random.RandomState(1).randint(0, 256, (2, 50, 60, 3), dtype=np.uint8)
    hidden, not_decoded = dual_masks((1, 4, 4), 0.5, 0.0, np.random.RandomState(8))
    box = multi_scale_box(60, 50, (40, 40), random.Random(8))
    images = [golden.data.Image.fromarray(frame) for frame in frames]
    clip = (golden.data.crop_and_resize(images, box, (40, 40)) / 255.0 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    np.savez(
        tmp_path / "draws.npz",
        multiscale_boxes224=np.array(boxes),
        frames_uint8=frames,
        pretrain0_clip=clip.transpose(3, 0, 1, 2).astype(np.float32),
        pretrain0_enc=hidden.astype(np.uint8),
        pretrain0_dec=not_decoded.astype(np.uint8),
        ra_Invert_0=255 - frames,
    )
    assert golden.report(folder_of(tmp_path, files))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["ok"] * 5


def damaged(values, name, how):
    changed = {key: np.asarray(torch.as_tensor(value)) for key, value in values.items()}
    if how == "value":
        array = changed[name].copy()
        array.flat[array.size // 2] += 1
        changed[name] = array
    elif how == "nan":
        array = changed[name].astype(np.float32)
        array.flat[0] = np.nan
        changed[name] = array
    elif how == "shape":
        changed[name] = changed[name][:-1]
    elif how == "gone":
        del changed[name]
    else:
        changed["a_new_array"] = np.zeros(3)
    return changed


@here
@pytest.mark.parametrize("how", ["value", "nan", "shape", "gone", "unknown"])
@pytest.mark.parametrize(
    ("file", "array"),
    [
        ("masks.npz", "s1_pair_cell"),
        ("sinusoid.npz", "rows_1568x768"),
        ("pos_interp.npz", "out1"),
        ("cosine_schedules.npz", "v3"),
        ("frame_indices.npz", "pre1_frame_ids"),
        ("frame_indices.npz", "ft0_test"),
        ("frame_indices.npz", "raw0_val"),
        ("augment.npz", "val_clip"),
        ("finetune_cls_token0.safetensors", "state.norm.weight"),
        ("finetune_tiny.safetensors", "out.logits"),
        ("augment.npz", "pretrain1_clip"),
        ("augment.npz", "ftaug_erase_1"),
        ("mixup.npz", "x_3"),
        ("finetune_steps.safetensors", "final.head.bias"),
        ("finetune_droppath.safetensors", "out.logits_train_mode_torchseed_225"),
        ("pretrain_min.safetensors", "grad.decoder.head.bias"),
        ("pretrain_min.safetensors", "state.encoder.norm.bias"),
        ("train_traj_clip.safetensors", "final.mask_token"),
    ],
)
def test_damage_is_found(tmp_path, file, array, how):
    name = f"copy-{file}"
    if file.endswith(".npz"):
        np.savez(tmp_path / name, **damaged(np.load(FOLDER / file), array, how))
    else:
        changed = damaged(load_file(FOLDER / file), array, how)
        save_file({k: torch.as_tensor(v).contiguous() for k, v in changed.items()}, tmp_path / name)
    line, passed = golden.line_for(tmp_path / name, FILES[file])
    assert not passed, line
    assert line.startswith("FAILED")
    assert "\n" not in line


@here
@pytest.mark.parametrize(
    ("file", "setting"),
    [
        ("finetune_tiny.safetensors", {"drop_everything": 1}),
        ("pretrain_min.safetensors", {"mlp_ration": 4.0}),
        ("train_traj_clip.safetensors", {"amsgrad": True}),
        ("frame_indices.npz", {"finetuned": []}),
    ],
)
def test_a_setting_that_nobody_knows_fails(file, setting):
    entry = {**FILES[file], "meta": {**FILES[file]["meta"], **setting}}
    line, passed = golden.line_for(FOLDER / file, entry)
    assert not passed
    assert "nothing here knows the setting" in line
    assert next(iter(setting)) in line


@here
@pytest.mark.parametrize(
    ("file", "setting"),
    [
        ("finetune_tiny.safetensors", {"mlp_ratio": 3.0}),
        ("finetune_tiny.safetensors", {"init_values": 0.1}),
        ("finetune_tiny.safetensors", {"classes": 8}),
        ("finetune_tiny.safetensors", {"batch": 2}),
        ("pretrain_min.safetensors", {"img_size": [32, 64]}),
        ("pretrain_min.safetensors", {"n_visible": 3}),
        ("pretrain_min.safetensors", {"mask_ratio": 0.25}),
        ("merge_views", {"segments": 4}),
    ],
)
def test_a_setting_that_is_another_fails(file, setting):
    name = f"{file}/" if file == "merge_views" else file
    entry = {**FILES[name], "meta": {**FILES[name]["meta"], **setting}}
    line, passed = golden.line_for(FOLDER / file, entry)
    assert not passed, line
    assert "\n" not in line


@here
def test_a_file_that_is_missing_unknown_or_cut_fails_alone(tmp_path, capsys):
    shutil.copy(FOLDER / "masks.npz", tmp_path / "masks.npz")
    (tmp_path / "cut.npz").write_bytes((FOLDER / "masks.npz").read_bytes()[:5000])
    (tmp_path / "cut.safetensors").write_bytes((FOLDER / "pretrain_min.safetensors").read_bytes()[:5000])
    (tmp_path / "cut.pth").write_bytes((FOLDER / "checkpoint-2.pth").read_bytes()[:5000])
    np.savez(tmp_path / "strange.npz", something=np.zeros(3))
    (tmp_path / "notes.txt").write_text("hello")
    names = ["masks.npz", "cut.npz", "cut.safetensors", "cut.pth", "strange.npz", "notes.txt", "missing.npz"]
    folder_of(tmp_path, dict.fromkeys(names, FILES["masks.npz"]["meta"]))
    assert not golden.report(tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["ok"] + ["FAILED"] * 6
    for line, word in zip(lines[4:], ("nothing here knows", ".txt", "not in the folder"), strict=True):
        assert word in line


def test_settings_come_from_a_files_header_where_the_manifest_has_none(tmp_path):
    meta = plain_file(tmp_path / "a.safetensors", 1)
    header = {name: json.dumps(value) for name, value in meta.items()}
    save_file(load_file(tmp_path / "a.safetensors"), tmp_path / "b.safetensors", header)
    line, passed = golden.line_for(tmp_path / "b.safetensors", {})
    assert passed, line
    assert golden_file.read(tmp_path / "b.safetensors", {"frames": 2}).meta["frames"] == 2


def test_a_folder_without_a_manifest_is_refused(tmp_path):
    with pytest.raises(ValueError, match="give a folder of golden files"):
        golden.files(tmp_path)


@pytest.mark.parametrize(("epoch", "code"), [(7, 0), (6, 1), (None, 1)])
def test_the_exit_code_tells(tmp_path, monkeypatch, epoch, code):
    if epoch is not None:
        folder_of(tmp_path, {"checkpoint-7.pth": {}})
        torch.save({"model": MaskedAutoencoder(SMALL).state_dict(), "epoch": epoch}, tmp_path / "checkpoint-7.pth")
    monkeypatch.setattr("sys.argv", ["golden", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        golden.main()
    assert ended.value.code == code or (epoch is None and "manifest.json" in str(ended.value.code))


@pytest.mark.parametrize("prefix", ["", "_orig_mod."])
def test_a_checkpoint_of_a_classifier_is_filled_in_and_goes_on(tmp_path, prefix):
    torch.manual_seed(1)
    model = Classifier(SMALL, 5)
    optimizer = make_optimizer(model, 0.05, (0.9, 0.999), 0.75)
    model(torch.zeros(1, 4, 32, 32, 3, dtype=torch.uint8)).sum().backward()
    optimizer.step()
    weights = {prefix + name: value for name, value in model.state_dict().items()}
    said = {"preset": {"model": {"num_heads": 2, "image_px": 32, "num_frames": 4, "decoder_num_heads": 0}}}
    torch.save({"model": weights, "optimizer": optimizer.state_dict(), "args": said}, tmp_path / "classifier.pth")
    line, passed = golden.line_for(tmp_path / "classifier.pth", {})
    assert passed, line
    del weights[f"{prefix}blocks.0.mlp.fc1.bias"]
    torch.save({"model": weights, "args": said}, tmp_path / "classifier.pth")
    assert not golden.line_for(tmp_path / "classifier.pth", {})[1]


@here
@pytest.mark.parametrize(
    ("array", "by", "passes"), [("ra_ShearY_1", 1, True), ("ra_ShearY_1", 2, False), ("rapolicy_2", 2, False)]
)
def test_pictures_may_differ_by_what_releases_of_pillow_do(tmp_path, array, by, passes):
    with np.load(FOLDER / "augment.npz") as arrays:
        changed = dict(arrays)
    changed[array] = np.where(changed[array] < 128, changed[array] + by, changed[array] - by).astype(np.uint8)
    np.savez(tmp_path / "augment.npz", **changed)
    assert golden.line_for(tmp_path / "augment.npz", FILES["augment.npz"])[1] == passes
