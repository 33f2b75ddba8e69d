"""Train the small open_clip model of the sample world: `python -m h2a_curation.sample_world.model.train_clip`.

Draws the frames (two processes, cached), trains with open_clip's own loss on groups of one frame a subject, measures on
other seeds, writes `data/sample_world`. Needs the extra `world`.
"""

import argparse
import json
import math
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from h2a_curation.decide.validate import ClipScores, mean_prompts, score_clips
from h2a_curation.foundation import child_processes
from h2a_curation.foundation.atomic_files import write_output
from h2a_curation.foundation.shipped_data import data_folder
from h2a_curation.sample_world.captions import captions_by_subject, vary
from h2a_curation.sample_world.classes import rendered_classes, rendered_negatives
from h2a_curation.sample_world.clip_spec import ACTIONS
from h2a_curation.sample_world.model.clip_metrics import Claims, draw_claims, summary
from h2a_curation.sample_world.model.colour_histogram import fit_colour_histogram
from h2a_curation.sample_world.model.small_clip import new_model, save_model, tokenizer, write_vocabulary
from h2a_curation.sample_world.model.training_frames import SUBJECTS, Chunk, chunk_frames, clip_subjects

METRICS = "metrics.json"
_EVALUATION_FRAMES = 8
_TRAINING_FRAMES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is drawn and how long is trained."""

    train_chunks: int = 40
    held_out_chunks: int = 4
    """For validation and test, each."""
    steps: int = 440
    groups_a_step: int = 2
    """A group is one frame of each subject, and its captions."""
    learning_rate: float = 8e-4
    weight_decay: float = 0.05
    frozen_blocks: int = 2
    """The stem and so many of the seven blocks keep their ImageNet weights: half of the cost of a step."""
    minutes: float = 40.0
    """Training ends after so long even if steps are left: the learning rate follows whichever is further."""
    seed: int = 0


def draw(split: str, num_chunks: int, num_frames: int, folder: Path) -> NDArray[np.uint8]:
    """[clip, frame, height, width, rgb] of a split, drawn by two processes unless cached."""
    folder.mkdir(parents=True, exist_ok=True)
    chunks = [Chunk(split=split, number=number, num_frames=num_frames) for number in range(num_chunks)]
    child_processes.keep_safe()
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn, initializer=cv2.setNumThreads, initargs=(1,)) as processes:
        files = list(processes.map(partial(chunk_frames, folder=folder), chunks))
    return np.concatenate([np.load(file) for file in files])


def as_input(frames: NDArray[np.uint8]) -> torch.Tensor:
    """[image, height, width, rgb] to what the model takes: the preprocessing of its config, without the resize."""
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def augment(images: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Mirror, move and zoom a little, change the light: nuisances that cost nothing to draw."""
    num = len(images)
    theta = torch.zeros(num, 2, 3)
    zoom = torch.from_numpy(rng.uniform(0.8, 1.12, num)).float()
    theta[:, 0, 0] = zoom * torch.from_numpy(rng.choice([-1.0, 1.0], num)).float()
    theta[:, 1, 1] = zoom * torch.from_numpy(rng.uniform(0.9, 1.1, num)).float()
    theta[:, :, 2] = torch.from_numpy(rng.uniform(-0.12, 0.12, (num, 2))).float()
    grid = torch.nn.functional.affine_grid(theta, list(images.shape), align_corners=False)
    moved = torch.nn.functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
    gain = torch.from_numpy(rng.uniform(0.8, 1.2, (num, 3, 1, 1))).float()
    offset = torch.from_numpy(rng.uniform(-0.15, 0.15, (num, 1, 1, 1))).float()
    return (moved * gain + offset).clamp_(-1.0, 1.0)


