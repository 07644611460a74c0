"""Gather what the stream asks of the database into few statements, each of a bounded size."""

import asyncio
import itertools
import math
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

BATCH = 500  # people, subscribers or channels in one statement
GATHER = 0.02  # seconds from one round of statements to the next, in which those who come are gathered

Item = TypeVar("Item")


def batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Yield `items` in their order, as lists of at most `BATCH`; nothing where there are none."""
    items = iter(items)
    while batch := list(itertools.islice(items, BATCH)):
        yield batch


class Gathering:
    """Pace rounds of statements: the first begins at once, another GATHER seconds after the last began at the earliest.

    A round costs the same for one as for many. So whoever comes alone waits for nobody, and a thousand who come back
    within a moment share a few rounds instead of having a hundred.
    """

    def __init__(self) -> None:
        self._began = -math.inf  # monotonic time

    async def begin(self) -> None:
        """Wait until a round may begin; those who come in the same turn of the loop are in it too."""
        await asyncio.sleep(max(0.0, self._began + GATHER - time.monotonic()))
        self._began = time.monotonic()
