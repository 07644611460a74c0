"""nginx with the blocks of docs/production.md: loopback, free ports, a certificate and a folder of its own."""

import os
import shutil
import socket
from pathlib import Path

from tests.documents import markdown
from tests.live import tls
from tests.live.ably_server import ROOT, free_port
from tests.live.process import Process

_AROUND = """daemon off;
master_process off;
pid {folder}/pid-{port};
error_log stderr;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{blocks}
}}
"""

_BETWEEN = """server {{
    listen 127.0.0.1:{port};
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-Proto $http_x_forwarded_proto;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    location {prefix}/ {{
        proxy_pass http://{to};
        proxy_buffering off;
    }}
}}
"""


def binary() -> str:
    """Raises RuntimeError where there is none."""
    found = shutil.which("nginx", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    if not found:
        raise RuntimeError("nginx is missing: install it (Debian: apt-get install nginx-light).")
    return found


def documented() -> str:
    """The one block of docs/production.md that is nginx's."""
    (block,) = [
        fence.said.text
        for fence in markdown.read(ROOT / "docs" / "production.md", ROOT).fences
        if fence.language == "nginx"
    ]
    return block


class _Listening(Process):
    """An nginx with a configuration file in its folder."""

    name = "nginx"

    def __init__(self, folder: Path, port: int, blocks: str):
        self.port = port
        configuration = folder / f"nginx-{port}.conf"
        configuration.write_text(_AROUND.format(folder=folder, port=port, blocks=blocks))
        super().__init__([binary(), "-p", folder, "-e", "stderr", "-c", configuration])

    def ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=10):
                return True
        except OSError:
            return False


class PlainNginx(_Listening):
    """A proxy of the house, without TLS, between another one and the site: it hands on what that one says."""

    def __init__(self, folder: Path, site_port: int, prefix: str = ""):
        """Serve the site under `prefix`, which it takes off; with none, hand each address on as it is."""
        port = free_port()
        to = f"127.0.0.1:{site_port}{prefix and '/'}"
        super().__init__(folder, port, _BETWEEN.format(port=port, prefix=prefix, to=to))


class Nginx(_Listening):
    """Before the site at `site_port`; of `blocks` nothing is changed but ports and the paths of files."""

    def __init__(self, folder: Path, site_port: int, blocks: str):
        self.plain_port, port, self.certificate = free_port(), free_port(), folder / "site.pem"
        tls.self_signed(self.certificate)
        here = {
            "listen 80;": f"listen 127.0.0.1:{self.plain_port};",
            "listen [::]:80;": f"listen [::1]:{self.plain_port};",
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            "listen [::]:443 ssl": f"listen [::1]:{port} ssl",
            "/etc/ssl/notificacoes.pem": str(self.certificate),
            "/etc/ssl/notificacoes.key": str(self.certificate),
            "/var/log/semtas": str(folder),
            "server 127.0.0.1:8000;": f"server 127.0.0.1:{site_port};",
            "server 127.0.0.1:8001;": "",
        }
        for theirs, ours in here.items():
            assert theirs in blocks, f"the document's block has no {theirs!r}"
            blocks = blocks.replace(theirs, ours)
        super().__init__(folder, port, blocks)
