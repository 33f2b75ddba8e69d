import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks

from h2a_curation.videomae.hardware.memory import num_parameters, sample_bytes, state_bytes
from h2a_curation.videomae.model.autoencoder import MaskedAutoencoder
from h2a_curation.videomae.model.loss import take_tokens, targets, token_errors
from h2a_curation.videomae.presets import ModelConfig, preset

SMALL = ModelConfig(
    image_px=64, num_frames=8, width=256, depth=4, num_heads=4, decoder_width=128, decoder_depth=3, decoder_num_heads=2
)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("vit_s", 24_029_376),
        ("vit_b", 94_210_944),
        ("vit_l", 317_782_016),
        ("vit_h", 645_659_392),
        ("vit_g", 1_026_306_560),
    ],
)
def test_parameters_are_those_of_the_official_models(name, count):
    assert num_parameters(preset(name).model) == count


def kept_bytes(samples, *, recompute):
    """What autograd keeps of a forward pass in bfloat16, less weights and their copies."""
    torch.manual_seed(0)
    model = MaskedAutoencoder(SMALL, recompute=recompute)
    weights = {t.data_ptr() for t in model.parameters()}
    sizes = {p.numel() for p in model.parameters() if p.ndim > 1}
    patches = torch.randint(0, 256, (samples, SMALL.num_tokens, SMALL.patch_dim), dtype=torch.uint8)
    visible, decoded, counted = (torch.arange(n).expand(samples, n) for n in (8, 32, 28))
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        copy = tensor.dtype == torch.bfloat16 and tensor.numel() in sizes and tensor.ndim == 2
        if storage.data_ptr() not in weights and not copy:
            kept[storage.data_ptr()] = (storage.nbytes(), tensor)  # held, or its place is given away
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
            predicted = model(patches, visible, decoded, counted)
        target = targets(take_tokens(patches, decoded.gather(1, counted)))
        loss = token_errors(predicted, target).sum()
    assert loss.isfinite()
    return sum(size for size, _ in kept.values())


@pytest.mark.parametrize("recompute", [False, True])
def test_activations_are_near_what_autograd_keeps(recompute):
    measured = kept_bytes(3, recompute=recompute) - kept_bytes(2, recompute=recompute)
    planned = sample_bytes(SMALL, "bfloat16", 0.875, 0.5, recompute)
    passing = 28 * SMALL.patch_dim * 10 + 2 * SMALL.num_tokens * SMALL.patch_dim
    if recompute:
        passing += 40 * (20 * 128 + 4 * 512)  # one block at a time, when it is computed again
    assert planned - passing == pytest.approx(measured, rel=0.15)


def test_state_is_sixteen_bytes_a_parameter_and_divides():
    config = preset("vit_g").model
    count = num_parameters(config)
    alone = state_bytes(config, "float32", num_devices=1, sharded=True, recompute=False)
    assert alone == state_bytes(config, "float32", num_devices=64, sharded=False, recompute=False) == 16 * count
    many = state_bytes(config, "bfloat16", num_devices=64, sharded=True, recompute=True)
    assert 16 * count / 64 < many < 16 * count / 16
