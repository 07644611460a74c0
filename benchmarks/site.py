"""The site under measurement: whoever moves the log's head rings its doorbell by SIGUSR1. `PORT [--plain]`."""

import asyncio
import os
import signal
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "semtas.settings")

from semtas.asgi import application  # for daphne and granian, which notice the log by themselves every 20 ms

__all__ = ["application"]


def ring_on_signal() -> None:
    from notificacao import wakes

    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, wakes.wake, wakes.HUBS)


def main() -> None:
    """Under the production server; `--plain`: without the takeover."""
    from notificacao.server import serve as server

    config = server.configuration()
    if "--plain" in sys.argv:
        config.http = "httptools"
    with server.listen("127.0.0.1", int(sys.argv[1])) as listener:
        server.Server(config, up=ring_on_signal).run(sockets=[listener])


if __name__ == "__main__":
    main()
