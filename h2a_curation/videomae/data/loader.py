"""Samples by (seed, epoch, place): nothing else decides what a sample is, so a run can go on at any step, and on any
number of devices.

Threads, not processes: reading, decoding and resizing all release Python's lock, and a thread starts at once.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, Protocol, TypeVar

from h2a_curation.videomae.data.bad_clips import BadClips
from h2a_curation.videomae.data.item import Item
from h2a_curation.videomae.data.sampling import epoch_order
from schemas import Member

ReadClip = Callable[[Member], bytes]
Piece = tuple[int, int, int]
"""(step, part, num_parts): one of equal parts of a step's clips."""
B = TypeVar("B")
M = TypeVar("M", bound=Item)
Made = TypeVar("Made", covariant=True)
Drawn = TypeVar("Drawn", bound=Item)

_STAND_INS = 8
"""Clips that are tried in turn for one that does not decode."""
_AHEAD = 4
"""Clips that are made ahead for each thread, and at least one whole piece."""
_MOVING = 3
"""Pieces on their way to a device, or still read from there, beside those that are made ahead."""
PINNED_BYTES = 4 * 2**30
"""Page-locked memory that a process takes at most: the system cannot swap it, and eight processes share a machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw(Generic[M]):
    """What is drawn at one place of an epoch."""

    key: str
    """It decides all that is drawn for the clip: frames, crops, masks."""
    member: M
    stand_ins: tuple[M, ...] = ()
    """Clips that take its place, in turn, where it cannot be decoded."""
    step_key: str = ""
    """It decides all that is drawn for the whole step."""
    views: range | None = None
    """Which of the clip's samples are made; None makes all. Fine-tuning alone makes some: see finetune/samples.py."""


class Making(Protocol[Made]):
    """A batch whose clips are filled in one by one, in any order, by any threads."""

    def make(self, i: int) -> None:
        """Fill in all samples of the i-th clip; an error names the clip."""

    def finished(self) -> Made:
        """The batch, once all clips are in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream(ABC, Generic[M, B]):
    """All batches of a run, by step: which clips are drawn when. What is made of them, a task says in a subclass."""

    members: Sequence[M]
    seed: int
    skipped: frozenset[str] = frozenset()
    """Clips that are left out: where one is drawn, the next of the epoch that is not stands in, once more than else."""
    bad: BadClips = field(default_factory=lambda: BadClips(limit=0))
    """Clips that turn out not to decode, as far as the run bears them."""
    _orders: dict[int, list[int]] = field(default_factory=dict, init=False, repr=False, compare=False)
    """The order of the epoch at hand."""

    @property
    @abstractmethod
    def batch_clips(self) -> int:
        """Clips of a step, over all devices."""

    @property
    @abstractmethod
    def class_balance(self) -> float:
        """How far small classes are favoured: see sampling.py."""

    @property
    @abstractmethod
    def clip_bytes(self) -> int:
        """Memory of all samples of one clip."""

    @abstractmethod
    def begin(self, draws: Sequence[Draw[M]], *, pinned: bool) -> Making[B]:
        """An empty batch of these draws; `pinned` puts it where a GPU fetches it without waiting."""

    @property
    def steps_per_epoch(self) -> int:
        """What is left over of an epoch is dropped; fewer clips than a batch are repeated to fill one."""
        return max(1, len(self.members) // self.batch_clips)

    def batch(self, step: int, part: int = 0, num_parts: int = 1) -> B:
        """The part-th of `num_parts` equal parts of a step's batch.

        ValueError where the batch does not divide into so many.
        """
        return made(self.draws(step, part, num_parts), self.begin)

    def draws(self, step: int, part: int, num_parts: int) -> list[Draw[M]]:
        """What such a part consists of, in its order; raises as `batch`."""
        epoch, step_in_epoch = divmod(step, self.steps_per_epoch)
        order = self._order(epoch)
        if self.batch_clips % num_parts:
            raise ValueError(
                f"a batch of {self.batch_clips} clips does not divide into {num_parts} parts (devices x micro-steps)"
            )
        first = step_in_epoch * self.batch_clips
        step_key = f"{self.seed}/{epoch}/step {step_in_epoch}"
        places = (first + place for place in self.places(part, num_parts))
        return [self._draw(order, place, f"{self.seed}/{epoch}/{place}", step_key) for place in places]

    def places(self, part: int, num_parts: int) -> Sequence[int]:
        """Places in a step's batch that make up a part: neighbours, unless a task needs others together."""
        size = self.batch_clips // num_parts
        return range(part * size, (part + 1) * size)

    def _draw(self, order: Sequence[int], place: int, key: str, step_key: str) -> Draw[M]:
        if not self.skipped and not self.bad.limit:
            return Draw(key=key, member=self.members[order[place % len(order)]], step_key=step_key)
        following = (self.members[order[(place + i) % len(order)]] for i in range(len(order)))
        usable = (member for member in following if member.clip_id not in self.skipped)
        chosen = list(islice(usable, 1 + (_STAND_INS if self.bad.limit else 0)))
        if not chosen:  # a balanced epoch may draw skipped clips alone
            chosen = [next(member for member in self.members if member.clip_id not in self.skipped)]
        return Draw(key=key, member=chosen[0], stand_ins=tuple(chosen[1:]), step_key=step_key)

    def _order(self, epoch: int) -> list[int]:
        if epoch not in self._orders:
            self._orders.clear()
            labels = [m.label for m in self.members]
            self._orders[epoch] = epoch_order(labels, self.seed, epoch, self.class_balance)
        return self._orders[epoch]


