from pathlib import Path

import pytest

from tests.pretrain.world import write_lake


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six clips to train on and two to hold out. Tests that change it copy it first."""
    folder = tmp_path_factory.mktemp("pretrain") / "lake"
    write_lake(folder, ["train"] * 6 + ["val"] * 2)
    return folder
