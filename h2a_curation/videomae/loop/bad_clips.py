"""Clips that a run could not decode, counted over all its processes and told."""

from typing import Any

from h2a_curation.videomae.data import bad_clips
from h2a_curation.videomae.hardware.parallel import ProcessGroup
from h2a_curation.videomae.loop.task import Task
from h2a_curation.videomae.loop.watch import Watcher


class BadClipWatch:
    """What all processes found, those of earlier calls of the same run included."""

    def __init__(self, task: Task[Any, Any], world: ProcessGroup, watcher: Watcher) -> None:
        self._out, self._world, self._watcher, self._bad = task.out, world, watcher, task.stream.bad
        self._known = world.agreed(bad_clips.known_list(task.out)) if self._bad.limit else {}

    def has_more(self) -> bool:
        """Whether this process found a clip that is not told yet."""
        return bool(self._bad.limit) and bool(self._bad.beyond(self._known))

    def tell_more(self) -> None:
        """Tell and list what any process found; all must call this. ValueError where a run bears no more."""
        for clip_id, reason in self._world.gathered(self._bad.beyond(self._known)):
            if clip_id in self._known:
                continue
            self._known[clip_id] = " ".join(reason.split())
            if self._world.first:
                count = f"{len(self._known)} bad clips, of {self._bad.limit} that the run bears"
                self._watcher.say(f"another clip stands in for one that fails: {reason} ({count})")
        if self._world.first:
            bad_clips.write_list(self._out, self._known)
        if len(self._known) > self._bad.limit:
            raise ValueError(
                f"{len(self._known)} clips cannot be decoded, and the run bears {self._bad.limit} (max_bad_clips): "
                f"{self._out / bad_clips.FILE} names them; mend the version, or skip them by --skip-clips"
            )
