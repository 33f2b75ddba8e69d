"""Work of threads whose results are wanted in order, done a little ahead of whoever takes them."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def done_ahead(
    items: Sequence[Item], work: Callable[[Item], Result], workers: int
) -> Iterator[Iterator[tuple[Item, Result]]]:
    """Each item with what `work` makes of it, in order: at most one more waits than there are threads."""
    left = iter(items)
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="decoder") as pool:

        def in_order() -> Iterator[tuple[Item, Result]]:
            while True:
                while len(waiting) <= workers:
                    try:
                        item = next(left)
                    except StopIteration:
                        break
                    waiting.append((item, pool.submit(work, item)))
                if not waiting:
                    return
                item, result = waiting.popleft()
                yield item, result.result()

        try:
            yield in_order()
        finally:
            for _, result in waiting:
                result.cancel()
