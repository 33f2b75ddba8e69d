"""Checks this implementation against tensors made by the official VideoMAE V2 code.

    python -m bench.golden ../shared/golden

prints one line for each file of the folder's manifest.json: the value that is farthest off, and how far. Exit 1 when
one is out of tolerance, damaged, missing, or of a kind that nothing here checks. Settings come from the manifest and
kinds from what is in the files, so that folders with other names, seeds and models are checked too. A setting that
nothing here reads fails its file.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from bench import golden_classifier as classifier
from bench import golden_data as data
from bench import golden_file
from bench import golden_finetune as finetune
from bench import golden_pretrain as pretrain
from bench.golden_claim import Claim
from bench.golden_file import UNREADABLE, GoldenFile, Meta

Check = Callable[[GoldenFile], Iterator[Claim]]


@dataclass(frozen=True, slots=True)
class Kind:
    """Files that hold the same things."""

    known_by: str
    """Pattern of a name that each holds."""
    check: Check


def check_augment(file: GoldenFile) -> Iterator[Claim]:
    """What pretraining, tests and fine-tuning make of frames."""
    yield from data.check_augment(file)
    yield from finetune.check_augment(file)


KINDS = [
    Kind("out.pred", pretrain.check_model),
    Kind("in.0.encoder_mask", pretrain.check_trajectory),
    Kind("encoder.patch_embed.proj.weight", pretrain.check_checkpoint),
    Kind("state_keys", pretrain.check_groups),
    Kind("s0_tube_only", data.check_masks),
    Kind("pre0_frame_ids", data.check_frame_indices),
    Kind("ft0_test", data.check_frame_indices),
    Kind("raw0_test", data.check_frame_indices),
    Kind("pretrain0_clip", check_augment),
    Kind("v0", data.check_schedules),
    Kind("in0", data.check_interpolation),
    Kind("full_*x*", data.check_sinusoid),
    Kind("rows_*x*", data.check_sinusoid),
    Kind("out.logits", classifier.check_model),
    Kind("init.head.weight", finetune.check_steps),
    Kind("head.weight", finetune.check_checkpoint),
    Kind("patch_embed.proj.weight", finetune.check_checkpoint),
    Kind("x_0", finetune.check_mixup),
    Kind("copied_into_finetune", classifier.check_load_mapping),
    Kind("", finetune.check_layer_decay),  # layer_decay_groups.json is a list
    Kind("expected.json", classifier.check_merge),
]


def listed(folder: Path) -> dict[str, dict[str, Any]]:
    """Each file of the folder's manifest with what is said of it; ValueError if there is no manifest."""
    manifest = folder / "manifest.json"
    if not manifest.exists():
        raise ValueError(f"there is no {manifest}: give a folder of golden files")
    entries: dict[str, dict[str, Any]] = json.loads(manifest.read_text(encoding="utf-8"))["files"]
    return entries


def files(folder: Path) -> dict[str, dict[str, Any]]:
    """Each file of the folder's manifest with its settings."""
    return {name: entry.get("meta", {}) for name, entry in listed(folder).items()}


def kind_of(file: GoldenFile) -> Kind:
    """ValueError for a file of none."""
    for kind in KINDS:
        if any(fnmatch(name, kind.known_by) for name in file.contents):
            return kind
    raise ValueError("nothing here knows what is in it")


def claims_of(file: GoldenFile, kind: Kind) -> list[Claim]:
    """All values that the file tells of; ValueError for arrays and settings that nobody looks at."""
    claims = list(kind.check(file))
    if (left := file.contents.unasked()) or not claims:
        raise ValueError(f"nothing here checks {', '.join(left) or 'it'}")
    if unknown := file.meta.unasked():
        raise ValueError(f"nothing here knows the setting {', '.join(unknown)}")
    return claims


def line_for(path: Path, entry: Meta) -> tuple[str, bool]:
    """What to say of a file of which the manifest says this, and whether it may pass."""
    name = f"{path.name}/" if path.is_dir() else path.name
    try:
        file = golden_file.read(path, entry.get("meta", {}))
        golden_file.check_complete(file, entry)
        claims = claims_of(file, kind_of(file))
    except UNREADABLE as broken:
        reason = " ".join(f"{type(broken).__name__ if isinstance(broken, KeyError) else ''} {broken}".split())
        return f"FAILED   {name}: {reason}", False
    worst = max(claims, key=Claim.error)
    passed = worst.error() <= 1
    return f"{'ok    ' if passed else 'FAILED'}   {name}: {len(claims)} values, {worst.said()}", passed


def report(folder: Path) -> bool:
    """Print one line a file; False if any may not pass."""
    passed = True
    for name, entry in listed(folder).items():
        line, fine = line_for(folder / name, entry)
        print(line, flush=True)
        passed &= fine
    return passed


def main() -> None:
    """Check the folder named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    try:
        passed = report(parser.parse_args().folder)
    except ValueError as mistake:
        sys.exit(f"bench.golden: {mistake}")
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
