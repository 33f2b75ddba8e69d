"""Probe each file that came: what it declares, and whether it decodes to its end."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass

from h2a_curation.measure.facts import ProbeFacts
from schemas import Probe

ReadFacts = Callable[[str, float, int], ProbeFacts]
"""`read(file, timeout_s, max_memory_bytes)` decodes a file; it never raises for what the file holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeRules:
    """What decoding one untrusted file may cost."""

    timeout_s: float = 60.0
    """Seconds of processor time after which decoding ends as `timeout`. Two minutes of 1080p took 10 s."""
    max_memory_bytes: int = 2 << 30
    """Address space of the decoder. One that wants more ends as `too_much_memory`, or as `damaged` if FFmpeg reports it
    so. 4096 x 4096 px take a sixth of the default."""

    def __post_init__(self) -> None:
        if self.timeout_s <= 0 or self.max_memory_bytes < 256 << 20:
            raise ValueError(f"no decoder starts within these limits: {self}")


def probe(files: Iterable[tuple[str, str]], rules: ProbeRules, *, model: str, read: ReadFacts) -> Iterator[Probe]:
    """Yield one row for each (media id, file), in order."""
    for media_id, file in files:
        facts = read(file, rules.timeout_s, rules.max_memory_bytes)
        yield Probe(media_id=media_id, model=model, **asdict(facts))


def not_probed(media_id: str, model: str, outcome: str, detail: str) -> Probe:
    """The row of a file that no decoder got to see."""
    return Probe(media_id=media_id, model=model, **asdict(ProbeFacts(outcome=outcome, detail=detail)))
