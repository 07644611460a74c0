"""Weigh processes and the machine while a load runs: memory, processor time, busy cores, whether the site answers."""

import contextlib
import os
import threading
import time
from collections.abc import Mapping
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
    """What a meter saw. `memory`: `{process: [(second, MB)]}`; of `asked` probes `answered` were well."""

    memory: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    core_seconds: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    busy: float = 0.0
    asked: int = 0
    answered: int = 0

    def add(self, other: "Weighed") -> None:
        """Count probes of both."""
        self.asked += other.asked
        self.answered += other.answered


class Meter:
    """Look at `pids` once a second until the block ends, and ask each of `urls` whether it is well."""

    def __init__(self, pids: Mapping[str, int], urls: list[str]):
        self.seen = Weighed(memory={name: [] for name in pids})
        self._pids = pids
        self._urls = urls
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="meter", daemon=True)

    def __enter__(self) -> Weighed:
        self._began = time.monotonic()
        self._busy = _busy_ticks()
        self._used = {name: seconds_on_core(pid) for name, pid in self._pids.items()}
        self._thread.start()
        return self.seen

    def __exit__(self, *_) -> None:
        self._over.set()
        self._thread.join()
        self.seen.seconds = time.monotonic() - self._began
        busy, all_of_it = (now - before for now, before in zip(_busy_ticks(), self._busy, strict=True))
        self.seen.busy = busy / all_of_it if all_of_it else 0.0
        self.seen.core_seconds = {name: seconds_on_core(pid) - self._used[name] for name, pid in self._pids.items()}

    def _look(self) -> None:
        with httpx.Client(timeout=_ANSWERS_WITHIN) as http:
            while not self._over.wait(_EVERY):
                at = time.monotonic() - self._began
                for name, pid in self._pids.items():
                    with contextlib.suppress(OSError):
                        self.seen.memory[name].append((at, _megabytes(pid)))
                for url in self._urls:
                    self.seen.asked += 1
                    with contextlib.suppress(httpx.HTTPError):
                        self.seen.answered += http.get(url).is_success


def _megabytes(pid: int) -> float:
    """Return what is resident of a process and those that it started; what is shared counts by its share."""
    return sum(_proportional(each) for each in family(pid)) / 1_024


def _proportional(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


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
    return Slope(of, of - _T * error, of + _T * error)


_T = 2.1  # Student's t for 95% at about twenty degrees of freedom: more samples would have a narrower interval


def load_of_machine() -> float:
    return os.getloadavg()[0]
