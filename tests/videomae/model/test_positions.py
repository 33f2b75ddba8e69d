import pytest
import torch

from h2a_curation.videomae.model.positions import resized_table, sinusoid_table


def test_a_table_of_the_same_grid_stays_as_it_is():
    table = torch.randn(2 * 3 * 3, 5)
    assert torch.equal(resized_table(table, 2, (3, 3)), table)


def test_slices_are_resized_alone():
    slices = torch.randn(2, 16, 5)
    together = resized_table(slices.flatten(0, 1), 2, (6, 6))
    assert torch.equal(together, torch.cat([resized_table(one, 1, (6, 6)) for one in slices]))


def test_a_grid_that_is_not_square_is_refused():
    with pytest.raises(ValueError, match="48 tokens is not of 4 square slices"):
        resized_table(sinusoid_table(48, 6), 4, (8, 8))
