"""Run the scenes one after the other, write the report, and end with its verdict: what `script/proof` runs."""

import argparse
import faulthandler
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks.proof import machine, metrics
from benchmarks.proof.judging import Section
from benchmarks.proof.meter import Neighbours
from benchmarks.proof.metrics import Found
from benchmarks.proof.report import HONEST_OUTSIDE, NAMES, Report, write
from benchmarks.proof.scale import BY_NAME, FULL, QUICK, Scale
from benchmarks.proof.scenes import at_once, contingency, month, overload, peak, sustained
from benchmarks.proof.town import Town
from benchmarks.stream import allow_many_files

SCENES = ("at_once", "peak_sse", "peak_ably", "peak_half", "sustained", "overload_2", "overload_5", "month", "faults")
_PERCENTS = {"peak_sse": 0, "peak_ably": 100, "peak_half": 50}
_LOADS: dict[str, Callable] = {
    "at_once": at_once.run,
    **{
        name: lambda town, scale, percent=percent: peak.run(town, scale, percent) for name, percent in _PERCENTS.items()
    },
    "sustained": sustained.run,
    "soak": sustained.soak,
    "overload_2": lambda town, scale: overload.run(town, scale, 2),
    "overload_5": lambda town, scale: overload.run(town, scale, 5),
}


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/proof", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--soak", type=float, default=0.0, metavar="HOURS")
    parser.add_argument("--out", type=Path, default=Path("proof"), metavar="FOLDER")
    parser.add_argument("--only", default="", metavar="SCENES")
    parser.add_argument("--scale", choices=BY_NAME, help=argparse.SUPPRESS)
    parser.add_argument("--url", default="")
    parser.add_argument("--own-host", default="", metavar="HOST")
    parser.add_argument("--sse-only", action="store_true")
    options = parser.parse_args(words)
    if unknown := set(filter(None, options.only.split(","))) - set(SCENES):
        parser.error(f"there is no scene {', '.join(sorted(unknown))}; there are {', '.join(SCENES)}.")
    if not 0 <= options.soak <= 72:
        parser.error("--soak takes hours, from 0 to 72.")
    return options


def scale_of(options: argparse.Namespace) -> Scale:
    """Return the size that was asked for."""
    scale = BY_NAME[options.scale] if options.scale else QUICK if options.quick else FULL
    return replace(scale, soak_hours=options.soak) if options.soak else scale


class Proof:
    """Run scenes, each of which may fail without taking the others along."""

    def __init__(self, scale: Scale, names: list[str]):
        self.found = Found()
        self.sections: list[Section] = []
        self._scale = scale
        self._names = names

    def run(self) -> None:
        """Run all scenes: those on the town, then the faults, which have servers of their own to break."""
        with tempfile.TemporaryDirectory(prefix="semtas-proof-") as folder:
            os.chmod(folder, 0o755)
            if wanted := [name for name in self._names if name != "faults"]:
                self._on_a_town(Path(folder), wanted)
            if "faults" in self._names:
                self._run("faults", lambda: contingency.run(self._scale))

    def _on_a_town(self, folder: Path, names: list[str]) -> None:
        try:
            with Town(folder, self._scale.people) as town:
                for name in names:
                    self._run(name, lambda name=name: self._on_town(town, name))
        except Exception as error:  # servers that do not start, or do not end
            self.sections.append(_broken("Os servidores", error))

    def _on_town(self, town: Town, name: str) -> Section:
        if name == "month":
            section, self.found.month = month.run(town)
            return section
        section, self.found.loads[name] = _LOADS[name](town, self._scale)
        return section

    def _run(self, name: str, scene: Callable[[], Section]) -> None:
        print(f"{time.strftime('%H:%M:%S')} {name} …", flush=True)
        began = time.monotonic()
        try:
            section = scene()
        except Exception as error:  # the report says so, and is red
            section = _broken(name, error)
        section.seconds = time.monotonic() - began
        self.sections.append(section)
        for line in section.lines:
            measured = "–" if line.measured is None else f"{line.measured:.2f} {line.unit}"
            print(f"  {line.what}: {measured}: {line.verdict} {line.spread}", flush=True)


def _broken(title: str, error: Exception) -> Section:
    """Return the section of a scene that did not come to its end, and print where it stood."""
    traceback.print_exception(error)
    return Section(title, "", error=f"{type(error).__name__}: {error}"[:500])


def prove(options: argparse.Namespace) -> Report:
    """Measure this machine. A proof that is interrupted is told as far as it came, and is red."""
    described, neighbours, began = machine.describe(os.getloadavg()[0]), Neighbours(), time.monotonic()
    scale = scale_of(options)
    names = options.only.split(",") if options.only else [*SCENES]
    if options.soak:
        names.insert(names.index("overload_2") if "overload_2" in names else 0, "soak")
    proof = Proof(scale, names)
    try:
        proof.run()
    except (KeyboardInterrupt, SystemExit):  # what was measured by then is written all the same
        proof.sections.append(Section("Interrompida", "", error="o que falta não foi medido"))
    return Report(
        command=" ".join(["script/proof", *sys.argv[1:]]),
        scale=scale.name,
        machine=described | machine.beside(neighbours),
        technical=metrics.technical(proof.found),
        business=metrics.business(proof.found),
        side_by_side=metrics.side_by_side(proof.found),
        sections=proof.sections,
        seconds=time.monotonic() - began,
        whole=replace(scale, soak_hours=0.0) == FULL and set(SCENES) <= set(names),
    )


def look_at(options: argparse.Namespace) -> Report:
    """Measure a site elsewhere, from outside."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "semtas.settings")
    import django

    django.setup()
    from benchmarks.proof import staging

    url = staging.allowed(options.url, options.own_host)
    began, described, neighbours = time.monotonic(), machine.of_the_asker(os.getloadavg()[0]), Neighbours()
    sections = staging.run(staging.access(url), count=scale_of(options).from_outside, on_ably=not options.sse_only)
    command = f"script/proof --url {url}"
    return Report(
        command, "por fora", described | machine.beside(neighbours), [], [], [], sections, time.monotonic() - began,
        honest=HONEST_OUTSIDE,
    )  # fmt: skip


def _prepare() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the servers end with this process
    faulthandler.register(signal.SIGUSR1)  # where it stands, for whoever thinks that it hangs
    allow_many_files()


def main() -> int:
    options = arguments()
    _prepare()
    try:
        report = look_at(options) if options.url else prove(options)
    except ValueError as error:
        print(f"script/proof: {error}", file=sys.stderr)
        return 2
    write(report, options.out)
    print(", ".join(str(options.out / name) for name in NAMES if (options.out / name).exists()))
    print(report.verdict(), flush=True)
    return 1 if report.red else 0


if __name__ == "__main__":
    sys.exit(main())