def first_that_decodes(draw: Draw[M], fill: Callable[[M], None], bad: BadClips) -> M:
    """Fill by the clip of a draw, or by a stand-in; returns the one. Those before it are noted as bad.

    Which it is depends on the clips alone, so that a run which goes on makes the same of the same draw.
    """
    *before, last = (draw.member, *draw.stand_ins)
    for member in before:
        try:
            fill(member)
            return member
        except ValueError as broken:
            bad.note(member, str(broken))
    fill(last)
    return last


class _Begin(Protocol[Drawn, Made]):
    def __call__(self, draws: Sequence[Draw[Drawn]], *, pinned: bool) -> Making[Made]: ...


def made(draws: Sequence[Draw[M]], begin: _Begin[M, B]) -> B:
    """The batch of these draws, clip after clip, in this thread."""
    making = begin(draws, pinned=False)
    for i in range(len(draws)):
        making.make(i)
    return making.finished()


def pinned_bytes(clip_bytes: int, piece_clips: int, workers: int) -> int:
    """The most page-locked memory that `prefetched` holds at a time: torch rounds each piece up to a power of two."""
    piece = 1 << (clip_bytes * piece_clips - 1).bit_length()
    return piece * (max(2, 1 + -(-_AHEAD * workers // piece_clips)) + _MOVING)


@contextmanager
def prefetched(
    stream: Stream[M, B], pieces: Iterable[Piece], workers: int, *, pinned: bool = False
) -> Iterator[Iterator[B]]:
    """The batches of these pieces, in order, made ahead by threads: each thread makes a clip at a time.

    `pinned` puts them where a GPU fetches them without waiting, unless that takes more than PINNED_BYTES.
    """
    steps = iter(pieces)
    waiting: deque[tuple[Making[B], list[Future[None]]]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="loader")

    def submit() -> None:
        while len(waiting) < 2 or sum(len(clips) for _, clips in waiting) < _AHEAD * workers:
            if (piece := next(steps, None)) is None:
                return
            draws = stream.draws(*piece)
            fits = pinned_bytes(stream.clip_bytes, len(draws), workers) <= PINNED_BYTES
            making = stream.begin(draws, pinned=pinned and fits)
            waiting.append((making, [pool.submit(making.make, i) for i in range(len(draws))]))

    def in_order() -> Iterator[B]:
        submit()
        while waiting:
            making, clips = waiting[0]
            for clip in clips:
                clip.result()
            waiting.popleft()
            submit()
            yield making.finished()

    interrupted = False
    try:
        yield in_order()
    except KeyboardInterrupt:
        interrupted = True  # a thread may wait on a network for minutes, and nobody wants its clip
        raise
    finally:
        pool.shutdown(wait=not interrupted, cancel_futures=True)
