"""How a run is watched while it lasts."""

from collections.abc import Callable
from dataclasses import dataclass

from h2a_curation.videomae.hardware.speed import Speed


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """How a run is doing after its last step."""

    loss: float
    """Loss of the last step."""
    speed: Speed
    """Speed over the last few steps."""


Progress = Callable[[int, int, Live], None]
"""`progress(steps done, steps in all, how it is doing)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """What the first process of a run tells; by default nothing."""

    progress: Progress = lambda done, total, live: None
    """Called after every step."""
    say: Callable[[str], None] = lambda line: None
    """Takes a line for people: what the run is, and what happens to it."""
