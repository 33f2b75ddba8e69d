"""One checkpoint into another layout."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from h2a_curation.videomae.convert import files, shape
from h2a_curation.videomae.convert.names import Tensors
from h2a_curation.videomae.model.autoencoder import MaskedAutoencoder
from h2a_curation.videomae.presets import ModelConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """What was read and written."""

    target: Path
    layout: str
    """Layout of the checkpoint that was read."""
    kind: str
    """What the target holds: the class of Hugging Face that these weights fill."""
    config: ModelConfig
    untold: list[str]
    """Fields of `config` that nothing told; the official layout does without them."""
    num_parameters: int
    left_out: list[str]
    """What was in the source and is not in the target, such as `optimizer`."""


def convert(
    source: Path, target: Path, *, encoder_only: bool = False, asked: Mapping[str, int] | None = None
) -> Converted:
    """Write the weights of `source` to `target`: a `.pth` in the official layout, or else a folder of Hugging Face's.

    `asked` are fields of the model that no weight tells, for models of no preset: see shape.TRACELESS. Weights keep
    their type and every bit. ValueError in one line for a source of another model, a target that is already there, or
    weights that the layout asked for cannot hold.
    """
    if target.exists():
        raise ValueError(f"{target} is already there: choose another name, or remove it")
    target.absolute().parent.mkdir(parents=True, exist_ok=True)
    found = files.read(source)
    tensors, left_out = found.tensors, list(found.left_out)
    if encoder_only:
        tensors = {key: value for key, value in tensors.items() if key.startswith("encoder.")}
        left_out += sorted({key.split(".")[0] for key in found.tensors.keys() - tensors.keys()})
    try:
        config, untold = shape.shape_of(tensors, found.said, asked or {})
        _check(tensors, config)
        if target.suffix == ".pth":
            files.write_official(target, tensors, None if untold else config)
        elif untold:
            told = " ".join(f"--set {field}=..." for field in untold)
            raise ValueError(f"the weights do not tell {', '.join(untold)}, and no preset has just these: add {told}")
        else:
            files.write_hugging_face(target, tensors, config)
    except ValueError as refused:
        raise ValueError(f"{source}: {refused}") from refused
    return Converted(
        target=target,
        layout=found.layout,
        kind=shape.architecture(config, tensors),
        config=config,
        untold=untold,
        num_parameters=sum(t.numel() for t in tensors.values()),
        left_out=left_out,
    )


def _check(tensors: Tensors, config: ModelConfig) -> None:
    """ValueError unless these are all weights of that model, in its sizes, and no others."""
    whole = config.decoder_depth > 0
    built = config if whole else replace(config, decoder_width=config.width, decoder_num_heads=config.num_heads)
    with torch.device("meta"):
        own = {key: t.shape for key, t in MaskedAutoencoder(built).state_dict().items()}
    if not whole:
        own = {key: size for key, size in own.items() if key.startswith("encoder.")}
        own |= {key: t.shape for key, t in tensors.items() if key.startswith(("head.", "fc_norm."))}
        if not any(key.startswith("encoder.norm.") for key in tensors):  # a classifier by mean pooling has none
            own = {key: size for key, size in own.items() if not key.startswith("encoder.norm.")}
    differing = [key for key in own.keys() & tensors.keys() if own[key] != tensors[key].shape]
    for what, keys in (
        ("the weights lack", own.keys() - tensors.keys()),
        ("the weights have another size of", set(differing)),
        ("no VideoMAE V2 has", tensors.keys() - own.keys()),
    ):
        if keys:
            raise ValueError(f"{what} {min(keys)} ({len(keys)} such)")
