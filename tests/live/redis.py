"""Redis as a server that tests start, kill and freeze: loopback, a free port, nothing on disk."""

import shutil
import socket
import tempfile

from redis import Redis

from tests.live.ably_server import free_port
from tests.live.process import Process


def binary() -> str:
    """Raises RuntimeError where there is none."""
    found = shutil.which("redis-server")
    if not found:
        raise RuntimeError("redis-server is missing: install it (Debian: apt-get install redis-server).")
    return found


class RedisServer(Process):
    """One server on one port, which stays over its lives; what it held is gone with each."""

    name = "Redis"

    def __init__(self, password: str = "") -> None:
        """With a password, listen at each address of this machine."""
        self.port = free_port()
        self._password = password
        options = {"port": self.port, "save": "", "appendonly": "no", "dir": tempfile.gettempdir()}
        options |= {"bind": "*", "requirepass": password} if password else {"bind": "127.0.0.1"}
        super().__init__([binary(), *(word for name, value in options.items() for word in (f"--{name}", str(value)))])

    @property
    def url(self) -> str:
        return (
            f"redis://:{self._password}@127.0.0.1:{self.port}/0"
            if self._password
            else f"redis://127.0.0.1:{self.port}/0"
        )

    def empty(self) -> None:
        """Have it hold nothing, as it does where it is not running."""
        if self.running:
            with Redis.from_url(self.url) as client:
                client.flushall()

    def ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith((b"+PONG", b"-NOAUTH"))  # the latter: it wants the password
        except OSError:
            return False
