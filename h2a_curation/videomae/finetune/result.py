"""What a finished fine-tuning run has to show, in `summary.json`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from h2a_curation.foundation import json_file
from h2a_curation.foundation.atomic_files import plain_name, replaced
from h2a_curation.videomae.finetune.settings import FinetuningSettings
from h2a_curation.videomae.loop.settings import as_json, differences

SUMMARY = "summary.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedResult:
    """Figures of a finished run, before its final test."""

    checkpoint: Path
    """The last one, which is tested, as officially."""
    best: Path
    """The one with the highest accuracy on the videos that were validated on."""
    num_steps: int
    num_videos: int
    num_classes: int
    num_parameters: int
    first_loss: float
    final_loss: float
    val_loss: float
    val_acc1: float
    """Percent, as officially, of the last epoch."""
    val_acc5: float
    best_acc1: float
    device: str
    num_devices: int
    wall_s: float
    """Time of the call that finished the run; all that follows is of that call too."""
    step_s: float
    clips_s: float
    samples_s: float
    mfu: float
    peak_memory_bytes: int
    loader_share: float


def write_result(
    out: Path, result: TunedResult, settings: FinetuningSettings, ancestry: Sequence[Mapping[str, object]]
) -> None:
    """Write `summary.json`: the result, files by their names, the settings, and how the run came about."""
    files = {"checkpoint": result.checkpoint.name, "best": result.best.name}
    about = {"settings": as_json(settings), **({"ancestry": list(ancestry)} if ancestry else {})}
    with replaced(out, out / SUMMARY) as file:
        file.write((json.dumps(asdict(result) | files | about, indent=2) + "\n").encode())


def finished_result(out: Path, settings: FinetuningSettings) -> TunedResult | None:
    """The result that a finished run with the same settings left in the folder, if its checkpoints are there."""
    path = out / SUMMARY
    if not path.exists():
        return None
    summary = json_file.read_object(path)
    stored = summary.pop("settings", None)
    summary.pop("ancestry", None)
    if summary.keys() != {f.name for f in fields(TunedResult)}:
        return None
    files = {key: out / plain_name(summary[key], f"{path} names as {key}") for key in ("checkpoint", "best")}
    if any(d.counts for d in differences(stored, settings)) or not all(file.exists() for file in files.values()):
        return None
    return TunedResult(**summary | files)
