"""Work on many files by threads: decoders, hashes and the disk all let go of Python's lock."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`work` of each item, in the items' order; a few are done ahead of who asks, and no more when nobody does.

    Executor.map does the same from Python 3.14 on, where it can be told how many it may do ahead.
    """
    workers = min(8, os.cpu_count() or 1)
    rest = iter(items)
    with ThreadPoolExecutor(workers, thread_name_prefix="files") as pool:
        ahead = [pool.submit(work, item) for item in islice(rest, 2 * workers)]
        try:
            while ahead:
                yield ahead.pop(0).result()
                ahead += [pool.submit(work, item) for item in islice(rest, 1)]
        finally:
            for future in ahead:
                future.cancel()
