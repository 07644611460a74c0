"""PostgreSQL as a server that tests start, stop, kill and freeze: loopback, a free port, a folder of its own."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg

from tests.live import prepared
from tests.live.ably_server import free_port
from tests.live.process import Process, children
from tests.live.site import HERE, Tree, environment_for, manage

_USER = "semtas"


def binaries() -> Path:
    """The folder with `postgres` and `initdb`, of the newest version. Raises RuntimeError where there is none."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    found = debian[-1] if debian else shutil.which("postgres")
    if not found:
        raise RuntimeError("PostgreSQL's server is missing: install it (Debian: apt-get install postgresql).")
    return Path(found).resolve().parent


def _as_somebody() -> dict:
    """PostgreSQL refuses to run as root: as whom it runs instead."""
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}


class PostgresServer(Process):
    """One server. Its port and its data stay while it is stopped, killed and started again; `close` removes them.

    `fsync=False` spares the disk: what was committed still survives `kill`, though not a power cut. Whoever is on
    `network`, such as 10.88.0.0/16, reaches it at any address of this machine.
    """

    name = "PostgreSQL"

    def __init__(self, *, fsync: bool = True, network: str = ""):
        self.port = free_port()
        self._password = secrets.token_hex(16)
        self._folder = Path(tempfile.mkdtemp(prefix="semtas-postgres-"))
        self._templates: dict[tuple, str] = {}
        self._databases = 0
        self._bin = binaries()
        self._initialise(network)
        options = {
            "port": self.port,
            "listen_addresses": "*" if network else "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": 300,
            "shared_buffers": "128MB",
            "fsync": "on" if fsync else "off",
        }
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        super().__init__([self._bin / "postgres", "-D", self._folder / "data", *words], **_as_somebody())

    def _initialise(self, network: str) -> None:
        password = self._folder / "password"
        password.write_text(self._password)
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            for path in (self._folder, password):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        command = [self._bin / "initdb", "-D", self._folder / "data", "-U", _USER, f"--pwfile={password}"]
        options = ["--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync"]
        done = subprocess.run(
            [*command, *options], cwd=self._folder, capture_output=True, text=True, check=False, **_as_somebody()
        )
        if done.returncode:
            raise RuntimeError(f"initdb failed:\n{done.stdout}\n{done.stderr}")
        if network:
            with (self._folder / "data" / "pg_hba.conf").open("a") as access:
                access.write(f"host all all {network} scram-sha-256\n")

    def url(self, database: str = "postgres") -> str:
        return f"postgres://{_USER}:{self._password}@127.0.0.1:{self.port}/{database}"

    def ready(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=10).close()
        except psycopg.OperationalError:
            return False
        return True

    def create_database(self, *commands: str, tree: Tree = HERE) -> str:
        """The URL of a database of one's own: migrated, and with each `manage.py command` of these run on it.

        What was prepared once is copied.
        """
        return self.copy_of(self._template(tree, *commands))

    def copy_of(self, template: str) -> str:
        """The URL of a new database, made as a copy of the one of that name; template0 is empty."""
        return self.url(self._create(template))

    def _template(self, tree: Tree, *commands: str) -> str:
        if (tree, *commands) not in self._templates:
            if commands:
                template = self._create(self._template(tree))
                for command in commands:
                    manage(environment_for(self.url(template)), command, tree=tree)
            else:
                template = self._create("template0")
                self._migrate(self.url(template), tree)
            self._templates[tree, *commands] = template
        return self._templates[tree, *commands]

    def _migrate(self, url: str, tree: Tree) -> None:
        """What a server of this run has migrated is restored here, which takes a tenth of the time."""
        if tree != HERE:
            manage(environment_for(url), "migrate", tree=tree)
            return
        dump = prepared.once("migrated.dump", self._dump_of_a_migrated_one)
        subprocess.run([self._bin / "pg_restore", f"--dbname={url}", dump], check=True)

    def _dump_of_a_migrated_one(self, dump: Path) -> None:
        url = self.copy_of("template0")
        manage(environment_for(url), "migrate")
        subprocess.run([self._bin / "pg_dump", "--format=custom", f"--file={dump}", url], check=True)

    def _create(self, template: str) -> str:
        self._databases += 1
        name = f"semtas_{self._databases}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def stop(self) -> None:
        """Shut it down as an operator does: sessions are broken off, what was committed is on disk."""
        self.end(signal.SIGINT)

    def kill(self) -> None:
        """End it at once, as a crash does: the next start recovers."""
        if self._process is not None:
            self.thaw()
            self.end(signal.SIGQUIT)

    def _children(self) -> list[int]:
        """Each of its sessions is a process."""
        return children(self.pid)

    def close(self) -> None:
        super().close()
        shutil.rmtree(self._folder, ignore_errors=True)
