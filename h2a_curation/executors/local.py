"""Build's executor on one machine: processes for what computes, threads for what waits on the network."""

import atexit
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor as Pool
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path

from h2a_curation.executors import forkserver
from h2a_curation.foundation.interrupts import interrupts_held
from h2a_curation.pipeline.part import WAITING_STAGES, Part, do_part
from h2a_curation.recipes import Recipe

_ORPHAN_POLL_S = 0.5


class LocalExecutor:
    """Parts in `workers` processes, which are started when the first computing part comes, or in `lanes` threads.

    May be called from several threads.
    """

    def __init__(self, workers: int, lanes: int) -> None:
        self._workers = workers
        self._threads = ThreadPoolExecutor(lanes, thread_name_prefix="lane")
        self._processes: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()

    def __call__(self, lake: Path, recipe: Recipe, parts: Sequence[Part]) -> Iterator[Part]:
        """Each part once it is done, in their order; the first that fails ends the step."""
        forkserver.get_ready()
        pools = [self._pool(part) for part in parts]
        with interrupts_held():
            futures = [pool.submit(do_part, lake, recipe, part) for pool, part in zip(pools, parts, strict=True)]
        try:
            for part, future in zip(parts, futures, strict=True):
                _wait_for(future)
                yield part
        finally:
            for future in futures:
                future.cancel()

    def close(self) -> None:
        """Drop what has not begun, and wait for what has."""
        self._threads.shutdown(cancel_futures=True)
        if self._processes is not None:
            self._processes.shutdown(cancel_futures=True)

    def drop(self) -> None:
        """Drop what has begun too, which may take minutes: it is not committed, and the next run does it again."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._processes is not None:
            self._processes.shutdown(wait=False, cancel_futures=True)
            for worker in active_children():
                worker.kill()
        forkserver.drop()

    def _pool(self, part: Part) -> Pool:
        if part.stage in WAITING_STAGES:
            return self._threads
        with self._lock:
            if self._processes is None:
                forkserver.wait_until_ready()
                self._processes = ProcessPoolExecutor(
                    self._workers, mp_context=forkserver.CONTEXT, initializer=_begin_worker
                )
            return self._processes


@contextmanager
def local_executor(workers: int = 0, lanes: int = 4) -> Iterator[LocalExecutor]:
    """`workers` 0: one a core."""
    executor = LocalExecutor(workers or os.cpu_count() or 1, lanes)
    try:
        yield executor
    except KeyboardInterrupt:
        executor.drop()
        raise
    except BaseException:
        executor.close()
        raise
    executor.close()


def _wait_for(future: "Future[None]") -> None:
    try:
        future.result()
    except BrokenProcessPool as dead:
        raise RuntimeError(
            "a worker process was killed, perhaps for want of memory: run the same command again, with fewer --workers"
        ) from dead


def _begin_worker() -> None:
    """A worker must not outlive a build that was killed, nor keep the process alive that it was forked from."""
    ending = threading.Event()
    watch = threading.Thread(target=_end_with, args=(parent_process(), ending), daemon=True)
    watch.start()
    # A thread that still runs when the interpreter ends keeps what it has imported alive, which DuckDB reports loudly.
    atexit.register(watch.join)
    atexit.register(ending.set)  # runs first


def _end_with(parent: BaseProcess, ending: threading.Event) -> None:
    while not ending.wait(_ORPHAN_POLL_S):
        if not parent.is_alive():
            os._exit(1)
