"""Reads weights of any layout, recognised by their names, and writes either. Nothing in a file is ever run."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors
from safetensors.torch import load_file, save_file
from torch import Tensor

from h2a_curation.foundation import json_file
from h2a_curation.foundation.atomic_files import keep, plain_name, scratch, sync, synced
from h2a_curation.foundation.weights_file import check as check_weights
from h2a_curation.videomae.convert import shape
from h2a_curation.videomae.convert.names import Tensors, from_hugging_face, to_hugging_face, unwrapped
from h2a_curation.videomae.loop import checkpoint
from h2a_curation.videomae.presets import ModelConfig

_CONFIG = "config.json"
_INDEX = "model.safetensors.index.json"
_LATEST = "latest"
"""DeepSpeed's file with the name of the folder that it wrote last."""
_DEEPSPEED = "mp_rank_00_model_states.pt"
OWN_MODEL = "h2a_model"
"""Key in the metadata of our safetensors for the fields of the model, as JSON; other readers pass over it."""
_HEAD = ("head.", "fc_norm.")
_PIXELS = {
    "image_processor_type": "VideoMAEImageProcessor",
    "do_resize": True,
    "do_center_crop": True,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a file holds."""

    layout: str
    tensors: Tensors
    """The weights, by the names of the official pretraining model."""
    said: Mapping[str, Any]
    """Fields of the model that the file tells besides its weights."""
    left_out: list[str]
    """What else was in it, such as `optimizer`."""
    class_names: list[str] = field(default_factory=list)
    """A classifier's classes in the order of its head; empty where the file does not tell."""
    norm_eps: tuple[float, float] = (1e-6, 1e-6)
    """Epsilon of the norms, and of a classifier's own norm over the mean: Hugging Face's models have others."""


def read(source: Path) -> Found:
    """A checkpoint file, or a folder of Hugging Face's, DeepSpeed's or a run of ours, whose newest checkpoint is read.

    ValueError in one line for anything else.
    """
    content, config = _content(weights_file(source))
    inner = next((content[key] for key in ("model", "module", "state_dict") if key in content), content)
    tensors = {key: value for key, value in inner.items() if isinstance(value, Tensor)}
    tensors = unwrapped(tensors) if tensors else {}
    left_out = [] if inner is content else [key for key in content if content[key] is not inner]
    try:
        if any("embeddings.patch_embeddings." in key for key in tensors):
            renamed, said = from_hugging_face(tensors), shape.said_by_hugging_face(config)
            names = shape.classes_of_hugging_face(config) if "head.bias" in renamed else []
            return Found(
                layout="huggingface",
                tensors=renamed,
                said=said,
                left_out=left_out,
                class_names=names,
                norm_eps=shape.norm_eps_of_hugging_face(config),
            )
    except ValueError as refused:
        raise ValueError(f"{source}: {refused}") from refused
    said = shape.said_by_arguments(content.get("args"))
    if "encoder.patch_embed.proj.weight" in tensors:
        heads = {key: key.removeprefix("encoder.") for key in tensors if key.removeprefix("encoder.").startswith(_HEAD)}
        tensors = {heads.get(key, key): value for key, value in tensors.items()}
        return Found(layout="official pretraining", tensors=tensors, said=said, left_out=left_out)
    if "patch_embed.proj.weight" in tensors:
        renamed = {key if key.startswith(_HEAD) else f"encoder.{key}": value for key, value in tensors.items()}
        return Found(layout="official fine-tuning", tensors=renamed, said=said, left_out=left_out)
    begins = f": its weights begin with {next(iter(tensors))}" if tensors else ": it holds no weights"
    raise ValueError(f"{source} is no VideoMAE in a layout known here{begins}")


def weights_file(source: Path) -> Path:
    """The file with the newest weights in a folder of DeepSpeed's or of a run of ours; else the source.

    ValueError where DeepSpeed has divided the weights among files.
    """
    if not source.is_dir():
        return source
    if (source / _LATEST).exists():
        named = source / Path((source / _LATEST).read_text(encoding="utf-8").strip()).name
        return weights_file(named) if named.is_dir() else source
    if (source / _DEEPSPEED).exists():
        return source / _DEEPSPEED
    if next(source.glob("zero_pp_rank_*_model_states.pt"), None):
        raise ValueError(f"{source} holds weights that DeepSpeed has divided: join them with its zero_to_fp32.py first")
    return checkpoint.newest(source) or source


def write_official(target: Path, tensors: Tensors, config: ModelConfig | None) -> None:
    """A `.pth` that the official code and ours load; without a decoder, by the names of the fine-tuning model.

    Our own reader finds the number of heads and the like in `args`; the official one has them from its command line.
    """
    if "mask_token" not in tensors:
        tensors = {key.removeprefix("encoder."): value for key, value in tensors.items()}
    args = {"args": {"preset": {"model": asdict(config)}}} if config is not None else {}
    checkpoint.save(target, {"model": tensors, **args})


def write_hugging_face(target: Path, tensors: Tensors, config: ModelConfig, class_names: Sequence[str] = ()) -> None:
    """A folder for `from_pretrained`, written aside and renamed; ValueError for what Hugging Face does not have.

    `class_names` are those of a classifier, in the order of its head, where they are known.
    """
    described = shape.hugging_face_config(config, tensors)
    if class_names:
        described |= {
            "id2label": {str(number): name for number, name in enumerate(class_names)},
            "label2id": {name: number for number, name in enumerate(class_names)},
        }
    height, width = config.frame_px
    pixels = {
        **_PIXELS,
        "size": {"shortest_edge": height} if height == width else {"height": height, "width": width},
        "crop_size": {"height": height, "width": width},
    }
    renamed = {key: value.contiguous() for key, value in to_hugging_face(tensors).items()}
    if described["architectures"] == ["VideoMAEModel"]:
        renamed = {key.removeprefix("videomae."): value for key, value in renamed.items()}
    target.parent.mkdir(parents=True, exist_ok=True)
    with scratch(target.parent, f".{target.name}.") as aside:
        (unfinished := aside / target.name).mkdir()
        save_file(
            {key: t.contiguous() for key, t in renamed.items()}, unfinished / "model.safetensors", {"format": "pt"}
        )
        sync(unfinished / "model.safetensors")  # it is written by name, not into an open file
        for name, content in ((_CONFIG, described), ("preprocessor_config.json", pixels)):
            with synced(unfinished / name) as file:
                file.write((json.dumps(content, indent=2) + "\n").encode())
        keep(target.parent, unfinished, target)


def _content(source: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is in the file, or all files of the folder, and the config.json beside it, if there is one."""
    folder = source if source.is_dir() else source.parent
    config = folder / _CONFIG
    described = (
        json_file.read_object(config)
        if config.exists() and (source.is_dir() or source.suffix == ".safetensors")
        else {}
    )
    if not source.is_dir():
        return _weights(source), described
    if (folder / _INDEX).exists():
        parts = _parts_of(folder / _INDEX)
    else:
        parts = [name for name in ("model.safetensors", "pytorch_model.bin") if (folder / name).exists()][:1]
    if not parts:
        raise ValueError(
            f"{source} holds no model.safetensors: it is no folder of Hugging Face's, nor of a run of ours"
        )
    return {key: value for part in parts for key, value in _weights(folder / part).items()}, described


def _parts_of(index: Path) -> list[str]:
    """The files that a divided model lies in, each beside its index."""
    said = json_file.read_object(index).get("weight_map")
    if not isinstance(said, dict) or not all(isinstance(name, str) for name in said.values()):
        raise ValueError(f"{index}: has no weight_map of files by tensor; copy the folder anew")
    names = sorted({plain_name(name, f"{index} names a part") for name in said.values()})
    if lacking := next((name for name in names if not (index.parent / name).is_file()), None):
        raise ValueError(f"{index} names {lacking}, which does not lie beside it; copy the folder whole")
    return names


def _weights(file: Path) -> dict[str, Any]:
    check_weights(file)
    if file.suffix != ".safetensors":
        content = checkpoint.load(file)
        if not isinstance(content, Mapping):
            raise ValueError(f"{file} holds no weights by name")
        return dict(content)
    try:
        tensors: dict[str, Any] = load_file(file)
        with safetensors.safe_open(file, "pt") as opened:
            told = (opened.metadata() or {}).get(OWN_MODEL)
    except safetensors.SafetensorError as broken:
        raise ValueError(f"{file} is no readable safetensors file: damaged or cut short") from broken
    if told is None:
        return tensors
    try:
        return {**tensors, "args": {"preset": {"model": json_file.parse(told)}}}
    except ValueError as broken:
        raise ValueError(f"{file} tells of its model in no readable JSON") from broken
