"""The official code's numbers, file by file; the same checks as `python -m bench.golden`."""

from pathlib import Path

import numpy as np
import pytest

from bench import golden
from bench.golden_claim import Claim

FOLDER = Path(__file__).parents[3] / "shared" / "golden"
CHECKED = [name for name in golden.files(FOLDER) if golden.check_for(name)] if FOLDER.exists() else []


@pytest.mark.skipif(not FOLDER.exists(), reason="../shared/golden is not here")
def test_all_files_of_pretraining_are_checked():
    assert len(CHECKED) == 16


@pytest.mark.parametrize("name", CHECKED)
def test_official_numbers(name):
    claims = list(golden.check_for(name)(FOLDER / name, golden.files(FOLDER)[name]))
    assert claims
    assert [(c.what, c.error()) for c in claims if c.error() > 1] == []


@pytest.mark.parametrize(
    ("claim", "passes"),
    [
        (Claim("equal", [1, 2], [1, 2]), True),
        (Claim("other", [1, 2], [1, 3]), False),
        (Claim("near", np.array([1.0, 2.0]), np.array([1.0, 2.00001]), (1e-5, 0.0)), True),
        (Claim("far", np.array([1.0, 2.0]), np.array([1.0, 2.1]), (1e-5, 0.0)), False),
        (Claim("other shape", np.array([1.0]), np.array([1.0, 1.0]), (1e-5, 0.0)), False),
        (Claim("nan", np.array([np.nan]), np.array([1.0]), (1e-5, 1e-5)), False),
        (Claim("one bit", np.array([True]), np.array([0])), False),
    ],
)
def test_a_claim_fails_where_it_should(claim, passes):
    assert (claim.error() <= 1) == passes
