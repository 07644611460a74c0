"""Describe what is wrong with a producer's request, by its place in the list."""

from collections.abc import Iterable
from dataclasses import dataclass

LISTED = 100  # faults told at once


@dataclass(frozen=True)
class Fault:
    """Describe one fault: the notification's `index` from 0, the `field` in it, a `code` of docs/errors.md."""

    index: int
    field: str
    code: str
    detail: str


class Faulty(Exception):
    """Carry the first LISTED faults of a request of which nothing was sent."""

    def __init__(self, faults: Iterable[Fault]):
        self.faults = list(faults)[:LISTED]
        super().__init__("; ".join(f"{fault.index} {fault.field}: {fault.detail}" for fault in self.faults))
