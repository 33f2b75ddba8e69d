"""Both probes against what the same thing is by another way, and what may not choose anything."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import logsumexp

from h2a_curation.videomae.probe import linear, nearest
from tests.videomae.probe import made

CPU = torch.device("cpu")


def arrays(rows, split):
    own = [row for row in rows if row.about.split == split]
    labels = np.array([row.about.label for row in own])
    classes = np.searchsorted(sorted(made.NAMES), labels)
    return np.stack([row.vector for row in own]).astype(np.float64), classes, [row.about.video_id for row in own]


@pytest.mark.parametrize("at_a_time", [1, 100, 2**24])
def test_neighbours_vote_as_one_counts_them_by_hand(monkeypatch, at_a_time):
    monkeypatch.setattr(nearest, "_COSINES_AT_A_TIME", at_a_time)
    rows = made.blobs()
    learnt, classes, _ = arrays(rows, "train")
    tested, _, _ = arrays(rows, "val")
    found = nearest.nearest_shares(learnt, classes, tested, num_neighbours=7, temperature=0.07)
    for video, shares in zip(tested, found, strict=True):
        cosines = learnt @ video / np.linalg.norm(learnt, axis=1) / np.linalg.norm(video)
        votes = np.zeros(3)
        for place in np.argsort(-cosines)[:7]:
            votes[classes[place]] += np.exp(cosines[place] / 0.07)
        np.testing.assert_allclose(shares, votes / votes.sum(), atol=1e-12)


def test_of_neighbours_that_are_equally_near_the_first_ones_vote():
    learnt = np.array([[1.0, 0], [0, 1], [0, 2], [0, 3]])
    found = nearest.nearest_shares(
        learnt, np.array([0, 1, 2, 3]), np.array([[0.0, 1]]), num_neighbours=2, temperature=0.07
    )
    np.testing.assert_allclose(found, [[0, 0.5, 0.5, 0]])


def test_more_neighbours_than_videos_are_refused():
    with pytest.raises(ValueError, match="--neighbours 5: there are 4 videos"):
        nearest.nearest_shares(np.eye(4), np.arange(4), np.eye(4), num_neighbours=5, temperature=0.07)


def test_the_linear_probe_is_at_the_minimum_that_another_solver_finds():
    rows = made.blobs(spread=1.5)
    learnt, classes, ids = arrays(rows, "train")
    found = linear.learn_linear(learnt, classes, ids, CPU)
    assert found is not None
    assert found.converged
    standard = (learnt - learnt.mean(axis=0)) / learnt.std(axis=0)

    def loss(flat):
        weight, bias = flat[:18].reshape(6, 3), flat[18:]
        logits = standard @ weight + bias
        fit = (logsumexp(logits, axis=1) - logits[np.arange(len(classes)), classes]).mean()
        return fit + found.l2 / 2 * (weight**2).sum()

    other = minimize(loss, np.zeros(21), method="BFGS", options={"gtol": 1e-8})
    ours = loss(np.concatenate([found.weight.numpy().ravel(), found.bias.numpy()]))
    assert ours == pytest.approx(other.fun, abs=1e-9)
    tested, _, _ = arrays(rows, "val")
    shares = found.shares(tested)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    logits = (tested - learnt.mean(axis=0)) / learnt.std(axis=0) @ other.x[:18].reshape(6, 3) + other.x[18:]
    expected = np.exp(logits - logsumexp(logits, axis=1, keepdims=True))
    np.testing.assert_allclose(shares, expected, atol=1e-4)


def test_noise_asks_for_more_l2_than_what_can_be_told():
    clear, noise = made.blobs(spread=0.05), made.blobs(spread=30.0)
    told = [linear.learn_linear(*arrays(rows, "train"), CPU) for rows in (clear, noise)]
    assert told[0].l2 < told[1].l2


def test_a_fifth_of_each_class_is_held_out_and_the_same_in_any_order():
    _, classes, ids = arrays(made.blobs(), "train")
    chosen = linear.held_out_places(classes, ids)
    assert [int(chosen[classes == number].sum()) for number in range(3)] == [4, 4, 4]
    again = linear.held_out_places(classes[::-1], ids[::-1])
    assert (again[::-1] == chosen).all()
    assert linear.held_out_places(np.array([0, 1, 1]), ["a", "b", "c"]).tolist()[0] is False
    assert linear.learn_linear(np.eye(3), np.arange(3), ["a", "b", "c"], CPU) is None
