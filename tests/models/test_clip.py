import gzip
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from h2a_curation.models import clip
from h2a_curation.models.clip import ClipModel
from h2a_curation.models.torchvision_compat import make_importable

CONFIG = {
    "model_cfg": {
        "embed_dim": 32,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
        "text_cfg": {
            "context_length": 16,
            "vocab_size": 531,
            "width": 32,
            "heads": 2,
            "layers": 1,
            "tokenizer_kwargs": {"bpe_path": "words.txt.gz"},
        },
    },
    "preprocess_cfg": {"resize_mode": "squash"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A random open_clip model with a vocabulary of its own, as the sample world's is laid out."""
    make_importable()
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("model")
    (folder / "open_clip_config.json").write_text(json.dumps(CONFIG))
    source = Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
    with gzip.open(source, "rt") as full, gzip.open(folder / "words.txt.gz", "wt") as own:
        own.writelines(line for _, line in zip(range(17), full, strict=False))
    torch.manual_seed(0)
    model = open_clip.CLIP(**CONFIG["model_cfg"])
    halves = {name: value.half() for name, value in model.state_dict().items()}
    save_file(halves, folder / "open_clip_model.safetensors")
    return folder


@pytest.fixture(scope="module")
def model(folder):
    return ClipModel.load(f"local-dir:{folder}", None)


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(0, 256, (3, 48, 40, 3), np.uint8)


def test_vectors_have_length_1(model, frames):
    for vectors in (model.encode_images(frames), model.encode_texts(["a person", "a cat"])):
        assert vectors.dtype == np.float16
        assert np.linalg.norm(vectors.astype(np.float32), axis=1) == pytest.approx(1, abs=1e-3)


def test_the_same_clip_gives_the_same_vectors_and_leaves_the_number_of_threads(model, frames):
    import torch

    torch.set_num_threads(2)
    assert (model.encode_images(frames) == model.encode_images(frames)).all()
    assert torch.get_num_threads() == 2


def test_the_scale_is_read_without_the_model(model, folder):
    assert clip.logit_scale(f"local-dir:{folder}", None) == pytest.approx(model.logit_scale)


def test_comparing_models_does_not_import_torch(folder):
    code = (
        "import sys; from h2a_curation.models import clip as c;"
        f"c.fingerprint('local-dir:{folder}', None); c.logit_scale('local-dir:{folder}', None);"
        "print('torch' in sys.modules and c._device() == 'cpu')"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "False"


def test_the_fingerprint_is_the_contents_and_not_the_place(folder, tmp_path):
    moved = shutil.copytree(folder, tmp_path / "moved")
    changed = shutil.copytree(folder, tmp_path / "changed")
    other = {**CONFIG, "preprocess_cfg": {"resize_mode": "shortest"}}
    (changed / "open_clip_config.json").write_text(json.dumps(other))
    marks = [clip.fingerprint(f"local-dir:{place}", None) for place in (folder, moved, changed)]
    assert marks[0] == marks[1] != marks[2]
    assert str(folder) not in marks[0]


@pytest.mark.parametrize(
    ("name", "pretrained", "says"),
    [
        ("ViT-L-41", "openai", "did you mean ViT-"),
        ("ViT-L-14", "no_such_tag", "datacomp_xl"),
        ("ViT-L-14", None, "datacomp_xl"),
        ("local-dir:/nowhere", None, "open_clip_model.safetensors missing"),
    ],
)
def test_a_wrong_name_says_what_would_be_right(name, pretrained, says):
    with pytest.raises(ValueError, match=says) as caught:
        ClipModel.load(name, pretrained)
    assert "\n" not in str(caught.value)


def test_weights_of_another_model_are_refused(folder):
    with pytest.raises(ValueError, match="do not fit"):
        ClipModel.load("RN50", str(folder / "open_clip_model.safetensors"))


def test_weights_that_cannot_be_fetched_are_one_line(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ConnectionError, match="the weights of hf-hub:h2a/none are not on this machine") as caught:
        ClipModel.load("hf-hub:h2a/none", None)
    assert "\n" not in str(caught.value)


PE = {
    "model_cfg": {
        "embed_dim": 64,
        "vision_cfg": {
            "image_size": 384,
            "timm_model_name": "vit_pe_core_tiny_patch16_384",
            "timm_model_pretrained": False,
            "timm_pool": "map",
            "timm_proj": None,
        },
        "text_cfg": {"context_length": 32, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 1},
        "custom_text": True,
    },
    "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bilinear", "resize_mode": "squash"},
}
"""PE-Core as open_clip builds it, with towers as small as they may be."""


@pytest.fixture(scope="module")
def pe_folder(tmp_path_factory):
    """A random model of the kind of PE-Core-B-16."""
    open_clip = clip.import_open_clip()
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("pe")
    (folder / "open_clip_config.json").write_text(json.dumps(PE))
    torch.manual_seed(0)
    kinds = {key: value for key, value in PE["model_cfg"].items() if key != "custom_text"}
    save_file(open_clip.model.CustomTextCLIP(**kinds).state_dict(), folder / "open_clip_model.safetensors")
    return folder


def test_a_model_of_the_recipes_kind_sees_and_reads(pe_folder, frames):
    model = ClipModel.load(f"local-dir:{pe_folder}", None)
    seen, read = model.encode_images(frames), model.encode_texts(["a person lifts a barbell", "word " * 60])
    assert (seen.shape, read.shape, seen.dtype) == ((3, 64), (2, 64), np.float16)
    assert np.linalg.norm(seen.astype(np.float32), axis=1) == pytest.approx(1, abs=1e-3)
    assert (model.encode_images(frames) == seen).all()
    assert clip.logit_scale(f"local-dir:{pe_folder}", None) == pytest.approx(model.logit_scale)
    assert clip.text_context(f"local-dir:{pe_folder}").max_tokens == 32


@pytest.mark.parametrize("name", ["PE-Core-B-16", "PE-Core-L-14-336"])
def test_the_models_that_recipes_and_docs_name_are_known_with_their_weights(name):
    open_clip = clip.import_open_clip()
    assert clip.fingerprint(name, "meta").startswith(f"{name}/meta+")
    config = open_clip.get_model_config(name)
    assert (config["embed_dim"], config["text_cfg"]["context_length"]) == (1024, 32)
    way = open_clip.get_pretrained_cfg(name, "meta")
    assert (way["mean"], way["std"], way["resize_mode"]) == ((0.5,) * 3, (0.5,) * 3, "squash")
    assert clip._repository(name, "meta") == f"timm/{name}"


def test_a_file_of_weights_is_shown_pictures_as_its_model_learnt_them(tmp_path):
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(b"some weights")
    pe = clip._preprocessing("PE-Core-B-16", str(weights))
    assert pe["image_resize_mode"] == "squash"
    assert pe["image_mean"] == pe["image_std"] == (0.5, 0.5, 0.5)
    assert "+squash" in clip.fingerprint("PE-Core-B-16", str(weights))
    assert clip._preprocessing("ViT-B-32", str(weights)) == {}
    assert clip._preprocessing("PE-Core-B-16", "meta") == {}
    # What was measured with a file of CLIP's own keeps its name.
    assert clip.fingerprint("ViT-B-32", str(weights)).startswith(f"ViT-B-32/{clip._hash([weights])}+open_clip")


def test_given_preprocessing_is_what_open_clip_makes_of_pictures(folder):
    open_clip = clip.import_open_clip()
    import torch

    given = {"image_mean": (0.5,) * 3, "image_std": (0.5,) * 3, "image_resize_mode": "squash"}
    _, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{folder}", **given)
    from PIL import Image

    wide = np.zeros((32, 128, 3), np.uint8)
    wide[:, :32] = 255
    made = preprocess(Image.fromarray(wide))
    assert made.shape == (3, 32, 32)
    assert (made.min(), made.max()) == (-1, 1)  # the edge is in the picture
    assert torch.equal(made[0], made[1])


@pytest.mark.parametrize("text", ["a person lifts a barbell", "word " * 60, "Schwimmen, 水泳!", "!", ""])
def test_tokens_are_counted_with_those_for_begin_and_end(text):
    context = clip.text_context("PE-Core-B-16")
    within = clip.import_open_clip().SimpleTokenizer().encode(text)
    assert (context.max_tokens, context.num_tokens(text)) == (32, 2 + len(within))


def test_a_tokenizer_that_needs_a_package_that_is_not_there_is_one_line(monkeypatch):
    def lacks(*_, **__):
        raise ModuleNotFoundError("No module named 'transformers'", name="transformers")

    monkeypatch.setattr(clip.import_open_clip(), "get_tokenizer", lacks)
    with pytest.raises(ValueError, match=r"ViT-B-16-SigLIP2 needs a package .*: pip install transformers"):
        clip.text_context("ViT-B-16-SigLIP2")


def test_tokens_of_a_model_that_is_none_are_one_line():
    with pytest.raises(ValueError, match="open_clip has no model PE-Core-B-61: did you mean PE-Core-B-16"):
        clip.text_context("PE-Core-B-61")


def test_torchvision_still_needs_the_compatibility_module():
    """When this fails, torchvision imports by itself: delete h2a_curation/models/torchvision_compat.py."""
    import torch

    if torch.version.cuda:
        pytest.skip("torch is not a CPU build")
    done = subprocess.run([sys.executable, "-c", "import torchvision"], capture_output=True, text=True, check=False)
    assert "torchvision::nms" in done.stderr


def test_no_process_imports_wandb_to_look_at_frames():
    """Which takes most of a second, and leaves folders behind."""
    pytest.importorskip("wandb")
    program = (
        "import sys; from h2a_curation.models.clip import import_open_clip as load; load();"
        " assert 'timm' in sys.modules; assert 'wandb' not in sys.modules; import wandb; load()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
