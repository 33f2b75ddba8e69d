"""What a finished run has to show, and `summary.json`, by which the same run is known again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from h2a_curation.foundation import json_file
from h2a_curation.foundation.atomic_files import plain_name, replaced
from h2a_curation.videomae.loop.settings import as_json, differences

PICTURE = "reconstruction.png"

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a finished run has to show; also written to `summary.json`."""

    checkpoint: Path
    picture: Path
    num_steps: int
    num_clips: int
    num_parameters: int
    first_loss: float
    final_loss: float
    held_out_before: float
    held_out_after: float
    held_out_mean_predictor: float
    held_out_ratio: float
    """`held_out_after` over `held_out_mean_predictor`."""
    device: str
    num_devices: int
    wall_s: float
    """Time of the call that finished the run; all that follows is of that call too."""
    step_s: float
    """Mean time a step, the wait for its batch included."""
    clips_s: float
    samples_s: float
    mfu: float
    """Operations that the model asks for, over what a plain matrix product reaches on the same devices."""
    peak_memory_bytes: int
    """Most memory of one device; on a CPU that of the process."""
    loader_share: float
    """Part of the steps' time spent waiting for batches."""


def write_result(
    out: Path, result: Result, settings: "DataclassInstance", ancestry: Sequence[Mapping[str, Any]] = ()
) -> None:
    """Write `summary.json`: the result, with files by their names, the settings that it follows from, and how the run
    came about, where it was changed on the way or is a branch of another."""
    files = {"checkpoint": result.checkpoint.name, "picture": result.picture.name}
    with replaced(out, out / "summary.json") as file:
        about = {"settings": as_json(settings), **({"ancestry": list(ancestry)} if ancestry else {})}
        file.write((json.dumps(asdict(result) | files | about, indent=2) + "\n").encode())


def finished_result(out: Path, settings: "DataclassInstance") -> Result | None:
    """The result that a finished run with the same settings left in the folder.

    None also for a result that lacks a field of today: the run then concludes anew from its last checkpoint.
    """
    path = out / "summary.json"
    if not path.exists():
        return None
    summary = json_file.read_object(path)
    stored = summary.pop("settings", None)
    summary.pop("ancestry", None)
    if summary.keys() != {f.name for f in fields(Result)}:
        return None
    files = {key: out / plain_name(summary[key], f"{path} names as {key}") for key in ("checkpoint", "picture")}
    if any(d.counts for d in differences(stored, settings)) or not files["checkpoint"].exists():
        return None
    return Result(**summary | files)
