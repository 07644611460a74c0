"""A clock that jumps: processes that are started with its environment read it instead of the machine's."""

from pathlib import Path


def library() -> Path:
    """Raises RuntimeError where there is none."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        raise RuntimeError("libfaketime is missing: install it (Debian: apt-get install faketime).")
    return found[0]


class Clock:
    """The wall clock alone: what measures durations goes on as it is."""

    def __init__(self, folder: Path):
        self._file = folder / "clock"
        self.jump(0)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def jump(self, seconds: int) -> None:
        """From the machine's clock; within a second the processes have it."""
        self._file.write_text(f"{seconds:+d}\n")
