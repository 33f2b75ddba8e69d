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
        """Largest difference over what is allowed; above 1 is out of tolerance, and infinite what cannot be compared.

        A value that is not finite cannot: nothing official is.
        """
        rtol, atol = self.tolerance
        if self.tolerance == EXACT and not isinstance(self.official, np.ndarray | torch.Tensor):
            return 0.0 if self.ours == self.official else float("inf")
        ours, official = self._arrays()
        if ours.shape != official.shape or not (np.isfinite(ours).all() and np.isfinite(official).all()):
            return float("inf")
        if self.tolerance == EXACT:
            return 0.0 if np.array_equal(ours, official) else float("inf")
        return float((np.abs(ours - official) / (atol + rtol * np.abs(official))).max(initial=0))

    def said(self) -> str:
        """How large the error is, and of what."""
        if self.error() == 0:
            return "largest error 0"
        if self.tolerance == EXACT:
            return f"{self.what} differs"
        ours, official = self._arrays()
        if ours.shape != official.shape:
            return f"{self.what} has shape {ours.shape}, not {official.shape}"
        if not (np.isfinite(ours).all() and np.isfinite(official).all()):
            return f"{self.what} is not finite"
        largest = float(np.abs(ours - official).max(initial=0))
        return f"largest error {largest:.2g} ({self.what}), {self.error():.2g} of what is allowed"

    def _arrays(self) -> tuple[Any, Any]:
        ours, official = (np.asarray(torch.as_tensor(x), dtype=np.float64) for x in (self.ours, self.official))
        return ours, official
