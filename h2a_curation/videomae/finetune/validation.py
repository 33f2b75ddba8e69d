"""How well a classifier tells the videos that it does not learn from, one view of each, as after an official epoch."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from h2a_curation.foundation.machine import is_of_machine
from h2a_curation.videomae.data.frames import Frames
from h2a_curation.videomae.data.videos import look
from h2a_curation.videomae.data.views import Views
from h2a_curation.videomae.finetune.examples import Example
from h2a_curation.videomae.hardware.devices import autocast
from h2a_curation.videomae.hardware.parallel import ProcessGroup
from h2a_curation.videomae.model.classifier import Classifier
from h2a_curation.videomae.presets import Dtype
from h2a_curation.videomae.rules import FinetuningRecipe

VIDEOS_AT_ONCE = 4
"""Videos that go through the model together; what a video scores does not depend on it but in its last digits."""
_TOP = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """What is looked at, and how."""

    examples: Sequence[Example]
    recipe: FinetuningRecipe
    workers: int
    """Threads that decode."""

    @torch.no_grad()
    def measure(self, model: Classifier, world: ProcessGroup, dtype: Dtype) -> dict[str, float]:
        """Loss and accuracies in percent, by their names in log.txt; all processes must call this together.

        A video that cannot be decoded is told wrong, and has no loss.
        """
        cv2.setNumThreads(1)  # videos are resized beside each other
        sums = torch.zeros(4, dtype=torch.float64)
        for video, labels in self._batches(model, world):
            # Also a batch without videos goes through the model: under FSDP all processes must call it alike.
            with autocast(world.device, dtype):
                logits = model(video.to(world.device)).float().cpu()[: len(labels)]
            if len(labels):
                top = logits.topk(min(_TOP, logits.shape[1])).indices == labels[:, None]
                hits = [top[:, 0].sum(), top.sum(), torch.tensor(len(labels))]
                sums += torch.stack([cross_entropy(logits, labels, reduction="sum"), *(h.float() for h in hits)])
        loss, first, among, seen = world.total(sums).tolist()
        unseen = len(self.examples) - round(seen)
        return {
            "val_loss": loss / max(1, seen),
            "val_acc1": 100 * first / len(self.examples),
            "val_acc5": 100 * among / len(self.examples),
            **({"val_unseen": unseen} if unseen else {}),
        }

    def _batches(self, model: Classifier, world: ProcessGroup) -> Iterator[tuple[Tensor, Tensor]]:
        """Videos and labels of this process's share; as many batches in each process, the last ones perhaps empty."""
        own = self.examples[world.rank :: world.size]
        num_batches = -(-len(self.examples) // (world.size * VIDEOS_AT_ONCE))
        config = model.config
        empty = torch.zeros((1, config.num_frames, *config.frame_px, 3), dtype=torch.uint8)
        with ThreadPoolExecutor(self.workers, thread_name_prefix="validation") as pool:
            for first in range(0, num_batches * VIDEOS_AT_ONCE, VIDEOS_AT_ONCE):
                part = own[first : first + VIDEOS_AT_ONCE]
                views = pool.map(lambda example: self._view(example, model), part)
                seen = [(view, example.label) for view, example in zip(views, part, strict=True) if view is not None]
                videos = torch.from_numpy(np.stack([view for view, _ in seen])) if seen else empty
                yield videos, torch.tensor([label for _, label in seen], dtype=torch.int64)

    def _view(self, example: Example, model: Classifier) -> Frames | None:
        """The one view of a video, or None where it cannot be decoded; a fault of the machine is raised."""
        source = example.open()
        views = Views(
            num_frames=model.config.num_frames,
            stride=self.recipe.stride,
            sparse=self.recipe.sparse,
            num_segments=1,
            num_crops=1,
            from_folder=isinstance(source, Path) and source.is_dir(),
        )
        try:
            [view] = look(source, views, model.config.frame_px, example.num_frames).views()
            return np.asarray(view, dtype=np.uint8)
        except (ValueError, OSError) as broken:
            if is_of_machine(broken):
                raise
            return None
