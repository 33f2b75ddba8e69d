"""A classifier's head cut to some of its classes, as a model of Kinetics-710 begins on a Kinetics of fewer classes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from h2a_curation.foundation import json_file
from h2a_curation.videomae.convert.files import Found
from h2a_curation.videomae.convert.names import HEAD

_MOST_BYTES = 2**20
"""A list of 10,000 classes has 60 kB: what is larger is no such list."""


def read_head_map(file: Path) -> list[int]:
    """The number that each class of a task has in a checkpoint's head, in the order of the task's classes.

    The file is a JSON list, as `misc/label_710to400.json` of the official code. ValueError in one line for any other.
    """
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise ValueError("it has more than 1 MiB")
        numbers = json_file.parse(file.read_bytes())
    except (OSError, ValueError) as broken:
        raise ValueError(f"--head-map {file} cannot be read: {broken}") from broken
    is_list = isinstance(numbers, list) and numbers
    if not is_list or not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError(f"--head-map {file} is no list of numbers such as [0, 3, 7], one for each class of the task")
    if len(set(numbers)) < len(numbers):
        twice = next(number for number in numbers if numbers.count(number) > 1)
        raise ValueError(f"--head-map {file} names class {twice} of the checkpoint twice")
    return [int(number) for number in numbers]


def cut_head(found: Found, numbers: Sequence[int]) -> Found:
    """The same weights, with the head of these classes alone. ValueError for weights without a head or such classes."""
    if any(name not in found.tensors for name in HEAD):
        raise ValueError("--head-map is for a classifier, and its weights end without a head")
    num_classes = len(found.tensors["head.bias"])
    if max(numbers) >= num_classes:
        raise ValueError(
            f"--head-map names class {max(numbers)}, and its head has {num_classes} classes, which begin with 0"
        )
    cut = {name: found.tensors[name][list(numbers)].clone() for name in HEAD}
    names = [found.class_names[number] for number in numbers] if found.class_names else []
    return replace(found, tensors={**found.tensors, **cut}, class_names=names)
