"""Make a PostgreSQL of one's own: loopback, a free port, a folder that goes with it."""

import os
import pwd
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

from observe.processes import Server

_USER = "semtas"


def postgres(folder: Path, port: int) -> tuple[Server, str]:
    """Return a server that is initialised in `folder`, and the DATABASE_URL of its database.

    Raises RuntimeError where it cannot be.
    """
    password = secrets.token_hex(16)
    secret = folder / "postgres.password"
    secret.write_text(password)
    data = folder / "postgres"
    data.mkdir()
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        owner = pwd.getpwnam("postgres")
        for path in (folder, secret, data):
            os.chown(path, owner.pw_uid, owner.pw_gid)
    initdb = [_binary("initdb"), "-D", data, "-U", _USER, f"--pwfile={secret}", "--auth=scram-sha-256", "--no-locale"]
    done = subprocess.run(
        [*initdb, "--encoding=UTF8", "--no-sync"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        **_somebody(),
    )
    if done.returncode:
        raise RuntimeError(f"initdb failed:\n{done.stdout}\n{done.stderr}")
    options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": 200}
    words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    url = f"postgres://{_USER}:{password}@127.0.0.1:{port}/postgres"
    ready = [sys.executable, "-c", "import psycopg, sys; psycopg.connect(sys.argv[1], connect_timeout=2)", url]
    command = [_binary("postgres"), "-D", data, "-p", str(port), *words]
    return Server(command, "", folder / "postgres.log", ready=ready, **_somebody()), url


def _binary(name: str) -> str:
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    found = str(debian[-1]) if debian else shutil.which(name)
    if not found:
        raise RuntimeError(f"{name} is missing: install PostgreSQL (Debian: apt-get install postgresql).")
    return found


def _somebody() -> dict:
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
