"""Weights that a training run begins with, from a checkpoint of any layout."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import nn

from h2a_curation.videomae.convert import files
from h2a_curation.videomae.convert.fill import Fitting, fill, hash_of_found
from h2a_curation.videomae.convert.head_map import cut_head


@dataclass(slots=True, kw_only=True)
class StartWeights:
    """A checkpoint that was read, and what became of its weights."""

    source: Path
    found: files.Found = field(repr=False)
    fitting: Fitting | None = None
    """None until a model was filled."""

    @classmethod
    def read(cls, source: Path) -> "StartWeights":
        """ValueError in one line for what is no checkpoint of a VideoMAE."""
        return cls(source=source, found=files.read(source))

    @property
    def hash(self) -> str:
        """The same for the same weights, whatever layout they lay in."""
        return hash_of_found(self.found)

    def cut_head(self, numbers: Sequence[int]) -> None:
        """Keep these classes of the head alone; ValueError where it does not have them."""
        try:
            self.found = cut_head(self.found, numbers)
        except ValueError as refused:
            raise ValueError(f"{self.source}: {refused}") from refused

    def into(self, model: nn.Module) -> None:
        """Load what has a place in the model. ValueError where nothing has, or where a weight has another size."""
        try:
            self.fitting = fill(model, self.found)
            if not self.fitting.fitted:
                raise ValueError("none of its weights has a place in this model")
        except ValueError as refused:
            raise ValueError(f"{self.source}: {refused}; choose the preset or recipe of its model") from refused

    def about(self) -> str:
        """What fitted, was left fresh and was not used, in a line."""
        return f"begun with {self.source}: {self.fitting}"
