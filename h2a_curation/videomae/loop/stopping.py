"""How the processes of a run agree to end, without waiting for each other where steps are short."""

import signal

from h2a_curation.videomae.hardware.parallel import ProcessGroup
from h2a_curation.videomae.loop.signals import StopRequest

ASK_EVERY_S = 1.0
"""Processes ask each other about as often within a step. At the end of a step they tell each other in any case."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopping:
    """Whether a run is asked to end: between two passes of a long step, and after every step.

    Agreement takes a message to all and back. At the end of a step it goes with what the step sums up in any case.
    """

    def __init__(self, request: StopRequest, world: ProcessGroup) -> None:
        self._request, self._world = request, world
        self._every = 1
        """Passes from one question to the next."""

    def before(self, piece: int) -> bool:
        """Whether to leave the step before the piece of that number; all processes must ask alike."""
        if self._world.size == 1:
            return self._request.signal is not None
        return piece > 0 and piece % self._every == 0 and self.agreed() > 0

    def agreed(self) -> int:
        """The signal by which any process was asked to end, or 0; all must ask this alike."""
        [number] = self._world.largest(self._request.signal or 0)
        return number

    def tell(self, step_s: float) -> list[float]:
        """What this process tells the others at the end of a step: its request, and how long its last steps took."""
        return [step_s, *(float(self._request.signal == number) for number in _SIGNALS)]

    def hear(self, told: list[float], num_pieces: int) -> int:
        """The signal that any process told of in `told`, the sums over all processes, or 0."""
        step_s = told[0] / self._world.size
        if step_s > 0:
            self._every = max(1, int(ASK_EVERY_S * num_pieces / step_s))
        return next((int(number) for number, count in zip(_SIGNALS, told[1:], strict=True) if count), 0)
