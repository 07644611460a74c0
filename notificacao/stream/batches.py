"""Cut what the stream asks of the database into statements of a bounded size."""

import itertools
from collections.abc import Iterable, Iterator
from typing import TypeVar

BATCH = 500  # people, subscribers or channels in one statement

Item = TypeVar("Item")


def batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Yield `items` in their order, as lists of at most `BATCH`; nothing where there are none."""
    items = iter(items)
    while batch := list(itertools.islice(items, BATCH)):
        yield batch
