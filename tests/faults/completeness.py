"""The browser's `completeness.js` in Python, for pages by the dozen; a test holds the one against the other."""

from collections.abc import Mapping
from dataclasses import dataclass, field


def parse(cursor: str) -> tuple[str, int]:
    """`(epoch, seq)`."""
    epoch, seq = cursor.split(".")
    return epoch, int(seq)


@dataclass
class Channel:
    since: int
    complete: int
    head: int = 0
    head_at: int = 0
    covered: bool = False
    ahead: list[tuple[int, int]] = field(default_factory=list)  # (prev_seq, seq)

    def __post_init__(self) -> None:
        self.head = self.head_at = self.complete

    def complete_to(self, seq: int) -> None:
        self.complete = max(self.complete, seq)
        while link := next((link for link in self.ahead if link[0] <= self.complete < link[1]), None):
            self.complete = link[1]
        if self.complete >= self.head:
            self.complete = max(self.complete, self.head_at)
        self.ahead = [link for link in self.ahead if link[1] > self.complete]


class Completeness:
    """Up to where nothing is missing, by channel. The names are those of the browser's module."""

    def __init__(self, position: str, channels: list[Mapping]):
        self.epoch, seq = parse(position)
        self.channels = {channel["name"]: Channel(channel["since"], max(channel["since"], seq)) for channel in channels}

    def hear(self, channels: list[Mapping]) -> None:
        heard = {}
        for name, since, head in ((channel["name"], channel["since"], channel["head"]) for channel in channels):
            known = self.channels.get(name)
            heard[name] = known if known and known.since == since else Channel(since, since)
            heard[name].head = max(heard[name].head, head)
        self.channels = heard

    def open_stream(self, seq: int, names: list[str]) -> None:
        for name, channel in self.channels.items():
            channel.covered = name in names and channel.complete >= seq

    def close_stream(self) -> None:
        for channel in self.channels.values():
            channel.covered = False

    def sent_to(self, seq: int) -> None:
        for channel in self.channels.values():
            if channel.covered:
                channel.complete_to(seq)

    def shown(self, row: Mapping) -> None:
        channel = self.channels.get(row["channel"])
        if channel and row["seq"] > channel.complete:
            channel.ahead.append((row["prev_seq"], row["seq"]))
            channel.head = max(channel.head, row["seq"])
            channel.complete_to(channel.complete)

    def reach(self, seq: int, heads: Mapping[str, int]) -> None:
        for name, channel in self.channels.items():
            channel.head = max(channel.head, heads.get(name, 0))
            if channel.covered:
                channel.head_at = max(channel.head_at, seq)
            channel.complete_to(channel.complete)

    def caught_up(self, start: int, seq: int, only: str | None) -> None:
        for name, channel in self.channels.items():
            if channel.complete >= start and only in (None, name):
                channel.complete_to(seq)

    def lacking(self) -> list[str]:
        return [name for name, channel in self.channels.items() if channel.head > channel.complete]

    def uncovered(self) -> bool:
        return any(not channel.covered for channel in self.channels.values())

    def safe_cursor(self, only: str | None = None) -> str:
        seqs = [channel.complete for name, channel in self.channels.items() if only in (None, name)]
        return f"{self.epoch}.{min(seqs, default=0)}"
