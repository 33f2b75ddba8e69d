"""One optimiser step on a GPU: ViT-B, L and g in bfloat16, compiled: samples a second, utilisation, memory."""

import time
from statistics import median

import numpy as np
import torch

from bench.report import Figure
from h2a_curation.videomae.data.masking import dual_masks
from h2a_curation.videomae.hardware.devices import autocast, compile_blocks, matmul_flops_per_s
from h2a_curation.videomae.hardware.flops import step_flops
from h2a_curation.videomae.loop.optim import StepSize, make_optimizer, step_downhill
from h2a_curation.videomae.model.autoencoder import MaskedAutoencoder, token_indices
from h2a_curation.videomae.model.loss import counted_places, masked_loss, take_tokens, targets, token_errors
from h2a_curation.videomae.presets import preset

SAMPLES = {"vit_b": 256, "vit_l": 128, "vit_g": 64}
"""At a time; halved until they fit."""
GOALS = {"vit_l": ">= 0.45", "vit_g": ">= 0.45"}


def figures() -> list[Figure]:
    """Of all three models on the first GPU."""
    device = torch.device("cuda")
    peak = matmul_flops_per_s(device, "bfloat16")
    print(f"{torch.cuda.get_device_name(device)}: {peak / 1e12:.0f} TFLOP/s in a bfloat16 product of 8192 x 8192")
    found = [Figure(name="matmul_peak", value=peak / 1e12, unit="TFLOP/s")]
    for name, most in SAMPLES.items():
        samples, seconds = _fitting(name, most, device)
        used = step_flops(preset(name).model, samples, 0.9, 0.5) / seconds / peak
        memory_gib = torch.cuda.max_memory_allocated(device) / 2**30
        found += [
            Figure(name=f"{name}_samples_a_step", value=samples, unit=""),
            Figure(name=f"{name}_samples_per_s", value=samples / seconds, unit="samples/s"),
            Figure(name=f"{name}_mfu", value=used, unit="of matmul peak", goal=GOALS.get(name, "")),
            Figure(name=f"{name}_gib", value=memory_gib, unit="GiB"),
        ]
    return found


def _fitting(name: str, samples: int, device: torch.device) -> tuple[int, float]:
    while True:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        try:
            return samples, step_seconds(name, samples, device)
        except torch.OutOfMemoryError:
            if samples == 1:
                raise
            samples //= 2


def step_seconds(name: str, samples: int, device: torch.device, rounds: int = 10) -> float:
    """Median of a training step, its batch at hand on the device."""
    config, rng = preset(name).model, np.random.RandomState(0)
    torch.manual_seed(0)
    model = MaskedAutoencoder(config).to(device)
    compile_blocks([model.encoder.patch_embed, *model.encoder.blocks, *model.decoder.blocks])
    optimizer = make_optimizer(model, 0.05, (0.9, 0.95))
    size = StepSize(learning_rate=1e-4, weight_decay=0.05, clip_grad=None)
    shape = (samples, config.num_frames, config.image_px, config.image_px, 3)
    video = torch.randint(0, 256, shape, dtype=torch.uint8, device=device)
    masks = [dual_masks(config.window, 0.9, 0.5, rng) for _ in range(samples)]
    hidden, not_decoded = (torch.from_numpy(np.stack(m).reshape(samples, -1)) for m in zip(*masks, strict=True))
    visible, decoded = token_indices(~hidden), token_indices(~not_decoded)
    was_hidden = hidden.gather(1, decoded)
    counted = counted_places(was_hidden)
    of_counted, weight = decoded.gather(1, counted).to(device), was_hidden.gather(1, counted).to(device)
    visible, decoded, counted = visible.to(device), decoded.to(device), counted.to(device)
    seconds = []
    for _ in range(3 + rounds):
        torch.cuda.synchronize(device)
        start_s = time.perf_counter()
        optimizer.zero_grad()
        patches = model.patchify(video)
        with autocast(device, "bfloat16"):
            predicted = model(patches, visible, decoded, counted)
        loss = masked_loss(token_errors(predicted, targets(take_tokens(patches, of_counted))), weight)
        loss.backward()  # type: ignore[no-untyped-call]
        step_downhill(model, optimizer, size)
        torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - start_s)
    return median(seconds[3:])
