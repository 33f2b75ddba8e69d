"""The training's parts that need no training: captions, thresholds, the colour baseline, the seeds."""

from itertools import pairwise

import numpy as np
import pytest

from h2a_curation.sample_world.captions import captions_by_subject, vary
from h2a_curation.sample_world.classes import rendered_classes, rendered_negatives
from h2a_curation.sample_world.model.clip_metrics import precision_recall, threshold_at
from h2a_curation.sample_world.model.colour_histogram import ColourHistogram
from h2a_curation.sample_world.model.training_frames import FIRST_SEED, SUBJECTS, clip_subjects


def test_every_subject_has_captions_and_none_is_said_of_two():
    captions = captions_by_subject(rendered_classes(), rendered_negatives())
    assert set(SUBJECTS) <= set(captions)
    owners = [(text, subject) for subject in SUBJECTS for text in set(captions[subject])]
    assert len({text for text, _ in owners}) == len(owners)


def test_a_varied_caption_keeps_most_of_its_words():
    caption = "a rider astride a horse with the reins in the hands"
    for seed in range(20):
        varied = vary(caption, np.random.default_rng(seed)).split()
        assert len(set(caption.split()) & set(varied)) >= 5


@pytest.mark.parametrize(
    ("precision", "threshold"),
    [(1.0, 0.8), (0.7, 0.6), (0.5, 0.2)],
)
def test_the_lowest_threshold_that_is_precise_enough(precision, threshold):
    value = np.array([0.9, 0.8, 0.7, 0.6, 0.3, 0.2])
    right = np.array([True, True, False, True, False, False])
    assert threshold_at(value, right, precision) == threshold


def test_precision_and_recall_count_what_is_kept():
    value, right = np.array([0.9, 0.8, 0.1, 0.7]), np.array([True, False, True, True])
    assert precision_recall(value, right, 0.5) == (2 / 3, 2 / 3)


def test_no_threshold_is_precise_enough_where_all_claims_are_wrong():
    assert threshold_at(np.array([0.9, 0.1]), np.array([False, False]), 0.5) == 1.0


def test_the_colour_baseline_knows_colours_and_nothing_else():
    red, blue = (np.full((1, 8, 8, 3), colour, np.uint8) for colour in ((250, 10, 10), (10, 10, 250)))
    baseline = ColourHistogram().fit(np.concatenate([red, blue]), ["surfing", "skiing"])
    assert baseline.predict(np.concatenate([blue, red])) == ["skiing", "surfing"]
    assert baseline.predict_clips(np.stack([np.concatenate([red, red, blue])])) == ["surfing"]


def test_splits_have_seeds_of_their_own_and_all_subjects():
    firsts = sorted(FIRST_SEED.values())
    assert firsts[0] == 10_000_000
    assert min(b - a for a, b in pairwise(firsts)) >= 1_000_000
    assert set(clip_subjects(2 * len(SUBJECTS))) == set(range(len(SUBJECTS)))