class Trainer:
    """One model in training; `step` is everything that happens to it."""

    def __init__(self, frames: NDArray[np.uint8], plan: Plan, vocabulary: Path) -> None:
        torch.manual_seed(plan.seed)
        self._rng = np.random.default_rng(plan.seed)
        self._plan = plan
        self._frames = frames
        subjects = clip_subjects(len(frames))
        self._clips = [np.flatnonzero(subjects == subject) for subject in range(len(SUBJECTS))]
        self._captions = captions_by_subject(rendered_classes(), rendered_negatives())
        self._tokenize = tokenizer(vocabulary)
        self.model = new_model()
        self._frozen = self._freeze()
        import open_clip

        self._loss = open_clip.ClipLoss()
        weights = [p for p in self.model.parameters() if p.requires_grad]
        decayed = [p for p in weights if p.ndim > 1]
        self._optimizer = torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": plan.weight_decay},
                {"params": [p for p in weights if p.ndim <= 1], "weight_decay": 0.0},
            ],
            lr=plan.learning_rate,
            betas=(0.9, 0.98),
        )

    def _freeze(self) -> list[Any]:
        trunk = self.model.visual.trunk
        parts = [trunk.conv_stem, trunk.bn1, *trunk.blocks[: self._plan.frozen_blocks]]
        for part in parts:
            part.requires_grad_(False)
        return parts

    def step(self, part: float) -> float:
        """One step at this part of the whole training, from 0 to 1; returns the loss."""
        rate = self._plan.learning_rate * min(1.0, part / 0.04 + 0.02) * (0.5 + 0.5 * math.cos(math.pi * part))
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self.model.train()
        for frozen in self._frozen:
            frozen.eval()
        num = len(SUBJECTS)
        images, texts = self._batch()
        image_vectors = self.model.encode_image(images, normalize=True)
        text_vectors = self.model.encode_text(texts, normalize=True)
        scale = self.model.logit_scale.exp()
        groups = [slice(start, start + num) for start in range(0, len(images), num)]
        loss = torch.stack([self._loss(image_vectors[g], text_vectors[g], scale) for g in groups]).mean()
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 2.0)
        self._optimizer.step()
        with torch.no_grad():
            self.model.logit_scale.clamp_(0, math.log(100))
        return loss.item()

    def _batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        clips = [self._rng.choice(own) for _ in range(self._plan.groups_a_step) for own in self._clips]
        frames = self._rng.integers(0, self._frames.shape[1], len(clips))
        names = [name for _ in range(self._plan.groups_a_step) for name in SUBJECTS]
        captions = [vary(str(self._rng.choice(self._captions[name])), self._rng) for name in names]
        images = augment(as_input(self._frames[clips, frames]), self._rng)
        return images.contiguous(memory_format=torch.channels_last), self._tokenize(captions)


@torch.inference_mode()
def clip_scores(model: Any, frames: NDArray[np.uint8], tokenize: Any) -> ClipScores:
    """[clip, frame, height, width, rgb] against the prompts of all classes and negatives, in the order of SUBJECTS."""
    model.eval()
    vectors = np.stack(
        [model.encode_image(as_input(clip), normalize=True).numpy().astype(np.float16) for clip in frames]
    )
    prompts = {c.id: c.prompts for c in rendered_classes()} | {n.id: n.prompts for n in rendered_negatives()}
    texts = [model.encode_text(tokenize(list(prompts[name])), normalize=True).numpy() for name in SUBJECTS]
    return score_clips(vectors, mean_prompts(texts), model.logit_scale.exp().item())


def evaluate(scores: ClipScores) -> tuple[dict[str, float], Claims]:
    """Shares of frames and clips whose best side is the right one, and claims for thresholds."""
    truth = clip_subjects(len(scores.cosine))
    of_class = truth < len(ACTIONS)
    best_clip = scores.cosine.argmax(axis=1)
    best_class = scores.cosine[:, : len(ACTIONS)].argmax(axis=1)
    shares = {
        "frame_top1_of_all": float((scores.best == truth[:, None]).mean()),
        "clip_top1_of_all": float((best_clip == truth).mean()),
        "clip_top1_of_classes": float((best_class == truth)[of_class].mean()),
    }
    index = {name: number for number, name in enumerate(ACTIONS)}
    siblings = [[index[s] for s in c.siblings] for c in sorted(rendered_classes(), key=lambda c: index[c.id])]
    claims = draw_claims(scores, truth, len(ACTIONS), siblings, np.random.default_rng(0))
    return {name: round(share, 4) for name, share in shares.items()}, claims


