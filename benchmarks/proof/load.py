"""Put a load on the town: open the clients, produce, wait until all is quiet, and judge what came."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks.proof import log
from benchmarks.proof.checker import judge
from benchmarks.proof.clients import Clients
from benchmarks.proof.loaded import Asked, Loaded, Produced
from benchmarks.proof.log import STAMPED_WITHIN
from benchmarks.proof.meter import Meter
from benchmarks.proof.town import Mix, Person, Town

_COUNTED_WITHIN = 15.0  # seconds; web processes tell every five who is connected


def put(town: Town, clients: Clients, asked: Asked, mix: Mix) -> Loaded:
    """Open the clients, produce, wait until all is quiet, and judge."""
    hearers = [*clients.on_sse, *clients.on_ably]
    with clients:
        _wait_until_counted(len(hearers))
        before, heads = log.last(), log.heads()
        urls = [f"{site.url}/health/ready" for site in town.webs]
        with Meter(town.pids, urls, people_connected) as weighed:
            produced = _produce(town, hearers, asked, mix)
            ended = time.monotonic()
            log.wait_until_stamped()
            unstamped_after = time.monotonic() - ended
        log.wait_until_settled()
        clients.wait_until_quiet()
        came = clients.leave()
    return judge(
        asked, log.written_since(before), came, hearers, heads,
        weighed=weighed, produced=produced, unstamped_after=unstamped_after, since=before,
    )  # fmt: skip


def people_connected() -> int:
    """Return how many people have a stream, each once, as the web processes told it last."""
    from notificacao import presence

    return presence.connections().values("person").distinct().count()


def _wait_until_counted(people: int) -> None:
    """Until the server counts all of them, so that a load's least is not what was told before it began."""
    deadline = time.monotonic() + _COUNTED_WITHIN
    while people_connected() < people and time.monotonic() < deadline:
        time.sleep(0.2)


def _produce(town: Town, people: Sequence[Person], asked: Asked, mix: Mix) -> Produced:
    """Return what all producers say, once they have ended."""
    channels = town.folder / "channels"
    channels.write_text("\n".join(mix.channels(people)))
    options = {
        "batch": asked.batch,
        "rate": asked.rate / asked.producers,
        "seconds": asked.seconds,
        "priorities": asked.priorities,
    }
    words = [f"--{name}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "benchmarks.producer", str(channels), *words]
    running = [
        subprocess.Popen(command, env=town.environment, stdout=subprocess.PIPE, text=True)
        for _ in range(asked.producers)
    ]
    try:
        said = [process.communicate(timeout=3 * asked.seconds + STAMPED_WITHIN)[0] for process in running]
    finally:
        for process in running:
            process.kill()
            process.wait()
    return Produced.of(map(json.loads, said))
