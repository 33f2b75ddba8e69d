"""The model that weights are of. What leaves no trace in them comes from what a file says besides, or from presets."""

import argparse
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from h2a_curation.videomae.convert.names import Tensors
from h2a_curation.videomae.presets import PRESETS, TUBELET, ModelConfig

TRACELESS = ("num_heads", "decoder_num_heads", "image_px", "num_frames")
"""Fields of a ModelConfig that no weight tells."""
SETTABLE = (*TRACELESS, "image_width_px")
"""Fields that a user may tell; frames are square unless their width is told."""

_LARGEST = 10_000
_PATCHES = "encoder.patch_embed.proj.weight"
_OFFICIAL_NAME = re.compile(r"(?:pretrain_videomae|vit)_([a-z]+)_patch\d+_(\d+)")


def shape_of(tensors: Tensors, said: Mapping[str, Any], asked: Mapping[str, int]) -> tuple[ModelConfig, list[str]]:
    """The model of these weights, and of its fields those that nothing tells: they stand at something that would do.

    `said` is what the file says of fields that no weight tells, `asked` what the user does, which goes first; where
    neither does, the preset of just these weights is taken. A model without a decoder has one of depth, width and heads
    0. ValueError for weights of something else, or heads that do not divide a width.
    """
    traced = _traced(tensors)
    known = {**_of_preset(traced), **_of_scales(tensors), **said, **asked}
    if not traced["decoder_depth"]:
        known["decoder_num_heads"] = 0
    untold = [field for field in TRACELESS if field not in known]
    would_do = {"num_heads": 1, "decoder_num_heads": 1, "image_px": 2 * traced["patch_px"], "num_frames": TUBELET}
    config = ModelConfig(
        **traced,
        **{field: known.get(field, would_do[field]) for field in TRACELESS},
        image_width_px=known.get("image_width_px"),
    )
    for width, heads in ((config.width, config.num_heads), (config.decoder_width, config.decoder_num_heads)):
        if width and (heads < 1 or width % heads):
            raise ValueError(f"{heads} heads do not divide a width of {width}: say how many there are with --set")
    return config, untold


def read_facts(facts: Sequence[str]) -> dict[str, int]:
    """What a user tells of a model as `FIELD=NUMBER`; ValueError for anything else."""
    asked = {}
    for fact in facts:
        field, _, number = fact.partition("=")
        if field not in SETTABLE or not number.isdecimal() or not 0 < int(number) <= _LARGEST:
            told = f"a field of {', '.join(SETTABLE)}, and a number from 1 to {_LARGEST}"
            raise ValueError(f"--set {fact}: write FIELD=NUMBER, with {told}")
        asked[field] = int(number)
    return asked


def said_by_arguments(arguments: Any) -> dict[str, Any]:
    """What the `args` of a checkpoint tell: our presets all, official arguments some."""
    if isinstance(arguments, Mapping):
        model = arguments.get("preset", {}).get("model", {})
        return {field: model[field] for field in SETTABLE if field in model}
    if not isinstance(arguments, argparse.Namespace):
        return {}
    said: dict[str, Any] = {}
    if named := _OFFICIAL_NAME.match(str(getattr(arguments, "model", ""))):
        said["image_px"] = int(named[2])
    for ours, theirs in (("num_frames", "num_frames"), ("image_px", "input_size")):
        if isinstance(value := getattr(arguments, theirs, None), int):
            said[ours] = value
    return said


