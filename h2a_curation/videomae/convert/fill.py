"""A model from a checkpoint of any layout: what fitted, what stays as it began, and what nobody had a place for."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

import torch
from torch import Tensor, nn

from h2a_curation.videomae.convert import files, shape
from h2a_curation.videomae.convert.names import HEAD
from h2a_curation.videomae.model.classifier import Classifier
from h2a_curation.videomae.model.frozen import FrozenEncoder
from h2a_curation.videomae.model.positions import resized_table, sinusoid_table
from h2a_curation.videomae.presets import ModelConfig

_POSITIONS = "encoder.pos_embed"
"""A learnt table. The models that the official scripts make have a fixed one, which no file holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """What became of the weights of a checkpoint and of a model; names as each side has them."""

    fitted: list[str]
    fresh: list[str]
    """Weights of the model that the checkpoint does not have, or has for another number of classes."""
    unused: list[str]
    """Weights of the checkpoint for which the model has no place."""
    resized: list[str]
    """What was brought to another size, in words."""

    def __str__(self) -> str:
        said = [f"{len(self.fitted)} weights fitted", *self.resized]
        for what, names in (("left fresh", self.fresh), ("not used", self.unused)):
            if names:
                said.append(f"{len(names)} {what} ({', '.join(_parts(names))})")
        return "; ".join(said)


def fill(model: nn.Module, found: files.Found) -> Fitting:
    """Load what fits into a pretraining model or a classifier, as float32, as the official code does.

    A head for another number of classes is left fresh. ValueError for any other weight of another size.
    """
    own = model.state_dict()
    given = {_place(name, own): (name, tensor) for name, tensor in found.tensors.items()}
    taken: dict[str, Tensor] = {}
    for name in own.keys() & given.keys():
        tensor = given[name][1]
        if tensor.shape == own[name].shape:
            taken[name] = tensor.to(own[name].dtype)
        elif name not in HEAD:
            raise ValueError(f"{given[name][0]} has size {tuple(tensor.shape)}, the model's {tuple(own[name].shape)}")
    if len(taken.keys() & set(HEAD)) == 1:  # half a head is none
        taken = {name: tensor for name, tensor in taken.items() if name not in HEAD}
    model.load_state_dict(taken, strict=False)
    resized = _fill_positions(model, found.tensors)
    unused = [name for place, (name, _) in given.items() if place not in taken]
    return Fitting(
        fitted=[name for name in own if name in taken],
        fresh=[name for name in own if name not in taken],
        unused=[name for name in unused if not (resized and name == _POSITIONS)],
        resized=resized,
    )


def classifier_from(
    source: Path, asked: Mapping[str, int] | None = None, num_classes: int | None = None
) -> tuple[Classifier, Fitting, files.Found]:
    """The classifier of a checkpoint, with a head for `num_classes` where that is given: one that is fresh, if need be.

    `asked` are fields of the model that no weight tells: see shape.TRACELESS. ValueError in one line for a checkpoint
    of no classifier where no number of classes is given, and for one that does not tell what its model is.
    """
    found = files.read(source)
    try:
        config = encoder_config(found, asked or {})
        if num_classes is None and any(name not in found.tensors for name in HEAD):
            told = "its weights end without a head; h2a features takes it as it is"
            raise ValueError(f"it holds no classifier ({found.layout}): {told}")
        model = Classifier(config, num_classes or len(found.tensors["head.bias"]), mean_pooling=_pools(found))
        return model, _frozen(model, found), found
    except ValueError as refused:
        raise ValueError(f"{source}: {refused}") from refused


def encoder_from(
    source: Path, asked: Mapping[str, int] | None = None
) -> tuple[FrozenEncoder | Classifier, Fitting, files.Found]:
    """What makes features of clips, by `features`: a classifier without its head, else the encoder of pretraining.

    ValueError in one line for a checkpoint whose last norm is missing, as `h2a convert --encoder` leaves it out of a
    classifier by mean pooling: features are taken behind it.
    """
    found = files.read(source)
    try:
        config = encoder_config(found, asked or {})
        model: FrozenEncoder | Classifier
        if "fc_norm.weight" in found.tensors or all(name in found.tensors for name in HEAD):
            model = Classifier(config, 1, mean_pooling=_pools(found))
            model.add_module("head", nn.Identity())
        else:
            model = FrozenEncoder(config)
        fitting = _frozen(model, found)
        if fitting.fresh:
            raise ValueError(f"it lacks weights of an encoder and its last norm: {fitting}")
        return model, fitting, found
    except ValueError as refused:
        raise ValueError(f"{source}: {refused}") from refused


