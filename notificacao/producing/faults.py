"""What is wrong with what a producer asked, named by its place in the list."""

from collections.abc import Iterable
from dataclasses import dataclass

LISTED = 100  # faults told at once


@dataclass(frozen=True)
class Fault:
    """`index`: of the notification, from 0; `field`: where in it; `code`: one of docs/errors.md."""

    index: int
    field: str
    code: str
    detail: str


class Faulty(Exception):
    """Nothing was sent."""

    def __init__(self, faults: Iterable[Fault]):
        self.faults = list(faults)[:LISTED]
        super().__init__("; ".join(f"{fault.index} {fault.field}: {fault.detail}" for fault in self.faults))
