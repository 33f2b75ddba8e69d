from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.videomae.world import write_lake


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six clips to train on and two to hold out. Tests that change it copy it first."""
    folder = tmp_path_factory.mktemp("pretrain") / "lake"
    write_lake(folder, ["train"] * 6 + ["val"] * 2)
    return folder


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """So small models are fastest, all the more beside other work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
