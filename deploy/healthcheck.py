"""Ask the process of this container whether it lives: the site on its port, or a dispatcher beside its metrics.

What lies elsewhere (the database, Ably) does not make a container unhealthy: a restart would not cure it.
"""

import http.client
import os
import sys

PORTS = (8000, 9100)
WITHIN = 4  # seconds


def host() -> str:
    """Return a `Host` that the site takes: the first of ALLOWED_HOSTS."""
    first = os.environ.get("ALLOWED_HOSTS", "").partition(",")[0].strip().removeprefix(".")
    return first if first and first != "*" else "localhost"


def lives(port: int) -> bool:
    """Return whether somebody on that port says so. Raises ConnectionRefusedError where nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WITHIN)
    connection.request("GET", "/health/live", headers={"Host": host()})
    return connection.getresponse().status == 200


def main(ports: tuple[int, ...]) -> int:
    for port in ports:
        try:
            return 0 if lives(port) else 1
        except ConnectionRefusedError:
            continue
    return 1


if __name__ == "__main__":
    sys.exit(main(tuple(map(int, sys.argv[1:])) or PORTS))
