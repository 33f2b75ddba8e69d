import numpy as np
import pytest

from h2a_curation.videomae.data.masking import cell_mask_of_phase, dual_masks


def test_masks_have_the_sizes_of_the_recipe():
    hidden, not_decoded = dual_masks((8, 14, 14), 0.9, 0.5, np.random.RandomState(0))
    assert (~hidden).sum() == 160
    assert (~not_decoded).sum() == 784
    assert (hidden & ~not_decoded).sum() == 704


def test_without_a_decoder_mask_just_the_hidden_tokens_are_decoded():
    hidden, not_decoded = dual_masks((4, 3, 5), 0.75, 0.0, np.random.RandomState(0))
    assert np.array_equal(hidden, ~not_decoded)


@pytest.mark.parametrize(("window", "ratio"), [((4, 5, 4), 0.5), ((4, 4, 5), 0.5), ((4, 4, 4), 0.2), ((4, 4, 4), 1.0)])
def test_a_cell_that_cannot_run_is_refused(window, ratio):
    with pytest.raises(ValueError, match="cell"):
        cell_mask_of_phase(window, ratio, 0)
