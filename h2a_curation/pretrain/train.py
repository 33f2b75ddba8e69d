"""Pretraining, from finished shards to a checkpoint: seeded, and after any interruption the same run."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from h2a_curation.pretrain import checkpoint
from h2a_curation.pretrain.held_out import HeldOutLoss, held_out_batches, measure, split_members
from h2a_curation.pretrain.history import History, Step
from h2a_curation.pretrain.loader import Batch, Stream, prefetched
from h2a_curation.pretrain.model import MaskedAutoencoder
from h2a_curation.pretrain.optim import StepSize, make_optimizer
from h2a_curation.pretrain.presets import Preset, preset
from h2a_curation.pretrain.reconstruct import picture
from h2a_curation.pretrain.result import Result, finished_result, write_result
from h2a_curation.pretrain.schedule import learning_rates
from h2a_curation.pretrain.shards import open_version, read_clip
from h2a_curation.pretrain.signals import stop_requests
from h2a_curation.pretrain.start import look_at_neighbours
from h2a_curation.pretrain.step import train_step

Progress = Callable[[int, int, float], None]
"""`progress(steps done, steps in all, loss of the last one)`."""


def pretrain(
    lake: Path | str,
    version: str,
    preset_name: str,
    out: Path,
    *,
    steps: int | None = None,
    seed: int = 0,
    threads: int | None = None,
    workers: int = 2,
    device: str | None = None,
    progress: Progress | None = None,
) -> Result:
    """Train a preset on the train split of a published version, in the folder `out`.

    `steps` replaces the preset's length. `threads` are torch's, by default those that the `workers` of the loader leave
    free; more than there are idle cores make it slower, not faster. `device` is `cuda` where there is one, else `cpu`.

    Called again with the same arguments it goes on from the newest checkpoint with the losses that an undisturbed run
    would have, or returns the result of a finished run. SIGTERM and Ctrl-C end a run after the step at hand, saved.

    ValueError in one line for an unknown preset, an empty or damaged version, or an `out` of another run;
    FloatingPointError, with the batch's clips, where the loss or a gradient is not finite.
    """
    started_s = time.monotonic()
    torch.set_num_threads(threads or max(1, (os.cpu_count() or 1) - workers))
    opened = open_version(lake, version)
    members, held_out = split_members(opened)
    chosen = preset(preset_name).adjusted(steps=steps)
    settings = _settings(chosen, seed, version, opened.clips_sha256)
    if (finished := finished_result(out, settings)) is not None:
        return finished
    read = partial(read_clip, opened)
    batches = held_out_batches(held_out, read, chosen, seed)
    stream = Stream(members=members, read=read, preset=chosen, seed=seed)
    run = _start(out, stream, settings, batches, torch.device(device or _best_device()))
    seconds, waited_s = _loop(run, workers, progress)
    return _conclude(run, batches, seconds, waited_s, started_s)


@dataclass(slots=True, kw_only=True)
class _Run:
    """What a run has in hand while it lasts."""

    out: Path
    settings: dict[str, Any]
    stream: Stream
    device: torch.device
    model: MaskedAutoencoder
    optimizer: torch.optim.Optimizer
    history: History
    first_step: int
    num_steps: int
    held_out_before: HeldOutLoss


def _start(out: Path, stream: Stream, settings: dict[str, Any], batches: list[Batch], device: torch.device) -> _Run:
    recipe = stream.preset.recipe
    out.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream.seed)
        model = MaskedAutoencoder(stream.preset.model, recompute=recipe.recompute)
        if recipe.neighbour_start:
            look_at_neighbours(model)
    model = model.to(device)
    optimizer = make_optimizer(model, recipe.weight_decay, recipe.betas)
    before = measure(model, batches, device)
    first_step = _resume(out, settings, model, optimizer, device)
    num_parameters = sum(p.numel() for p in model.parameters())
    return _Run(
        out=out,
        settings=settings,
        stream=stream,
        device=device,
        model=model,
        optimizer=optimizer,
        history=History(out, first_step, first_step // stream.steps_per_epoch, num_parameters),
        first_step=first_step,
        num_steps=recipe.num_steps(stream.steps_per_epoch),
        held_out_before=before,
    )


def _loop(run: _Run, workers: int, progress: Progress | None) -> tuple[float, float]:
    """All steps that are left; returns the seconds they took, and of those the seconds spent waiting for a batch."""
    recipe, per_epoch = run.stream.preset.recipe, run.stream.steps_per_epoch
    rates = learning_rates(recipe, run.num_steps)
    waited_s, began_s = 0.0, time.monotonic()
    with (
        stop_requests() as stop,
        prefetched(run.stream, run.first_step, run.num_steps, workers) as batches,
    ):
        for step in range(run.first_step, run.num_steps):
            asked_s = time.monotonic()
            batch = next(batches).to(run.device)
            waited_s += time.monotonic() - asked_s
            size = StepSize(
                learning_rate=float(rates[step]), weight_decay=recipe.weight_decay, clip_grad=recipe.clip_grad
            )
            loss, norm = train_step(run.model, run.optimizer, batch, size)
            run.history.add(
                Step(
                    step=step,
                    epoch=step // per_epoch,
                    loss=loss,
                    learning_rate=size.learning_rate,
                    weight_decay=size.weight_decay,
                    grad_norm=norm,
                )
            )
            if (step + 1) % per_epoch == 0 or step + 1 == run.num_steps:
                run.history.end_epoch(step // per_epoch)
            if progress is not None:
                progress(step + 1, run.num_steps, loss)
            stopping = stop.signal is not None
            _save_if_due(run, step + 1, stopping=stopping)
            if stopping:
                stop.obey()
    return time.monotonic() - began_s, waited_s


def _save_if_due(run: _Run, num_done: int, *, stopping: bool) -> None:
    """Keep one every few epochs and at the end, in the official name; between those, replace `checkpoint-last.pth`."""
    recipe, per_epoch = run.stream.preset.recipe, run.stream.steps_per_epoch
    epoch = (num_done - 1) // per_epoch
    ends_epoch = num_done % per_epoch == 0
    keep = num_done == run.num_steps or (ends_epoch and (epoch + 1) % recipe.save_epochs == 0)
    if not (keep or stopping or num_done % recipe.save_steps == 0):
        return
    state = {
        "model": run.model.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "epoch": epoch if keep or ends_epoch else epoch - 1,
        "args": run.settings,
        "step": num_done,
    }
    checkpoint.save(run.out / (f"checkpoint-{epoch}.pth" if keep else checkpoint.LAST), state)
    if keep:
        (run.out / checkpoint.LAST).unlink(missing_ok=True)


def _resume(
    out: Path,
    settings: dict[str, Any],
    model: MaskedAutoencoder,
    optimizer: torch.optim.Optimizer,
    device: torch.device,
) -> int:
    """Load the newest checkpoint, if there is one; the number of steps done."""
    path = checkpoint.newest(out)
    if path is None:
        return 0
    content = checkpoint.load(path, device)
    theirs = content.get("args")
    if not isinstance(theirs, dict) or theirs != settings:
        known = theirs if isinstance(theirs, dict) else {}
        differing = sorted(key for key in settings if known.get(key) != settings[key])
        raise ValueError(
            f"{path} is of a run with another {', '.join(differing)}: choose another folder, or empty this"
        )
    checkpoint.fill(model, checkpoint.weights(content), str(path))
    optimizer.load_state_dict(content["optimizer"])
    return int(content["step"])


def _conclude(run: _Run, batches: list[Batch], seconds: float, waited_s: float, started_s: float) -> Result:
    after = measure(run.model, batches, run.device)
    image = run.out / "reconstruction.png"
    picture(run.model, batches[0]).save(image)
    path = checkpoint.newest(run.out)
    assert path is not None
    losses = run.history.losses
    result = Result(
        checkpoint=path,
        picture=image,
        num_steps=run.num_steps,
        num_clips=len(run.stream.members),
        num_parameters=sum(p.numel() for p in run.model.parameters()),
        first_loss=losses[0],
        final_loss=losses[-1],
        held_out_before=run.held_out_before.model,
        held_out_after=after.model,
        held_out_mean_predictor=after.mean_predictor,
        held_out_ratio=after.ratio,
        device=run.device.type,
        wall_s=time.monotonic() - started_s,
        step_s=seconds / max(1, run.num_steps - run.first_step),
        loader_share=waited_s / max(seconds, 1e-9),
    )
    write_result(run.out, result, run.settings)
    return result


def _settings(chosen: Preset, seed: int, version: str, clips_sha256: str) -> dict[str, Any]:
    """All that decides a run's numbers, as plain JSON values."""
    settings = {"preset": asdict(chosen), "seed": seed, "version": version, "clips": clips_sha256}
    plain: dict[str, Any] = json.loads(json.dumps(settings))
    return plain


def _best_device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"
