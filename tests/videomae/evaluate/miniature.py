"""Benchmarks in miniature, in the formats in which their owners give them, with videos that the test makes."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import torch
from PIL import Image

from h2a_curation.taxonomy.benchmarks import benchmark_classes
from h2a_curation.videomae.model.autoencoder import MaskedAutoencoder
from h2a_curation.videomae.model.classifier import Classifier
from h2a_curation.videomae.presets import ModelConfig
from tests.videomae.world import encode, frames

CONFIG = ModelConfig(
    image_px=32,
    patch_px=16,
    num_frames=4,
    width=24,
    depth=1,
    num_heads=2,
    decoder_width=0,
    decoder_depth=0,
    decoder_num_heads=0,
)
TOLD = {"num_heads": 2, "image_px": 32, "num_frames": 4}
TOLD_OPTIONS = [word for name, value in TOLD.items() for word in ("--set", f"{name}={value}")]


def checkpoint(path: Path, num_classes: int, seed: int = 3) -> Path:
    """A classifier whose answers differ from video to video."""
    torch.manual_seed(seed)
    model = Classifier(CONFIG, num_classes)
    model.load_state_dict({key: torch.randn_like(value) * 0.4 for key, value in model.state_dict().items()})
    torch.save({"model": model.state_dict()}, path)
    return path


PRETRAINED = replace(CONFIG, decoder_width=16, decoder_depth=1, decoder_num_heads=1)


def pretrained(path: Path, seed: int = 3) -> Path:
    """A pretraining checkpoint of the same encoder, in the official layout, whose own arguments tell its shape."""
    torch.manual_seed(seed)
    model = MaskedAutoencoder(PRETRAINED)
    model.load_state_dict({key: torch.randn_like(value) * 0.4 for key, value in model.state_dict().items()})
    torch.save({"model": model.state_dict(), "args": {"preset": {"model": asdict(PRETRAINED)}}}, path)
    return path


def video(path: Path, seed: int, *, num_frames: int = 24, width: int = 56, height: int = 40) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(frames(seed, num_frames, width, height)))
    return path


def frame_folder(path: Path, seed: int, num_frames: int = 9) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(frames(seed, num_frames, 56, 40), 1):
        Image.fromarray(picture).save(path / f"img_{number:05d}.jpg", quality=95)
    return path


def official(folder: Path, num_videos: int = 5) -> Path:
    """`val.csv` of the official code; returns it. Classes 0 to 4."""
    lines = [f"{video(folder / f'v{i}.mp4', i, num_frames=12 + 8 * i).name} {i % 5}" for i in range(num_videos)]
    (folder / "val.csv").write_text("\n".join(lines) + "\n")
    return folder / "val.csv"


def official_folders(folder: Path) -> Path:
    lines = [f"{frame_folder(folder / f'f{i}', i, 7 + i).name} {7 + i} {i}" for i in range(3)]
    (folder / "val.csv").write_text("\n".join(lines) + "\n")
    return folder / "val.csv"


def kinetics(folder: Path) -> None:
    names = benchmark_classes("kinetics400")
    rows = ["label,youtube_id,time_start,time_end,split,is_cc"]
    for i, label in enumerate((3, 100, 399)):
        rows.append(f'"{names[label]}",vid{i}-_x,{10 * i},{10 * i + 10},validate,0')
        video(folder / "val" / names[label] / f"vid{i}-_x_{10 * i:06d}_{10 * i + 10:06d}.mp4", i)
    (folder / "validate.csv").write_text("\n".join(rows) + "\n")


def ucf101(folder: Path) -> None:
    names = benchmark_classes("ucf101")
    lists = folder / "ucfTrainTestlist"
    lists.mkdir(parents=True)
    (lists / "classInd.txt").write_text("".join(f"{i} {name}\r\n" for i, name in enumerate(names, 1)))
    for split in range(1, 4):
        listed = []
        for label in (0, 50, 100):
            name = f"{names[label]}/v_{names[label]}_g0{split}_c01.avi"
            video(folder / "UCF-101" / name, split + label)
            listed.append(name)
        (lists / f"testlist0{split}.txt").write_text("\n".join(listed) + "\n")


def hmdb51(folder: Path) -> None:
    lists = folder / "testTrainMulti_7030_splits"
    lists.mkdir(parents=True)
    for label, name in enumerate(benchmark_classes("hmdb51")):
        listed = [f"{name}_{i}.avi {i}" for i in range(3)]
        for split in range(1, 4):
            (lists / f"{name}_test_split{split}.txt").write_text(" \n".join(listed[split:] + listed[:split]) + " \n")
        if label < 2:
            video(folder / "videos" / name / f"{name}_2.avi", label)


def ssv2(folder: Path, *, as_folders: bool) -> None:
    names = benchmark_classes("ssv2")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "labels.json").write_text(json.dumps({name: str(i) for i, name in enumerate(names)}))
    listed = []
    for i, label in enumerate((0, 77, 173)):
        if as_folders:
            frame_folder(folder / "frames" / str(500 + i), i)
        else:
            video(folder / "videos" / f"{500 + i}.webm.mp4", i).rename(folder / "videos" / f"{500 + i}.webm")
        template = names[label].replace("something", "[something]")
        listed.append({"id": str(500 + i), "label": "whatever they wrote", "template": template, "placeholders": []})
    (folder / "validation.json").write_text(json.dumps(listed))
