"""What a probe learns from and what it is tested on: rows of one or two files of features, if they go together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from h2a_curation.videomae.probe.store import Features
from h2a_curation.videomae.probe.wanted import split_order
from schemas import VideoFeature
from schemas.evaluate import OK

TRAIN = "train"
_MUST_AGREE = ("weights", "width", "feature", "num_heads", "num_frames", "frame_px")
_MAY_DIFFER = ("sampling", "stride", "num_segments", "num_crops", "dtype")
_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Rows in the order of their ids, and the vectors of those that were seen."""

    rows: Sequence[VideoFeature]
    vectors: NDArray[np.float64]
    """[row, width]; zeros where nothing was seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Both sides of a probe."""

    learnt: Side
    """Rows that were seen alone."""
    tested: Mapping[str, Side]
    """Sides by split, also rows that were not seen."""
    names: Mapping[int, str]
    """Classes by label."""
    learnt_split: str
    notes: list[str] = field(default_factory=list)


def sides_of(learn: Features, test: Features | None, *, train_split: str | None, split: str | None) -> Sides:
    """What to learn from and what to test on.

    One learns from the split `train`, or from the only one of a file; one tests on all other splits. ValueError in one
    line where that leaves nothing, or where the files are of different weights, widths or classes.
    """
    own, notes = _splits(learn), list[str]()
    learnt_split = train_split or (next(iter(own)) if test is not None and len(own) == 1 else TRAIN)
    if learnt_split not in own:
        told = "" if train_split else ", and none is called train: name the one to learn from with --train-split"
        raise ValueError(f"{learn.source} has the splits {', '.join(own)}{told or f', and no {train_split}'}")
    if test is None:
        tested_from, others = learn, [name for name in own if name != learnt_split]
    else:
        notes += _agreement(learn, test)
        there = _splits(test)
        tested_from, others = test, [name for name in there if name != TRAIN] or list(there)
    chosen = _chosen(tested_from, others, split, learnt_split if test is None else None)
    rows = [place for place in own[learnt_split] if learn.rows[place].status == OK]
    if lost := len(own[learnt_split]) - len(rows):
        notes.append(f"{lost} of {len(own[learnt_split])} videos to learn from could not be seen and are left out")
    learnt = _side(learn, rows)
    tested = {name: _side(tested_from, _splits(tested_from)[name]) for name in chosen}
    names = _names(learn, test)
    if len({row.label for row in learnt.rows}) < 2:
        raise ValueError(f"split {learnt_split} of {learn.source} has fewer than two classes with videos to learn from")
    notes += _remarks(learnt, tested, names)
    return Sides(learnt=learnt, tested=tested, names=names, learnt_split=learnt_split, notes=notes)


def _splits(features: Features) -> dict[str, list[int]]:
    """Places of the rows of each split; the file's order of splits does not count."""
    found: dict[str, list[int]] = {}
    for place, row in enumerate(features.rows):
        found.setdefault(row.split, []).append(place)
    return dict(sorted(found.items(), key=lambda item: split_order(item[0])))


def _chosen(tested: Features, others: Sequence[str], split: str | None, learnt: str | None) -> list[str]:
    if split is None:
        if not others:
            raise ValueError(
                f"{tested.source} has no split but {learnt}: give features to test on with --test, or publish a version"
                " with a val or test split"
            )
        return list(others)
    if split == learnt:
        raise ValueError(f"--split {split}: that is what the probe learns from")
    if split not in _splits(tested):
        raise ValueError(f"--split {split}: {tested.source} has {', '.join(_splits(tested))}")
    return [split]


def _agreement(learn: Features, test: Features) -> list[str]:
    """What is to be said of views that differ; ValueError where the features are of different models."""
    for name in _MUST_AGREE:
        one, other = learn.about.get(name), test.about.get(name)
        if one != other:
            raise ValueError(
                f"{learn.source} and {test.source} hold features of different models:"
                f" {name} is {one} there and {other} here"
            )
    differing = [name for name in _MAY_DIFFER if learn.about.get(name) != test.about.get(name)]
    said = ", ".join(f"{name} {learn.about.get(name)} and {test.about.get(name)}" for name in differing)
    return [f"what is learnt from and what is tested on were looked at differently: {said}"] if differing else []


def _side(features: Features, places: Sequence[int]) -> Side:
    """So the order of a file decides nothing."""
    ordered = sorted(places, key=lambda place: (features.rows[place].video_id, features.rows[place].label))
    return Side(rows=[features.rows[place] for place in ordered], vectors=features.vectors[ordered].astype(np.float64))


def _names(learn: Features, test: Features | None) -> dict[int, str]:
    names: dict[int, str] = {}
    for features in (learn, test) if test is not None else (learn,):
        for row in features.rows:
            if names.setdefault(row.label, row.class_name) != row.class_name:
                told = f"label {row.label} is {names[row.label]!r} and {row.class_name!r}"
                raise ValueError(f"{told} in {features.source}: these features are of different classes")
    return names


def _remarks(learnt: Side, tested: Mapping[str, Side], names: Mapping[int, str]) -> list[str]:
    known = {row.label for row in learnt.rows}
    ids = {row.video_id for row in learnt.rows}
    said = []
    for split, side in tested.items():
        if strange := sorted({row.label for row in side.rows} - known):
            shown = ", ".join(names[label] for label in strange[:_SHOWN]) + (", ..." if strange[_SHOWN:] else "")
            num = sum(row.label in strange for row in side.rows)
            said.append(
                f"{split}: {num} videos are of {len(strange)} classes without one to learn from ({shown}): wrong"
            )
        if num_same := sum(row.video_id in ids for row in side.rows):
            said.append(f"{split}: {num_same} videos have the name of one that is learnt from: is it the same?")
    return said