def _frozen(model: nn.Module, found: files.Found) -> Fitting:
    """Fill a model that is not trained, and give its norms the epsilon that they were trained with."""
    model.requires_grad_(False)
    for name, norm in _norms(model):
        norm.eps = found.norm_eps[name == "fc_norm"]
    return fill(model, found)


def hash_of_weights(model: nn.Module) -> str:
    """A hash of names, weights, learnt positions and the norms' epsilon, the same whatever layout they lay in."""
    learnt = {
        name: table
        for name, table in model.named_buffers()
        if name.endswith("positions") and not torch.equal(table.cpu(), sinusoid_table(*table.shape))
    }
    digest = _digest_of({**model.state_dict(), **learnt})
    digest.update(repr([norm.eps for _, norm in _norms(model)]).encode())
    return digest.hexdigest()


def hash_of_found(found: files.Found) -> str:
    """A hash of a checkpoint's names and weights, the same whatever layout they lay in."""
    return _digest_of(dict(sorted(found.tensors.items()))).hexdigest()


def _digest_of(tensors: Mapping[str, Tensor]) -> blake2b:
    digest = blake2b(digest_size=16)
    for name, tensor in tensors.items():
        digest.update(name.encode())
        # NumPy has no bfloat16, and every one of them is a float32 as well.
        whole = tensor.detach().cpu().contiguous()
        digest.update((whole.float() if whole.dtype is torch.bfloat16 else whole).numpy().tobytes())
    return digest


def _norms(model: nn.Module) -> list[tuple[str, nn.LayerNorm]]:
    return [(name, module) for name, module in model.named_modules() if isinstance(module, nn.LayerNorm)]


def encoder_config(found: files.Found, asked: Mapping[str, int]) -> ModelConfig:
    """The encoder's shape alone: nobody need tell of a decoder what a classifier does without.

    ValueError where neither the weights nor `asked` tell all of it.
    """
    encoder = {name: tensor for name, tensor in found.tensors.items() if name.startswith("encoder.")}
    config, untold = shape.shape_of(encoder, found.said, asked)
    if untold:
        told = " ".join(f"--set {name}=..." for name in untold)
        raise ValueError(f"the weights do not tell {', '.join(untold)}, and no preset has just these: add {told}")
    return replace(config, decoder_width=0, decoder_depth=0, decoder_num_heads=0)


def _pools(found: files.Found) -> bool:
    """Whether the mean over tokens is classified, as by default, or the first token (`--use_cls`)."""
    is_classifier = "head.weight" in found.tensors
    return "fc_norm.weight" in found.tensors or not (is_classifier and "encoder.norm.weight" in found.tensors)


def _place(name: str, own: Mapping[str, Tensor]) -> str:
    """What a weight is called in the model: a classifier has the encoder's weights without `encoder.`."""
    return name if name in own or "mask_token" in own else name.removeprefix("encoder.")


def _fill_positions(model: nn.Module, tensors: Mapping[str, Tensor]) -> list[str]:
    """Take over a learnt table, resized where it is of another grid; what was done, in words."""
    if _POSITIONS not in tensors:
        return []
    encoder = model if isinstance(model, Classifier) else model.get_submodule("encoder")
    config = model.config
    assert isinstance(config, ModelConfig)
    table = tensors[_POSITIONS].detach().float().reshape(-1, config.width)
    slices, *grid = config.window
    positions = encoder.get_buffer("positions")
    if table.shape == positions.shape:
        positions.copy_(table)
        return ["learnt positions"]
    with torch.no_grad():
        positions.copy_(resized_table(table, slices, (grid[0], grid[1])))
    return [f"learnt positions, resized from {len(table)} to {len(positions)} tokens"]


def _parts(names: list[str]) -> list[str]:
    """The beginnings of names, each once: `decoder`, `encoder.norm`."""
    parts = {".".join(name.split(".")[:2]) if name.startswith("encoder.") else name.split(".")[0] for name in names}
    return sorted(parts)
