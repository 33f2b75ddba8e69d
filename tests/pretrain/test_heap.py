import copy

import torch

from h2a_curation.pretrain.heap import allocate_state, keep_large_blocks_apart


def test_a_state_made_early_is_that_of_the_first_step():
    torch.manual_seed(0)
    late = torch.nn.Linear(4, 3)
    early = copy.deepcopy(late)
    optimizers = [torch.optim.AdamW(m.parameters(), lr=0.1, fused=True) for m in (late, early)]
    allocate_state(optimizers[1])
    before = optimizers[1].state[early.weight]["exp_avg"]
    for model, optimizer in zip((late, early), optimizers, strict=True):
        model(torch.ones(2, 4)).square().sum().backward()
        optimizer.step()
    allocate_state(optimizers[1])
    assert optimizers[1].state[early.weight]["exp_avg"] is before
    torch.testing.assert_close(optimizers[0].state_dict(), optimizers[1].state_dict(), rtol=0, atol=0)
    assert torch.equal(late.weight, early.weight)


def test_blocks_can_be_kept_apart_in_any_process():
    keep_large_blocks_apart()