def confusions(scores: ClipScores) -> list[str]:
    """The most frequent mistakes, as `truth taken for other: times`."""
    truth, best = clip_subjects(len(scores.cosine)), scores.cosine.argmax(axis=1)
    pairs, times = np.unique(np.stack([truth, best])[:, truth != best], axis=1, return_counts=True)
    order = np.argsort(-times, kind="stable")[:12]
    return [f"{SUBJECTS[pairs[0, i]]} taken for {SUBJECTS[pairs[1, i]]}: {times[i]}" for i in order]


def colour_histogram_top1(train_clips: NDArray[np.uint8], test_clips: NDArray[np.uint8]) -> float:
    """What nearest neighbour on colours reaches, on the same clips."""
    found = np.array(fit_colour_histogram(train_clips).predict_clips(test_clips))
    truth = np.array(SUBJECTS)[clip_subjects(len(test_clips))]
    return round(float((found == truth)[clip_subjects(len(test_clips)) < len(ACTIONS)].mean()), 4)


def train(plan: Plan, cache: Path, out: Path) -> dict[str, Any]:
    """The whole job; returns what is written as metrics.json."""
    started = time.monotonic()
    frames = draw("train", plan.train_chunks, _TRAINING_FRAMES, cache)
    held_out = {s: draw(s, plan.held_out_chunks, _EVALUATION_FRAMES, cache) for s in ("validation", "test")}
    drawn = time.monotonic()
    print(f"{len(frames)} clips to learn from after {drawn - started:.0f} s", flush=True)  # noqa: T201
    vocabulary = write_vocabulary(cache)
    tokenize = tokenizer(vocabulary)
    trainer = Trainer(frames, plan, vocabulary)
    losses: list[float] = []
    part = 0.0
    while part < 1.0:
        losses.append(trainer.step(part))
        seconds = time.monotonic() - drawn
        part = max(len(losses) / plan.steps, seconds / 60 / plan.minutes)
        if len(losses) % 20 == 0:
            print(f"{seconds:6.0f} s  step {len(losses):5}  {part:4.0%}  loss {np.mean(losses[-20:]):.3f}", flush=True)  # noqa: T201
        if len(losses) % 100 == 0:
            peek = held_out["validation"][: 3 * len(SUBJECTS), ::4]
            print(evaluate(clip_scores(trainer.model, peek, tokenize))[0], flush=True)  # noqa: T201
    trained = time.monotonic()
    save_model(trainer.model, out)
    scores = {split: clip_scores(trainer.model, clips, tokenize) for split, clips in held_out.items()}
    (shares, claims), (test_shares, test_claims) = evaluate(scores["validation"]), evaluate(scores["test"])
    metrics = {
        "plan": {name: getattr(plan, name) for name in plan.__slots__},
        "seconds": {"draw": round(drawn - started), "train": round(trained - drawn)},
        "num_steps": len(losses),
        "num_images": len(losses) * plan.groups_a_step * len(SUBJECTS),
        "last_loss": round(float(np.mean(losses[-50:])), 4),
        "validation": shares,
        "test": test_shares | {"colour_histogram_clip_top1": colour_histogram_top1(frames, held_out["test"])},
        "test_clips_a_subject": len(held_out["test"]) // len(SUBJECTS),
        "test_claims": summary(test_claims, claims),
        "test_confusions": confusions(scores["test"]),
    }
    write_output(out / METRICS, (json.dumps(metrics, indent=2) + "\n").encode())
    return metrics


def main() -> None:
    """Train, print and write the metrics."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=Plan.__dataclass_fields__["minutes"].default)
    parser.add_argument("--steps", type=int, default=Plan.__dataclass_fields__["steps"].default)
    parser.add_argument("--chunks", type=int, default=Plan.__dataclass_fields__["train_chunks"].default)
    parser.add_argument("--held-out", type=int, default=Plan.__dataclass_fields__["held_out_chunks"].default)
    parser.add_argument("--out", type=Path, default=data_folder() / "sample_world")
    parser.add_argument("--cache", type=Path, default=Path("build/sample-world-frames"))
    given = parser.parse_args()
    torch.set_num_threads(2)
    plan = Plan(minutes=given.minutes, steps=given.steps, train_chunks=given.chunks, held_out_chunks=given.held_out)
    print(json.dumps(train(plan, given.cache, given.out), indent=2))  # noqa: T201


if __name__ == "__main__":
    main()
