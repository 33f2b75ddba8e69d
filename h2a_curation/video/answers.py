"""What passes between a decoding child and who asks it, beside the facts themselves."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What decoding one untrusted file may cost."""

    timeout_s: float = 60.0
    """Seconds of processor time."""
    max_memory_bytes: int = 2 << 30
    """Address space of a program that decodes; what a task imports besides is not counted."""

    def times(self, factor: float) -> "Limits":
        """The same memory, and so much more time."""
        return Limits(timeout_s=self.timeout_s * factor, max_memory_bytes=self.max_memory_bytes)


DEFAULT_LIMITS = Limits()
PATIENCE = 20
"""Seconds on the wall for each second of computing that a task may take."""


class ChildError(Exception):
    """An error of ours in a child; `place` has its type and where it arose."""

    def __init__(self, place: str, detail: str, trace: str) -> None:
        super().__init__(place, detail, trace)
        self.place = place
        self.detail = detail
        self.trace = trace

    def __str__(self) -> str:
        return f"{self.detail}\n{self.trace}"


def as_arguments(rules: Any) -> dict[str, Any]:
    """A dataclass as JSON takes it."""
    return asdict(rules)
