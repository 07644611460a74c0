"""The site under measurement: whoever moves the log's head rings its doorbell by SIGUSR1. `PORT [--plain]`."""

import os
import signal
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "semtas.settings")

from notificacao import wakes
from semtas.asgi import application as site

application = site
signal.signal(signal.SIGUSR1, lambda *_: wakes.wake(wakes.HUBS))


def main() -> None:
    """Under the production server; `--plain`: without the takeover."""
    from notificacao import server

    config = server.configuration()
    if "--plain" in sys.argv:
        config.http = "httptools"
    with server.listen("127.0.0.1", int(sys.argv[1])) as listener:
        server.Server(config, up=lambda: None).run(sockets=[listener])


if __name__ == "__main__":
    main()
