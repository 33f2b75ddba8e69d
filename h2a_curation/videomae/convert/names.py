"""What a tensor is called, in the official code and in Hugging Face `transformers`.

Names on the official side are those of the pretraining model, so `encoder.` stands before all of the encoder.
Hugging Face keeps query, key and value apart where the official code has one matrix. Its files hold `q_bias` and
`v_bias`; since release 5 its models call them `query.bias` and `value.bias`, and some files do. Keys have no bias.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

Tensors = dict[str, Tensor]
HEAD = ("head.weight", "head.bias")
"""The weights of a classifier's head."""


class _Table(NamedTuple):
    """Beginnings of names, each with what takes its place."""

    stacks: Mapping[str, str]
    in_block: Mapping[str, str]
    elsewhere: Mapping[str, str]


_TO_HUGGING_FACE = _Table(
    stacks={"encoder.blocks.": "videomae.encoder.layer.", "decoder.blocks.": "decoder.decoder_layers."},
    in_block={
        "norm1.": "layernorm_before.",
        "norm2.": "layernorm_after.",
        "attn.q_bias": "attention.attention.q_bias",
        "attn.v_bias": "attention.attention.v_bias",
        "attn.proj.": "attention.output.dense.",
        "mlp.fc1.": "intermediate.dense.",
        "mlp.fc2.": "output.dense.",
    },
    elsewhere={
        "encoder.patch_embed.proj.": "videomae.embeddings.patch_embeddings.projection.",
        "encoder.norm.": "videomae.layernorm.",
        "head.": "classifier.",
        **{name: name for name in ("mask_token", "encoder_to_decoder.", "decoder.norm.", "decoder.head.", "fc_norm.")},
    },
)
_FROM_HUGGING_FACE = _Table(*({theirs: ours for ours, theirs in part.items()} for part in _TO_HUGGING_FACE))

_QKV = "attn.qkv.weight"
_THREE = tuple(f"attention.attention.{part}.weight" for part in ("query", "key", "value"))
_KEY_BIAS = "attention.attention.key.bias"
_WRAPPERS = ("_orig_mod.", "module.", "model.", "backbone.")
"""What torch.compile, DistributedDataParallel and other people's models put before all names."""


def unwrapped(tensors: Tensors) -> Tensors:
    """The same without what wrappers put before the names."""
    for wrapper in _WRAPPERS * 2:
        if all(key.startswith(wrapper) for key in tensors):
            tensors = {key.removeprefix(wrapper): value for key, value in tensors.items()}
    if "backbone.patch_embed.proj.weight" in tensors:  # a head beside it has no such prefix
        tensors = {key.removeprefix("backbone."): value for key, value in tensors.items()}
    return tensors


def to_hugging_face(tensors: Tensors) -> Tensors:
    """ValueError names a tensor for which Hugging Face's model has no place."""
    renamed: Tensors = {}
    for key, value in tensors.items():
        block, inside = _split(key, _TO_HUGGING_FACE)
        if inside == _QKV:
            theirs = _swap(block, _TO_HUGGING_FACE.stacks)
            renamed |= {theirs + name: part.contiguous() for name, part in zip(_THREE, value.chunk(3), strict=True)}
        else:
            renamed[_renamed(key, _TO_HUGGING_FACE)] = value
    return renamed


def from_hugging_face(tensors: Tensors) -> Tensors:
    """The other way round; a model without a head may lack the `videomae.` before its names."""
    if not any(key.startswith("videomae.") for key in tensors):
        tensors = {f"videomae.{key}": value for key, value in tensors.items()}
    tensors = {re.sub(r"\.attention\.(q|v)(uery|alue)\.bias$", r".attention.\1_bias", k): v for k, v in tensors.items()}
    renamed: Tensors = {}
    for key, value in tensors.items():
        block, inside = _split(key, _FROM_HUGGING_FACE)
        if inside == _KEY_BIAS:
            if value.any():
                raise ValueError(f"{key} is not zero, and VideoMAE V2 has no bias for keys")
        elif inside == _THREE[0]:
            parts = [tensors[block + name] for name in _THREE]
            renamed[_swap(block, _FROM_HUGGING_FACE.stacks) + _QKV] = torch.cat(parts)
        elif inside not in _THREE:
            renamed[_renamed(key, _FROM_HUGGING_FACE)] = value
    return renamed


def _renamed(key: str, table: _Table) -> str:
    block, inside = _split(key, table)
    return _swap(block, table.stacks) + _swap(inside, table.in_block) if inside else _swap(key, table.elsewhere)


def _split(key: str, table: _Table) -> tuple[str, str]:
    """`encoder.blocks.3.` and what it is inside of that; the whole name and nothing outside of blocks."""
    for stack in table.stacks:
        if key.startswith(stack):
            number, _, inside = key.removeprefix(stack).partition(".")
            return f"{stack}{number}.", inside
    return key, ""


def _swap(name: str, beginnings: Mapping[str, str]) -> str:
    for before, after in beginnings.items():
        if name.startswith(before):
            return after + name.removeprefix(before)
    raise ValueError(f"the other layout has no place for {name}")
