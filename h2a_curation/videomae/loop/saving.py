"""When a run saves, and under which name."""

import time

from h2a_curation.videomae.loop import checkpoint
from h2a_curation.videomae.loop.async_save import Saver
from h2a_curation.videomae.loop.resume import state_of
from h2a_curation.videomae.loop.run import Run


class Savings:
    """Keeps a checkpoint every few epochs and at the end, in the official name, and between those the newest state."""

    def __init__(self, run: Run, saver: Saver) -> None:
        self._run, self.saver = run, saver
        self._saved_step, self._saved_s = run.first_step, time.monotonic()

    def late(self) -> bool:
        """Whether the newest state is older than the recipe's minutes; processes may differ in that."""
        minutes = self._run.task.recipe.save_minutes
        return minutes is not None and time.monotonic() - self._saved_s >= 60 * minutes

    def save_if_due(self, num_done: int, *, now: bool) -> None:
        """Save after so many steps where the recipe says so, or `now`; all processes must call this alike."""
        run, recipe = self._run, self._run.task.recipe
        self.saver.check()
        epoch, ends_epoch = run.epoch(num_done - 1), run.ends_epoch(num_done - 1)
        keep = num_done == run.num_steps or (ends_epoch and (epoch + 1) % recipe.save_epochs == 0)
        if num_done == self._saved_step or not (keep or now or num_done % recipe.save_steps == 0):
            return
        done_epoch = epoch if keep or ends_epoch else epoch - 1
        self._save(f"checkpoint-{epoch}.pth" if keep else checkpoint.LAST, num_done, done_epoch)
        self._saved_step, self._saved_s = num_done, time.monotonic()

    def save_best(self, num_done: int) -> None:
        """Keep the state after the epoch that ends here as the best; all processes must call this alike."""
        self._save(checkpoint.BEST, num_done, self._run.epoch(num_done - 1))

    def _save(self, name: str, num_done: int, epoch: int) -> None:
        run = self._run
        state = state_of(run.learner, run.beginning, num_done, epoch, run.task.settings)
        if run.learner.world.first:
            self.saver.save(name, state)
