"""Probes on features that lie there: nearest neighbours and a linear classifier, with rows and figures."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from h2a_curation.foundation.atomic_files import replaced
from h2a_curation.videomae.evaluate import figures as measured
from h2a_curation.videomae.evaluate.figures import Figures
from h2a_curation.videomae.evaluate.parts import Parts
from h2a_curation.videomae.evaluate.store import CLASSES, CONFUSION, VIDEOS
from h2a_curation.videomae.hardware.parallel import alone
from h2a_curation.videomae.probe.answers import answers
from h2a_curation.videomae.probe.linear import learn_linear
from h2a_curation.videomae.probe.nearest import NUM_NEIGHBOURS, TEMPERATURE, Shares, nearest_shares
from h2a_curation.videomae.probe.sides import Side, Sides, sides_of
from h2a_curation.videomae.probe.store import read_features
from schemas import ClassScore, Confused, VideoScore, to_arrow

SUMMARY = "summary.json"
KNN, LINEAR = "knn", "linear"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeAsked:
    """What is learnt from, what is tested on, and how neighbours vote."""

    features: Path
    test: Path | None = None
    train_split: str | None = None
    split: str | None = None
    num_neighbours: int | None = None
    """None: 20, or as many as there are where that is fewer."""
    temperature: float = TEMPERATURE


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What came out."""

    learnt: str
    """What was learnt from, in words."""
    figures: Mapping[str, Mapping[str, Figures]]
    """Figures by probe and split."""
    settings: Mapping[str, Mapping[str, float | bool]]
    """What each probe was given, or chose."""
    notes: list[str]
    out: Path


def probe(asked: ProbeAsked, out: Path | None, device: str | None) -> Probed:
    """Learn both probes, test them, and write their rows and figures. ValueError in one line for what does not fit."""
    learn = read_features(asked.features)
    test = None if asked.test is None else read_features(asked.test)
    sides = sides_of(learn, test, train_split=asked.train_split, split=asked.split)
    world, notes = alone(device), list(sides.notes)
    labels, classes = np.unique([row.label for row in sides.learnt.rows], return_inverse=True)
    vectors = sides.learnt.vectors
    num_neighbours = asked.num_neighbours or min(NUM_NEIGHBOURS, len(vectors))
    settings: dict[str, dict[str, float | bool]] = {
        KNN: {"num_neighbours": num_neighbours, "temperature": asked.temperature}
    }

    def nearest(side: Side) -> Shares:
        return nearest_shares(
            vectors, classes, side.vectors, num_neighbours=num_neighbours, temperature=asked.temperature
        )

    makers: dict[str, Callable[[Side], Shares]] = {KNN: nearest}
    linear = learn_linear(vectors, classes, [row.video_id for row in sides.learnt.rows], world.device)
    if linear is None:
        notes.append(
            "the linear probe is left out: no class has two videos to learn from, so nothing can choose its l2"
        )
    else:
        settings[LINEAR] = {"l2": linear.l2, "converged": linear.converged}
        makers[LINEAR] = lambda side: linear.shares(side.vectors)
        if not linear.converged:
            notes.append("the linear probe's solver stopped before it had converged")
    rows = {
        name: {split: answers(side, make(side), labels) for split, side in sides.tested.items()}
        for name, make in makers.items()
    }
    found = {name: {split: measured.figures(own) for split, own in of.items()} for name, of in rows.items()}
    folder = out or _default_out(asked)
    for name, of in rows.items():
        _write_rows(folder / name, of, sides)
    told = f"{len(vectors)} videos of {len(labels)} classes (split {sides.learnt_split})"
    done = Probed(learnt=told, figures=found, settings=settings, notes=notes, out=folder)
    _write_summary(done, asked, learn.about)
    return done


def _default_out(asked: ProbeAsked) -> Path:
    folder = asked.features if asked.features.is_dir() else asked.features.parent
    if asked.test is None:
        return folder / "probe"
    tested = asked.test if asked.test.is_dir() else asked.test.parent
    return folder / f"probe-{tested.resolve().name}"


def _write_rows(folder: Path, of_split: Mapping[str, list[VideoScore]], sides: Sides) -> None:
    classes = [row for split, own in of_split.items() for row in measured.by_class(split, own, sides.names)]
    confused = [row for split, own in of_split.items() for row in measured.confusion(split, own)]
    parts = Parts(folder)
    for name, table in (
        (VIDEOS, to_arrow(VideoScore, [row for own in of_split.values() for row in own])),
        (CLASSES, to_arrow(ClassScore, classes)),
        (CONFUSION, to_arrow(Confused, confused)),
    ):
        parts.write(folder / name, table)


def _write_summary(done: Probed, asked: ProbeAsked, about: Mapping[str, object]) -> None:
    summary = {
        "features": str(asked.features),
        "test": None if asked.test is None else str(asked.test),
        "about": about,
        "learnt": done.learnt,
        "settings": done.settings,
        "splits": {name: {split: asdict(one) for split, one in of.items()} for name, of in done.figures.items()},
        "notes": done.notes,
    }
    with replaced(done.out, done.out / SUMMARY) as file:
        file.write((json.dumps(summary, indent=2) + "\n").encode())
