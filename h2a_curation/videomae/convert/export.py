"""The weights of one checkpoint in every form that others load, each read back and compared."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from h2a_curation.foundation.atomic_files import keep, scratch, sync
from h2a_curation.videomae.convert import files, shape
from h2a_curation.videomae.convert.fill import classifier_from, encoder_from
from h2a_curation.videomae.presets import ModelConfig

OFFICIAL, SAFETENSORS, HUGGING_FACE = "official.pth", "official.safetensors", "transformers"
"""Names of the forms in the folder."""
_CLIPS, _SEED = 2, 0
"""Clips of noise on which two forms are compared: weights that are the same bit for bit differ on none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Weights as one program loads them."""

    name: str
    """A file or folder beside the others."""
    loaded_by: str
    largest_difference: float
    """The most by which outputs for clips of noise differ between this form, read back, and the checkpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedWeights:
    """What became of a checkpoint."""

    kind: str
    """The class of Hugging Face that these weights fill."""
    config: ModelConfig
    num_parameters: int
    forms: list[Form]
    left_out: list[str]
    """What was in the checkpoint and is in no form, such as `optimizer`."""
    missing: list[str]
    """Forms that cannot hold these weights, and why."""


def export_weights(source: Path, folder: Path, class_names: Sequence[str] = ()) -> ExportedWeights:
    """Write the checkpoint's weights into a folder that is there, in all forms.

    ValueError in one line for a checkpoint of no known layout, or a form that does not give back what it was made of:
    the folder is of no use then.
    """
    found = files.read(source)
    config, untold = shape.shape_of(found.tensors, found.said, {})
    if untold:
        raise ValueError(f"{source} does not tell {', '.join(untold)}: export a checkpoint of a run of ours")
    official = _official_names(found.tensors)
    files.write_official(folder / OFFICIAL, found.tensors, config)
    _write_safetensors(folder / SAFETENSORS, official, config)
    names = [(OFFICIAL, "the official code, h2a"), (SAFETENSORS, "safetensors, h2a")]
    missing = []
    try:
        files.write_hugging_face(folder / HUGGING_FACE, found.tensors, config, class_names)
        names.append((HUGGING_FACE, "transformers (from_pretrained), h2a"))
    except ValueError as refused:
        missing.append(str(refused))
    clips = _clips(config)
    wanted = _made_of(source, clips)
    forms = []
    for name, loaded_by in names:
        back = files.read(folder / name)
        _same(found.tensors, back.tensors, folder / name)
        apart = float((_made_of(folder / name, clips) - wanted).abs().max())
        forms.append(Form(name=name, loaded_by=loaded_by, largest_difference=apart))
    return ExportedWeights(
        kind=shape.architecture(config, found.tensors),
        config=config,
        num_parameters=sum(tensor.numel() for tensor in found.tensors.values()),
        forms=forms,
        left_out=list(found.left_out),
        missing=missing,
    )


def _official_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names as the official model that has these weights gives them."""
    if "mask_token" in tensors:
        return dict(tensors)
    return {key.removeprefix("encoder."): value for key, value in tensors.items()}


def _write_safetensors(target: Path, tensors: Mapping[str, Tensor], config: ModelConfig) -> None:
    told = {"format": "pt", files.OWN_MODEL: json.dumps(asdict(config))}
    with scratch(target.parent, f".{target.name}.") as aside:
        unfinished = aside / target.name
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, unfinished, told)
        sync(unfinished)
        keep(target.parent, unfinished, target)


def _clips(config: ModelConfig) -> Tensor:
    generator = torch.Generator().manual_seed(_SEED)
    size = (_CLIPS, config.num_frames, *config.frame_px, 3)
    return torch.randint(0, 256, size, generator=generator, dtype=torch.uint8)


@torch.inference_mode()
def _made_of(source: Path, clips: Tensor) -> Tensor:
    """Logits of a classifier, else features of an encoder: norms as trained, whatever a form's own default is."""
    if "head.weight" in files.read(source).tensors:
        classifier, _, _ = classifier_from(source)
        logits: Tensor = classifier.eval()(clips)
        return logits
    encoder, _, _ = encoder_from(source)
    return encoder.eval().features(clips)


def _same(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor], where: Path) -> None:
    """ValueError unless all weights are there, bit for bit."""
    if wanted.keys() != found.keys():
        raise ValueError(f"{where} does not give back {min(wanted.keys() ^ found.keys())}")
    for name, tensor in wanted.items():
        if tensor.dtype != found[name].dtype or not torch.equal(tensor, found[name]):
            raise ValueError(f"{where} gives back another {name}")
