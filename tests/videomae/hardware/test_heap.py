import copy
import platform
import resource
import subprocess
import sys

import pytest
import torch

from h2a_curation.videomae.hardware.heap import allocate_state


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


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="not glibc")
def test_freed_memory_is_kept():
    """In a process of its own: the setting is for good."""
    pages = "pages = lambda: int(open('/proc/self/statm').read().split()[1])\n"
    code = (
        f"import torch; {pages}{{keep}}before = pages()\n[torch.ones(2**22) for _ in range(9)]\nprint(pages() - before)"
    )
    keep = "from h2a_curation.videomae.hardware.heap import keep_freed_memory; keep_freed_memory()\n"
    [without, with_it] = [
        int(subprocess.run([sys.executable, "-c", code.format(keep=k)], capture_output=True, check=True).stdout)
        for k in ("", keep)
    ]
    assert without < 9 * 2**24 / resource.getpagesize() / 2 < with_it
