from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from bench import finetune_step, golden
from bench.golden_pretrain import config_of
from bench.plain_classifier import PlainClassifier, plain_loss
from bench.plain_model import normalised

FOLDER = Path(__file__).parents[3] / "shared" / "golden"


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.skipif(not FOLDER.exists(), reason="../shared/golden is not here")
@pytest.mark.parametrize(("name", "seed"), [("finetune_tiny", None), ("finetune_droppath", 225)])
def test_the_plain_reference_is_the_official_classifier(name, seed):
    meta, tensors = golden.files(FOLDER)[f"{name}.safetensors"], load_file(FOLDER / f"{name}.safetensors")
    model = PlainClassifier(config_of(meta), meta["classes"], meta["drop_path"] if seed else 0.0)
    model.load_state_dict({k.removeprefix("state."): v for k, v in tensors.items() if k.startswith("state.")})
    if seed is not None:
        torch.manual_seed(seed)
    logits = model(normalised(tensors["in.video_uint8"].permute(0, 2, 3, 4, 1)))
    official = tensors["out.logits" if seed is None else f"out.logits_train_mode_torchseed_{seed}"]
    assert torch.allclose(logits, official, rtol=1e-5, atol=1e-5)
    if seed is None:
        assert plain_loss(logits, tensors["in.soft_target"]).item() == pytest.approx(
            tensors["loss.soft_target_ce"].item(), rel=1e-5
        )


def test_both_sides_take_the_same_steps():
    plain, ours = finetune_step.plain("micro"), finetune_step.ours("micro")
    losses = [(plain(), ours()) for _ in range(4)]
    assert losses[3] < losses[0]
    assert all(a == pytest.approx(b, rel=1e-5) for a, b in losses)