def said_by_hugging_face(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a config.json tells; ValueError if it is of a model that VideoMAE V2 cannot be."""
    for field, must_be in (("tubelet_size", TUBELET), ("num_channels", 3), ("hidden_act", "gelu")):
        if config.get(field, must_be) != must_be:
            raise ValueError(f"{field} is {config[field]!r}, and VideoMAE V2 has {must_be!r}")
    height, width = _height_and_width(config.get("image_size", 224))
    said = {
        "num_heads": config.get("num_attention_heads", 12),
        "decoder_num_heads": config.get("decoder_num_attention_heads", 6),
        "num_frames": config.get("num_frames", 16),
        "image_px": height,
    }
    for field, value in said.items():
        if not isinstance(value, int):
            raise ValueError(f"{field} is {value!r}, which is no number")
    return said if width == height else {**said, "image_width_px": width}


def _height_and_width(image_size: Any) -> tuple[int, int]:
    height, width = image_size if isinstance(image_size, list) and len(image_size) == 2 else (image_size, image_size)
    if not isinstance(height, int) or not isinstance(width, int):
        raise ValueError(f"image_size is {image_size!r}: it must be a number, or height and width")
    return height, width


_HF_EPS, _HF_POOLED_EPS = 1e-12, 1e-5
"""Of Hugging Face's norms where config.json says nothing. Its `fc_norm` has torch's default, whatever config.json says.
"""
_OWN_POOLED_EPS = "fc_norm_eps"
"""What our config.json tells besides, of a model that comes from the official layout; Hugging Face passes over it."""


def norm_eps_of_hugging_face(config: Mapping[str, Any]) -> tuple[float, float]:
    """Epsilon of all norms, and of the one over the mean of a classifier's tokens."""
    if not config:  # weights alone
        return 1e-6, 1e-6
    return float(config.get("layer_norm_eps", _HF_EPS)), float(config.get(_OWN_POOLED_EPS, _HF_POOLED_EPS))


def classes_of_hugging_face(config: Mapping[str, Any]) -> list[str]:
    """Names of the classes by number; none where config.json has placeholders or lacks some."""
    told = config.get("id2label")
    if not isinstance(told, Mapping):
        return []
    names = [str(told.get(str(number), "")) for number in range(len(told))]
    return [] if any(name in ("", f"LABEL_{number}") for number, name in enumerate(names)) else names


def hugging_face_config(config: ModelConfig, tensors: Tensors) -> dict[str, Any]:
    """config.json; ValueError for what Hugging Face's model does not have."""
    for what, there in (("layer scale", config.layer_scale > 0), ("cosine attention", config.cosine_attention)):
        if there:
            raise ValueError(f"Hugging Face's VideoMAE has no {what}, and these weights have")
    decoder = {
        "decoder_hidden_size": config.decoder_width,
        "decoder_num_hidden_layers": config.decoder_depth,
        "decoder_num_attention_heads": config.decoder_num_heads,
        "decoder_intermediate_size": int(config.decoder_width * config.mlp_ratio),
        "norm_pix_loss": True,
    }
    return {
        "model_type": "videomae",
        "architectures": [architecture(config, tensors)],
        "dtype": str(tensors[_PATCHES].dtype).removeprefix("torch."),
        "image_size": config.image_px if config.image_width_px is None else list(config.frame_px),
        "patch_size": config.patch_px,
        "num_channels": 3,
        "num_frames": config.num_frames,
        "tubelet_size": TUBELET,
        "hidden_size": config.width,
        "num_hidden_layers": config.depth,
        "num_attention_heads": config.num_heads,
        "intermediate_size": int(config.width * config.mlp_ratio),
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-6,
        "qkv_bias": config.qkv_bias,
        "use_mean_pooling": "encoder.norm.weight" not in tensors,
        **(decoder if config.decoder_depth else {}),
        **({"num_labels": len(tensors["head.bias"]), _OWN_POOLED_EPS: 1e-6} if "head.bias" in tensors else {}),
    }


def architecture(config: ModelConfig, tensors: Tensors) -> str:
    """The class of Hugging Face that these weights fill."""
    if config.decoder_depth:
        return "VideoMAEForPreTraining"
    return "VideoMAEForVideoClassification" if "head.weight" in tensors else "VideoMAEModel"


def _traced(tensors: Tensors) -> dict[str, Any]:
    """The fields that weights tell. Of layer scale they tell that it is there, not where it began."""
    try:
        width, _, _, patch_px, _ = tensors[_PATCHES].shape
        hidden = [(width, len(tensors["encoder.blocks.0.mlp.fc1.weight"]))]
        decoder_depth = _depth(tensors, "decoder")
        decoder_width = len(tensors["encoder_to_decoder.weight"]) if decoder_depth else 0
        if decoder_depth:
            hidden.append((decoder_width, len(tensors["decoder.blocks.0.mlp.fc1.weight"])))
    except KeyError as missing:
        raise ValueError(f"the weights lack {missing}, so they are of no VideoMAE") from missing
    return {
        "patch_px": patch_px,
        "width": width,
        "depth": _depth(tensors, "encoder"),
        "mlp_ratio": _mlp_ratio(hidden),
        "decoder_width": decoder_width,
        "decoder_depth": decoder_depth,
        "qkv_bias": "encoder.blocks.0.attn.q_bias" in tensors,
        "layer_scale": float("encoder.blocks.0.gamma_1" in tensors),
        "cosine_attention": "encoder.blocks.0.attn.scale" in tensors,
    }


def _mlp_ratio(sizes: list[tuple[int, int]]) -> float:
    """The least ratio that gives each width its hidden width, rounded down as models do."""
    ratio = max(hidden / width for width, hidden in sizes)
    if any(int(width * ratio) < hidden for width, hidden in sizes):
        ratio = math.nextafter(ratio, math.inf)
    if any(int(width * ratio) != hidden for width, hidden in sizes):
        raise ValueError(f"VideoMAE V2 has one mlp ratio, and no one gives hidden widths of {dict(sizes)}")
    return ratio


def _depth(tensors: Tensors, part: str) -> int:
    return len({key.split(".")[2] for key in tensors if key.startswith(f"{part}.blocks.")})


def _of_preset(traced: dict[str, Any]) -> dict[str, Any]:
    """Fields of the preset whose weights would look just so; a decoder may be of another depth, or missing."""
    for preset in PRESETS.values():
        model = preset.model
        like = replace(model, decoder_depth=traced["decoder_depth"])
        if not traced["decoder_depth"]:
            like = replace(like, decoder_width=0)
        if {field: asdict(like)[field] for field in traced} == traced:
            return {field: asdict(model)[field] for field in TRACELESS}
    return {}


def _of_scales(tensors: Tensors) -> dict[str, Any]:
    """Cosine attention has one scale a head."""
    found = {}
    for field, part in (("num_heads", "encoder"), ("decoder_num_heads", "decoder")):
        if f"{part}.blocks.0.attn.scale" in tensors:
            found[field] = len(tensors[f"{part}.blocks.0.attn.scale"])
    return found
