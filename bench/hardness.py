"""How hard the sample world is: what is lost when one part of the method is left out."""

import dataclasses
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from bench.report import Figure
from h2a_curation import recipes
from h2a_curation.catalog.views import Catalog, connect
from h2a_curation.decide.decision import Stages
from h2a_curation.executors.local import local_executor
from h2a_curation.jobs.build import reachable
from h2a_curation.jobs.progress import shown
from h2a_curation.lake import decisions
from h2a_curation.lake import lake as lakes
from h2a_curation.pipeline.build import build
from h2a_curation.recipes import Recipe
from h2a_curation.sample_world.model.colour_histogram import fit_colour_histogram
from h2a_curation.sample_world.model.training_frames import SIZE_PX, Chunk, chunk_frames
from h2a_curation.sample_world.world.score import TruthScore, score
from h2a_curation.sample_world.world.world import make_world
from h2a_curation.video.sample_frames import look

_COLOUR_CHUNKS = 4
_COLOUR_FRAMES = 2


def recipe(seed: int) -> Recipe:
    """The quickstart's recipe for another world."""
    return dataclasses.replace(recipes.load("sample"), seed=seed)


def built(out: Path, of: Recipe) -> TruthScore:
    """Build a recipe's world in `out` (a lake that is there goes on) and score it."""
    truth = out / "truth.json"
    with reachable(of, truth) as ready, local_executor(0, ready.lanes) as executor, shown() as progress:
        build(lakes.create(out / "lake", hides_people=False), ready, executor, progress)
    return scored(out / "lake", truth, of)


def scored(lake: Path, truth: Path, of: Recipe) -> TruthScore:
    """The score of the recipe's newest decision."""
    chosen = _newest(lake, of).query("SELECT post_id, class_id FROM selection ORDER BY post_id")
    return score(truth, zip(chosen["post_id"].to_pylist(), chosen["class_id"].to_pylist(), strict=True))


def figures(work: Path, lake: Path, truth: Path, whole: TruthScore) -> list[Figure]:
    """The rows for the default world, whose whole method scores `whole`."""
    default = recipe(0)
    seeds_only = built(work / "seeds-only", dataclasses.replace(default, adapt=False))
    ablated = {
        stage: built(_copy(lake, work / f"no-{stage}"), _without(default, stage))
        for stage in ("screen", "validate", "dedup")
    }
    clip, colour = _top1(lake, truth, default, work / "training-frames")
    return [
        Figure(name="pages_asked_share", value=_pages_share(lake, default), unit="", goal="<= 0.4"),
        Figure(name="seed_tags_only_recall", value=seeds_only.recall, unit="", goal="<= 0.6", baseline="seed_0_recall"),
        *(
            Figure(name=f"lost_without_{stage}", value=_lost(whole, without), unit="", goal=">= 0.05")
            for stage, without in ablated.items()
        ),
        Figure(name="clip_model_top1", value=clip, unit=""),
        Figure(name="colour_histogram_top1", value=colour, unit="", goal="<= 0.6", baseline="clip_model_top1"),
    ]


def _lost(whole: TruthScore, without: TruthScore) -> float:
    """Points of precision or recall, whichever suffers more."""
    return max(whole.precision - without.precision, whole.recall - without.recall)


def _without(of: Recipe, stage: str) -> Recipe:
    stages = Stages(**{stage: False})
    return dataclasses.replace(of, name=f"no-{stage}", decide=dataclasses.replace(of.decide, stages=stages))


def _copy(lake: Path, out: Path) -> Path:
    """A copy of the lake that shares its files, which are never changed in place."""
    shutil.copytree(lake, out / "lake", copy_function=os.link)
    return out


def _pages_share(lake: Path, of: Recipe) -> float:
    world = make_world(of.seed, "full", [(c.id, c.tags) for c in recipes.load("sample").action_classes])
    [asked] = connect(lake).query("SELECT count(*) AS n FROM request")["n"].to_pylist()
    return float(asked) / world.num_listing_pages


def _top1(lake: Path, truth: Path, of: Recipe, frames_folder: Path) -> tuple[float, float]:
    """Share of the lake's clips that show a class for which the CLIP model, and colours alone, name it first."""
    frames_folder.mkdir(parents=True, exist_ok=True)
    chunks = [Chunk(split="train", number=n, num_frames=_COLOUR_FRAMES) for n in range(_COLOUR_CHUNKS)]
    colours = fit_colour_histogram(np.concatenate([np.load(chunk_frames(chunk, frames_folder)) for chunk in chunks]))
    shown_class = _wanted(truth)
    opened = lakes.open_lake(lake)
    rows = (
        _newest(lake, of)
        .query("""
        SELECT post_id, clip_id, arg_max(class_id, probability) AS best
        FROM media JOIN clip USING (media_id) JOIN score USING (clip_id) GROUP BY post_id, clip_id ORDER BY post_id
    """)
        .to_pylist()
    )
    rows = [row for row in rows if row["post_id"].rpartition(":")[2] in shown_class]

    def by_colour(row: dict[str, str]) -> str:
        frames = look(str(opened.clip_file(row["clip_id"])), of.look).frames
        return Counter(colours.predict(_squashed(frames))).most_common(1)[0][0]

    def share(name: Callable[[dict[str, str]], str]) -> float:
        return float(np.mean([name(row) == shown_class[row["post_id"].rpartition(":")[2]] for row in rows]))

    return share(lambda row: row["best"]), share(by_colour)


def _squashed(frames: np.typing.NDArray[np.uint8]) -> np.typing.NDArray[np.uint8]:
    side = (SIZE_PX, SIZE_PX)
    return np.stack([np.asarray(Image.fromarray(f).resize(side, Image.Resampling.BICUBIC)) for f in frames])


def _wanted(truth: Path) -> dict[str, str]:
    """Post id to the class that a sound file of it shows."""
    posts = json.loads(truth.read_text(encoding="utf-8"))["posts"]
    return {post_id: post["wanted"] for post_id, post in posts.items() if post["wanted"]}


def _newest(lake: Path, of: Recipe) -> Catalog:
    decision = decisions.newest(lake, of.name)
    assert decision is not None, f"no decision of {of.name} in {lake}"
    return connect(lake, models=decisions.about(decision)["models"], decision=decision)
