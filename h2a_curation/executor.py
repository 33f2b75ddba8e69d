"""Build's executor on one machine: processes for what computes, threads for what waits on the network."""

import atexit
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor as Pool
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from pathlib import Path

from h2a_curation.recipes import Recipe
from h2a_curation.work import WAITING_STAGES, Part, do_part, prepare

_ORPHAN_POLL_S = 0.5


class LocalExecutor:
    """Parts in `workers` processes or, where they wait on the network, in `lanes` threads; may be called from several.

    Processes are started with the first part of any kind, and get ready while the network is waited for.
    """

    def __init__(self, workers: int, lanes: int) -> None:
        self._workers = workers
        self._threads = ThreadPoolExecutor(lanes, thread_name_prefix="lane")
        self._processes: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()

    def __call__(self, lake: Path, recipe: Recipe, parts: Sequence[Part]) -> Iterator[int]:
        """Numbers of rows added, part by part in order; the first part that fails ends the step."""
        with self._lock:
            processes = self._processes or self._started()
        pools: list[Pool] = [self._threads if part.stage in WAITING_STAGES else processes for part in parts]
        with _interrupts_held():
            futures = [pool.submit(do_part, lake, recipe, part) for pool, part in zip(pools, parts, strict=True)]
        try:
            for future in futures:
                yield _result(future)
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

    def _started(self) -> ProcessPoolExecutor:
        pool = ProcessPoolExecutor(
            self._workers, mp_context=get_context("spawn"), initializer=_begin_worker, initargs=(os.getpid(),)
        )
        with _interrupts_held():
            for _ in range(self._workers):
                pool.submit(prepare)
        self._processes = pool
        return pool


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


def _result(future: "Future[int]") -> int:
    try:
        return future.result()
    except BrokenProcessPool as dead:
        raise RuntimeError(
            "a worker process was killed, perhaps for want of memory: run the same command again, with fewer --workers"
        ) from dead


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Processes that are started meanwhile never see Ctrl-C, from their first line on: it is the parent's to handle.

    A pool is made before: its making starts multiprocessing's tracker, which lets interrupts through again.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_worker(parent: int) -> None:
    """A worker must not outlive a parent that was killed."""
    ending = threading.Event()
    watch = threading.Thread(target=_end_with, args=(parent, ending), daemon=True)
    watch.start()
    # A thread that still runs when the interpreter ends keeps what it has imported alive, which DuckDB reports loudly.
    atexit.register(watch.join)
    atexit.register(ending.set)  # runs first


def _end_with(parent: int, ending: threading.Event) -> None:
    while not ending.wait(_ORPHAN_POLL_S):
        if os.getppid() != parent:
            os._exit(1)
