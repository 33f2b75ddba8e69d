"""What a benchmark asks: its videos, their labels, and the order of its classes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One video of a list."""

    video_id: str
    """Its name as the list has it, which is unique in a split."""
    path: Path
    """Place where it lies, or would lie if it were there."""
    label: int
    num_frames: int | None = None
    """What the list says of a folder of frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """The videos of each split, and how they are looked at by default."""

    task: str
    classes: Sequence[str]
    """Names by label; numbers where nothing names them."""
    splits: dict[str, list[Listed]]
    sparse: bool = False
    stride: int = 4
    notes: list[str] = field(default_factory=list)
    """What was left out of the lists, and why."""
    num_segments: int = 5


def line_of(file: Path, number: int) -> str:
    """How a line of a file is named in an error.

    >>> line_of(Path("val.csv"), 3)
    'val.csv, line 3'
    """
    return f"{file}, line {number}"


def is_number(word: str) -> bool:
    """Whether a word of a list is a label or a count; no list needs ten digits.

    >>> is_number("12"), is_number("²"), is_number("-1"), is_number("9" * 5_000)
    (True, False, False, False)
    """
    return word.isdecimal() and len(word) < 10


def shown(line: str) -> str:
    """As much of a wrong line as an error has room for, in quotes."""
    return repr(line if len(line) <= 80 else f"{line[:80]}...")


def lines(file: Path) -> list[tuple[int, str]]:
    """Lines that hold something, with their numbers; ValueError for a file that is no text or holds none."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as broken:
        raise ValueError(f"{file} is no text in UTF-8") from broken
    found = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not found:
        raise ValueError(f"{file} holds no line")
    return found


def without_repeats(videos: Sequence[Listed], split: str) -> tuple[list[Listed], list[str]]:
    """Each video once, and what is to be said of repeats; ValueError for a video with two labels.

    The official merge counts a video that is listed twice once, too.
    """
    first: dict[str, Listed] = {}
    for video in videos:
        known = first.setdefault(video.video_id, video)
        if known.label != video.label:
            raise ValueError(f"{split} lists {video.video_id} with two labels, {known.label} and {video.label}")
    num = len(videos) - len(first)
    return list(first.values()), [f"{split}: {num} repeated lines are counted once"] if num else []
