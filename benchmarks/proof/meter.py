"""Weigh processes and the machine while a load runs: memory, processor time, busy cores, who is connected, whether
the site answers.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np

from benchmarks.served import family, seconds_on_core

_EVERY = 1.0  # seconds
_ANSWERS_WITHIN = 2.0  # seconds; what takes longer counts as not available


class Slope(NamedTuple):
    """A line through samples: `of` a minute, `low` and `high` the ends of its interval of 95%."""

    of: float
    low: float
    high: float


@dataclass
class Weighed:
    """What a meter saw. `memory`: `{process: [(second, MB)]}`; of `asked` probes `answered` were well.

    `connected` is how many people were, once a second.
    """

    memory: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    core_seconds: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    busy: float = 0.0
    asked: int = 0
    answered: int = 0
    connected: list[int] = field(default_factory=list)

    def add(self, other: "Weighed") -> None:
        """Count probes of both."""
        self.asked += other.asked
        self.answered += other.answered


class Meter:
    """Look at `pids` once a second until the block ends, ask each of `urls` whether it is well, and count who is
    connected. The block ends with what went wrong in a look: ProcessLookupError where a process is gone.
    """

    def __init__(self, pids: Mapping[str, int], urls: list[str], connected: Callable[[], int] | None = None):
        self.seen = Weighed(memory={name: [] for name in pids})
        self._pids = pids
        self._connected = connected
        self._over = threading.Event()
        self._lasted = float("inf")  # seconds, once it is over
        self._counting = threading.Lock()
        self._wrong: list[Exception] = []
        looks = [self._weigh_often, *([self._count_often] if connected else [])]
        self._threads = [self._thread(look) for look in looks] + [self._thread(self._probe, url) for url in urls]

    def __enter__(self) -> Weighed:
        self._began = time.monotonic()
        self._busy = _busy_ticks()
        self._used = {name: seconds_on_core(pid) for name, pid in self._pids.items()}
        for thread in self._threads:
            thread.start()
        return self.seen

    def __exit__(self, kind: type[BaseException] | None, *_) -> None:
        self._lasted = self._elapsed()
        self._over.set()
        for thread in self._threads:
            thread.join()
        self.seen.seconds = time.monotonic() - self._began
        busy, all_of_it = (now - before for now, before in zip(_busy_ticks(), self._busy, strict=True))
        self.seen.busy = busy / all_of_it if all_of_it else 0.0
        self.seen.core_seconds = {name: seconds_on_core(pid) - self._used[name] for name, pid in self._pids.items()}
        if kind is None:
            if self._wrong:
                raise self._wrong[0]
            self._weigh()

    def _thread(self, look: Callable[..., None], *args: str) -> threading.Thread:
        def run() -> None:
            try:
                look(*args)
            except Exception as error:  # the block ends with it
                self._wrong.append(error)

        return threading.Thread(target=run, name="meter", daemon=True)

    def _elapsed(self) -> float:
        return min(time.monotonic() - self._began, self._lasted)

    def _weigh_often(self) -> None:
        while not self._over.wait(_EVERY):
            self._weigh()

    def _weigh(self) -> None:
        at = self._elapsed()
        for name, pid in self._pids.items():
            self.seen.memory[name].append((at, _megabytes(name, pid)))

    def _count_often(self) -> None:
        from django.db import connections

        assert self._connected is not None
        try:
            while True:
                self.seen.connected.append(self._connected())
                if self._over.wait(_EVERY):
                    return
        finally:
            connections.close_all()  # those of this thread

    def _probe(self, url: str) -> None:
        """Ask once in each second from the beginning on. A second that passes before it is asked in counts as a
        failure: whoever asked then would not have been answered.
        """
        number = 0
        with httpx.Client(timeout=_ANSWERS_WITHIN) as http:
            while not self._over.wait(max(0.0, number * _EVERY - self._elapsed())):
                well = _is_well(http, url)
                following = max(number + 1, int(self._elapsed() / _EVERY))
                with self._counting:
                    self.seen.asked += following - number
                    self.seen.answered += well
                number = following


class Neighbours:
    """All processes of the machine but this one and those that it starts, and how busy they keep it from now on."""

    def __init__(self) -> None:
        self._busy = _busy_ticks()
        self._ours = seconds_on_core(os.getpid())

    def share(self) -> float:
        """Return 0 to 1 of all cores, a host's other machines and the kernel's own work for our load among them.

        It is an estimate: the machine's time is counted by ticks, and what was killed before those that it had started
        leaves their time to nobody.
        """
        busy, all_of_it = (now - before for now, before in zip(_busy_ticks(), self._busy, strict=True))
        ours = (seconds_on_core(os.getpid()) - self._ours) * os.sysconf("SC_CLK_TCK")
        return max(0.0, busy - ours) / all_of_it if all_of_it else 0.0


def _is_well(http: httpx.Client, url: str) -> bool:
    began = time.monotonic()
    with contextlib.suppress(httpx.HTTPError):
        return http.get(url).is_success and time.monotonic() - began <= _ANSWERS_WITHIN
    return False


def _megabytes(name: str, pid: int) -> float:
    """Return what is resident of a process and those that it started; what is shared counts by its share.

    Raises ProcessLookupError where the process itself is gone. One that it started may end meanwhile.
    """
    kilobytes = _proportional(pid)
    if kilobytes is None:
        raise ProcessLookupError(f"{name} (processo {pid}) terminou durante a medida")
    return (kilobytes + sum(_proportional(each) or 0 for each in family(pid)[1:])) / 1_024


def _proportional(pid: int) -> int | None:
    """Return kilobytes; None of a process that is gone.

    Pages of files are left out: they are shared out among all who map them, so that any other Python which begins or
    ends would seem to change ours.
    """
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        lines = (line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines())
        kept = {words[0]: int(words[1]) for words in lines if words[0].startswith("Pss")}
        return kept["Pss_Anon:"] + kept["Pss_Shmem:"]
    return None


def _busy_ticks() -> tuple[int, int]:
    ticks = list(map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:9]))
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def slope_of(samples: list[tuple[float, float]], warm_up: float = 0.25) -> Slope | None:
    """Return how much is added a minute after the first `warm_up` of the time; None of fewer than twenty samples.

    Samples a second apart resemble each other, so they count for fewer: n × (1 − r) ÷ (1 + r), r their autocorrelation.
    """
    if not samples:
        return None
    since = samples[0][0] + warm_up * (samples[-1][0] - samples[0][0])
    kept = np.array([each for each in samples if each[0] >= since])
    if len(kept) < 20:
        return None
    minutes, value = kept[:, 0] / 60, kept[:, 1]
    around = minutes - minutes.mean()
    of = float((around * value).sum() / (around**2).sum())
    rest = value - value.mean() - of * around
    variance = float((rest**2).sum())
    alike = float((rest[1:] * rest[:-1]).sum() / variance) if variance else 0.0
    count = max(3.0, len(kept) * (1 - max(0.0, alike)) / (1 + max(0.0, alike)))
    error = (variance / (count - 2) / ((around**2).mean() * count)) ** 0.5
    wide = student_t(count - 2) * error
    return Slope(of, of - wide, of + wide)


# Student's t for a two-sided interval of 95%, by degrees of freedom: NIST/SEMATECH e-Handbook of Statistical Methods,
# 1.3.6.7.2, column 0.975.
_T = {
    1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262, 10: 2.228, 12: 2.179,
    15: 2.131, 20: 2.086, 30: 2.042, 40: 2.021, 60: 2.000, 100: 1.984,
}  # fmt: skip


def student_t(degrees: float) -> float:
    """Return t for an interval of 95%, of the next lower degrees in the table: rather too wide than too narrow."""
    return _T[max((known for known in _T if known <= degrees), default=1)]
