"""The audit's sample: known probabilities, whatever mining does with the posts meanwhile."""

from collections import Counter

import numpy as np
import pytest

from h2a_curation.audit.draw import AuditRules, draw, num_draws

POSTS = [f"s:{n}" for n in range(40)]


def test_every_post_is_drawn_as_often_as_its_probability_says():
    times = Counter(row.post_id for seed in range(2000) for row in draw(POSTS, 10, seed=seed, round_no=0))
    assert {row.probability for row in draw(POSTS, 10, seed=0, round_no=0)} == {0.25}
    share = np.array([times[post_id] for post_id in POSTS]) / 2000
    assert np.abs(share - 0.25).max() < 4 * (0.25 * 0.75 / 2000) ** 0.5


def test_a_draw_depends_on_seed_round_and_posts_alone():
    found = draw(POSTS, 10, seed=0, round_no=0)
    assert found == draw({*reversed(POSTS)}, 10, seed=0, round_no=0)
    assert len({row.post_id for row in found}) == 10
    assert [row.post_id for row in found] != [row.post_id for row in draw(POSTS, 10, seed=1, round_no=0)]
    assert [row.post_id for row in found] != [row.post_id for row in draw(POSTS, 10, seed=0, round_no=1)]


@pytest.mark.parametrize(
    ("share", "num_files", "num_posts", "expected"),
    [(0.05, 150, 900, 8), (0.05, 1, 900, 1), (0.05, 0, 900, 0), (0.0, 150, 900, 0), (0.5, 100, 20, 20)],
)
def test_a_share_of_the_round_s_files_is_drawn(share, num_files, num_posts, expected):
    assert num_draws(AuditRules(share=share), num_files, num_posts) == expected


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ValueError, match=r"audit\.share is a share"):
        AuditRules(share=share)


def mined(seed, *, put_up_again):
    """Estimated and true share of good posts of four rounds, in which good posts are fetched first and leave."""
    rng = np.random.default_rng(seed)
    good: dict[str, bool] = {}
    waiting: list[str] = []
    weighed = Counter[bool]()
    for round_no in range(4):
        new = [f"{round_no}:{n}" for n in range(200)]
        good |= dict(zip(new, rng.random(200) < 0.3, strict=True))
        waiting += new
        drawn = draw(waiting if put_up_again else new, 10, seed=seed, round_no=round_no)
        for row in drawn:
            weighed[good[row.post_id]] += 1 / row.probability
        chosen = {row.post_id for row in drawn}
        order = sorted((p for p in waiting if p not in chosen), key=lambda p: (not good[p], p))
        waiting = order[60:]
    return weighed[True] / weighed.total(), np.mean(list(good.values()))


def test_weights_by_one_draw_a_post_are_right_although_the_promising_are_fetched_and_leave():
    found = np.array([mined(seed, put_up_again=False) for seed in range(300)])
    error = found[:, 0] - found[:, 1]
    assert abs(error.mean()) < 3 * error.std() / 300**0.5 < 0.02


def test_to_put_posts_up_again_would_not_be():
    found = np.array([mined(seed, put_up_again=True) for seed in range(100)])
    error = found[:, 0] - found[:, 1]
    assert error.mean() < -0.05
