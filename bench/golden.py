"""Checks this implementation against tensors made by the official VideoMAE V2 code.

    python -m bench.golden ../shared/golden

prints one line a file with its largest error, in units of what is allowed; exit 1 when any is beyond. Configurations
come from the folder's manifest.json, so that a folder made with other settings can be checked too. Files that concern
fine-tuning print `pending`.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from bench import golden_pretrain as pretrain
from bench.golden_claim import Claim

Check = Callable[[Path, dict[str, Any]], Iterator[Claim]]
CHECKS: dict[str, Check] = {
    "pretrain_*.safetensors": pretrain.check_model,
    "train_traj_*.safetensors": pretrain.check_trajectory,
    "checkpoint-*.pth": pretrain.check_checkpoint,
    "pretrain_groups.json": pretrain.check_groups,
    "sinusoid.npz": pretrain.check_sinusoid,
    "masks.npz": pretrain.check_masks,
    "frame_indices.npz": pretrain.check_frame_indices,
    "augment.npz": pretrain.check_augment,
    "cosine_schedules.npz": pretrain.check_schedules,
}
PARTLY = {"frame_indices.npz", "augment.npz"}
"""Files of which only the arrays of pretraining are checked."""


def files(folder: Path) -> dict[str, dict[str, Any]]:
    """Each file of the folder's manifest with its settings."""
    listed = json.loads((folder / "manifest.json").read_text())["files"]
    return {name: entry.get("meta", {}) for name, entry in listed.items()}


def check_for(name: str) -> Check | None:
    """What checks a file of that name; None where nothing does yet."""
    return next((check for pattern, check in CHECKS.items() if fnmatch(name, pattern)), None)


def report(folder: Path) -> bool:
    """Print one line a file; False if any is out of tolerance."""
    passed = True
    for name, meta in files(folder).items():
        check = check_for(name)
        if check is None:
            print(f"pending  {name}")
            continue
        claims = list(check(folder / name, meta))
        worst = max(claims, key=Claim.error)
        passed &= worst.error() <= 1
        rest = ", the rest pending" if name in PARTLY else ""
        word = "ok     " if worst.error() <= 1 else "FAILED "
        print(f"{word}  {name}: {len(claims)} values, worst {worst.what} at {worst.error():.2g} of tolerance{rest}")
    return passed


def main() -> None:
    """Check the folder named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    sys.exit(0 if report(parser.parse_args().folder) else 1)


if __name__ == "__main__":
    main()
