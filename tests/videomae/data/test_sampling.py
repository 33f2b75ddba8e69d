from collections import Counter
from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import RandomState

from h2a_curation.videomae.data.sampling import class_draws, epoch_order, random_state
from h2a_curation.videomae.presets import Overrides, preset

labels_of_clips = st.lists(st.integers(0, 5), min_size=1, max_size=200)
balances = st.floats(0, 1)


@given(labels=labels_of_clips, seed=st.integers(0, 9), epoch=st.integers(0, 9))
def test_every_clip_once_where_classes_are_not_balanced(labels, seed, epoch):
    assert sorted(epoch_order(labels, seed, epoch)) == list(range(len(labels)))


def test_a_key_gives_numpys_generator_of_its_hash():
    seed = np.frombuffer(blake2b(b"3/0/17", digest_size=16).digest(), np.uint32)
    for _ in range(2):
        assert np.array_equal(random_state("3/0/17").randint(1000, size=50), RandomState(seed).randint(1000, size=50))


def test_orders_differ_by_seed_and_epoch_and_nothing_else():
    labels = [0] * 100
    assert epoch_order(labels, 0, 0) == epoch_order(labels, 0, 0)
    assert epoch_order(labels, 0, 0) != epoch_order(labels, 1, 0)
    assert epoch_order(labels, 0, 0) != epoch_order(labels, 0, 1)
    assert epoch_order(labels, 0, 0) == epoch_order([7] * 60 + [9] * 40, 0, 0)


@given(labels=labels_of_clips, balance=balances, epoch=st.integers(0, 3))
def test_classes_have_their_shares_and_their_clips_take_turns(labels, balance, epoch):
    order = epoch_order(labels, 0, epoch, balance)
    assert len(order) == len(labels)
    assert order == epoch_order(labels, 0, epoch, balance)
    clips_of, drawn = Counter(labels), Counter(labels[place] for place in order)
    whole = sum(n ** (1 - balance) for n in clips_of.values())
    for label, num in clips_of.items():
        assert abs(drawn[label] - len(labels) * num ** (1 - balance) / whole) < 1 + 1e-6
        times = [order.count(place) for place in range(len(labels)) if labels[place] == label]
        assert max(times) - min(times) <= 1


@settings(deadline=None)
@given(counts=st.lists(st.integers(1, 1000), min_size=1, max_size=50), balance=balances)
def test_over_many_epochs_a_class_is_drawn_by_its_exact_share(counts, balance):
    num_clips = np.array(counts)
    draws = np.mean([class_draws(num_clips, balance, (i + 0.5) / 256) for i in range(256)], axis=0)
    weights = num_clips ** (1 - balance)
    assert np.allclose(draws, weights / weights.sum() * num_clips.sum(), atol=1 / 100)


def test_two_classes_of_90_and_10_clips():
    labels = [0] * 90 + [1] * 10
    drawn = {b: Counter(labels[p] for p in epoch_order(labels, 0, 0, b))[1] for b in (0.0, 0.5, 1.0)}
    assert drawn == {0.0: 10, 0.5: 25, 1.0: 50}


@pytest.mark.parametrize("balance", [-0.1, 1.5])
def test_a_balance_that_means_nothing(balance):
    with pytest.raises(ValueError, match="class_balance must be at least 0 and at most 1"):
        preset("vit_b").adjusted(Overrides(class_balance=balance))
