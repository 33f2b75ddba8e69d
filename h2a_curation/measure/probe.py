"""Probe each file that came: what it declares, and whether it decodes to its end."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass

from h2a_curation.measure.facts import ProbeFacts
from schemas import Probe

ReadFacts = Callable[[str, float, int], ProbeFacts]
"""`read(file, timeout_s, max_memory_bytes)`; never raises for what the file holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeRules:
    """What one untrusted file may cost."""

    timeout_s: float = 60.0
    """Longer decodes end as `timeout`: a minute of 1080p takes 10 s here."""
    max_memory_bytes: int = 2 << 30
    """Decoders that want more address space end as `too_much_memory`: a minute of 1080p takes a quarter of it."""

    def __post_init__(self) -> None:
        if self.timeout_s <= 0 or self.max_memory_bytes < 256 << 20:
            raise ValueError(f"no decoder starts within these limits: {self}")


def probe(files: Iterable[tuple[str, str]], rules: ProbeRules, *, model: str, read: ReadFacts) -> Iterator[Probe]:
    """Yield one row per (media id, file), in order."""
    for media_id, file in files:
        facts = read(file, rules.timeout_s, rules.max_memory_bytes)
        yield Probe(media_id=media_id, model=model, **asdict(facts))
