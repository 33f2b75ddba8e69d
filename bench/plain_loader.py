"""A loader that does what VideoMAE V2's own does, plainly: what `bench.loader` compares ours with.

Each item opens its source file, finds the keyframes, seeks to the one before the first wanted frame, decodes on from
there one frame after another (as decord does, with one thread), crops and resizes every frame with PIL, and normalises
to float32 in the worker; torch's DataLoader runs it in processes.
"""

import bisect
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
import torch
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from h2a_curation.videomae.data.augment import multi_scale_box
from h2a_curation.videomae.data.frames import sample_indices
from h2a_curation.videomae.data.masking import dual_masks

NUM_FRAMES, STRIDE, SIZE_PX, WINDOW = 16, 4, 224, (8, 14, 14)
MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


class PlainVideos(Dataset[tuple[Tensor, NDArray[np.float64], NDArray[np.float64]]]):
    """Clip, encoder mask and decoder mask of each file."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, NDArray[np.float64], NDArray[np.float64]]:
        rng = np.random.RandomState(random.getrandbits(32))
        images = [Image.fromarray(frame) for frame in read_sample(self.files[index], rng)]
        box = multi_scale_box(*images[0].size, (SIZE_PX, SIZE_PX), random.Random(random.getrandbits(32)))
        edges = (box.left, box.top, box.left + box.width, box.top + box.height)
        resized = [image.crop(edges).resize((SIZE_PX, SIZE_PX), Image.Resampling.BILINEAR) for image in images]
        stacked = np.concatenate([np.asarray(image) for image in resized], axis=2)
        clip = torch.from_numpy(stacked).permute(2, 0, 1).contiguous().float().div(255)
        clip = clip.view(NUM_FRAMES, 3, SIZE_PX, SIZE_PX)
        clip.sub_(MEAN.view(1, 3, 1, 1)).div_(STD.view(1, 3, 1, 1))
        hidden, not_decoded = dual_masks(WINDOW, 0.9, 0.5, rng)
        return clip.transpose(0, 1), hidden.astype(np.float64), not_decoded.astype(np.float64)


def read_sample(file: Path, rng: np.random.RandomState) -> list[NDArray[np.uint8]]:
    """16 frames of a file at stride 4 from a random start, read as decord reads them."""
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "NONE", 1
        packets = [(p.pts, p.is_keyframe) for p in container.demux(stream) if p.pts is not None]
        pts = sorted(place for place, _ in packets)
        keyframes = sorted(place for place, is_keyframe in packets if is_keyframe)
        indices = sample_indices(len(pts), NUM_FRAMES, STRIDE, rng)
        wanted = {pts[i] for i in indices}
        container.seek(keyframes[bisect.bisect_right(keyframes, min(wanted)) - 1], stream=stream)
        reformatter, found = VideoReformatter(), {}
        for frame in container.decode(stream):
            if frame.pts in wanted:
                rgb = reformatter.reformat(frame, format="rgb24", threads=1)
                found[frame.pts] = rgb.to_ndarray()
                if len(found) == len(wanted):
                    break
        return [found[pts[i]].astype(np.uint8, copy=False) for i in indices]


def plain_batches(files: Sequence[Path], batch_clips: int, workers: int) -> Iterator[Tensor]:
    """Batches without end: all files in a random order, then in another."""
    loader = DataLoader(
        PlainVideos(files), batch_size=batch_clips, sampler=_Shuffles(len(files)), num_workers=workers, drop_last=True
    )
    for clips, _, _ in loader:
        yield clips


class _Shuffles(Sampler[int]):
    def __init__(self, num_files: int) -> None:
        self._num_files = num_files

    def __iter__(self) -> Iterator[int]:
        while True:
            yield from random.sample(range(self._num_files), self._num_files)
