"""What may be drawn for a batch."""

from typing import Protocol


class Item(Protocol):
    """A clip or video of a training set."""

    @property
    def clip_id(self) -> str:
        """Its name, unique in the set."""

    @property
    def label(self) -> int:
        """Its class."""
