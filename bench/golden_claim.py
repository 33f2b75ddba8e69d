"""Two values that must agree."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

EXACT = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Claim:
    """Two values that must agree within rtol and atol."""

    what: str
    ours: Any
    official: Any
    tolerance: tuple[float, float] = EXACT

    def error(self) -> float:
        """Largest difference over what is allowed; above 1 is out of tolerance."""
        rtol, atol = self.tolerance
        if self.tolerance == EXACT and not isinstance(self.official, np.ndarray | torch.Tensor):
            return 0.0 if self.ours == self.official else float("inf")
        ours, official = (np.asarray(torch.as_tensor(x), dtype=np.float64) for x in (self.ours, self.official))
        if ours.shape != official.shape or np.isnan(ours).any():
            return float("inf")
        if self.tolerance == EXACT:
            return 0.0 if np.array_equal(ours, official) else float("inf")
        return float((np.abs(ours - official) / (atol + rtol * np.abs(official))).max(initial=0))
