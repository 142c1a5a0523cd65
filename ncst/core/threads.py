"""Work that threads do ahead of the one who needs it."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(function: Callable[[Item], Result], items: Iterable[Item], threads: int, most: int) -> Iterator[Result]:
    """Yield what *function* makes of each of *items*, in order; *threads* compute at most *most* results in advance.

    What *function* raises is raised in its turn.

    >>> list(ahead(abs, [3, -1, -2], threads=2, most=2))
    [3, 1, 2]
    """
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[Result]] = deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
