"""Others that fan events out: nchan (Debian's), django-eventstream; and granian. Installed for the bench alone."""

import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

from benchmarks.crowd import MARK, Crowd
from benchmarks.log_head import FRAME
from benchmarks.served import Served

PUBLISHERS = 8
_SUBSCRIBE = b"GET /sub HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n"
_VENV = Path.home() / ".cache" / "semtas-notificacao" / "bench-rivals"
_PACKAGES = ["django-eventstream==5.3.4", "granian~=2.8", "uvicorn~=0.54.0", "uvloop~=0.23", "httptools~=0.9"]
_NGINX = """
load_module modules/ngx_nchan_module.so;
worker_processes 1; pid {folder}/nginx.pid; error_log stderr error; daemon off; user root;
events {{ worker_connections 30000; }}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port} backlog=2048;
    location = /ready {{ return 204; }}
    location = /pub {{ nchan_publisher; nchan_channel_id bench; nchan_message_buffer_length 10; }}
    location = /sub {{
      nchan_subscriber eventsource; nchan_channel_id bench; nchan_subscriber_first_message newest;
    }}
  }}
}}
"""


def venv_python() -> str:
    """Of a virtual environment of the bench's own, made where it is missing."""
    python = _VENV / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", _VENV], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *_PACKAGES], check=True)
    return str(python)


def nchan(folder: Path, port: int) -> Served | None:
    """None where Debian's `nginx-light` and `libnginx-mod-nchan` are not installed."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    if nginx is None or not Path("/usr/lib/nginx/modules/ngx_nchan_module.so").exists():
        return None
    configuration = folder / "nginx.conf"
    configuration.write_text(_NGINX.format(folder=folder, port=port))
    return Served([nginx, "-p", "/usr/share/nginx", "-c", str(configuration)], dict(os.environ), port, "/ready")


def eventstream(port: int) -> Served:
    command = [venv_python(), "-m", "uvicorn", "--port", str(port), "--log-level", "error", "--backlog", "2048"]
    return Served([*command, "benchmarks.eventstream_site:application"], dict(os.environ), port, "/pub")


def daphne(environment: dict[str, str], port: int) -> Served:
    endpoint = f"tcp:port={port}:interface=127.0.0.1:backlog=2048"
    command = [sys.executable, "-m", "daphne", "-v", "0", "-e", endpoint, "benchmarks.site:application"]
    return Served(command, environment, port, "/health/live")


def granian(environment: dict[str, str], port: int) -> Served:
    """It borrows this project's packages."""
    command = [venv_python(), "-m", "granian", "--interface", "asgi", "--port", str(port), "--http", "1"]
    command += ["--loop", "uvloop", "--backpressure", "30000", "--backlog", "2048", "--no-ws", "--log-level", "error"]
    borrowed = {"PYTHONPATH": sysconfig.get_paths()["purelib"]}
    return Served([*command, "benchmarks.site:application"], environment | borrowed, port, "/health/live")


async def posted_bursts(served: Served, fan: int, rows: int, times: int) -> dict:
    """As `Figures.bursts`, of events that eight publishers post to `/pub`."""
    crowd = Crowd(served.port, fan, lambda _: _SUBSCRIBE, b"\r\n\r\n")
    await crowd.open()
    await asyncio.sleep(0.5)
    rates, busy = [], served.seconds_on_core()
    for _ in range(times):
        crowd.expect(rows * fan)
        began = time.perf_counter()
        await asyncio.gather(*(_post(served.port, rows // PUBLISHERS) for _ in range(PUBLISHERS)))
        await crowd.receive()
        rates.append(rows * fan / (time.perf_counter() - began))
    busy = served.seconds_on_core() - busy
    crowd.drop()
    return {
        "deliveries_a_second": round(statistics.median(rates)),
        "best": round(max(rates)),
        "deliveries_a_core_second": round(rows * fan * times / busy),
    }


async def _post(port: int, count: int) -> None:
    body = MARK + b"m" * (FRAME - 40)
    request = b"POST /pub HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(count):
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
    writer.close()


async def idle(served: Served, size: int) -> dict:
    before = served.kilobytes()
    crowd = Crowd(served.port, size, lambda _: _SUBSCRIBE, b"\r\n\r\n")
    seconds = await crowd.open()
    await asyncio.sleep(1)
    kilobytes = (served.kilobytes() - before) / size
    crowd.drop()
    return {"streams": size, "kb_each": round(kilobytes, 2), "opened_a_second": round(size / seconds)}
