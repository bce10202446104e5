"""A real nginx with the recommended configuration, in its own folder."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from src.config import SERVER_FOLDER
from tests.support.local_http import local_http
from tests.support.ports import free_port

CONFIGURATION = SERVER_FOLDER.parent / "deploy" / "nginx" / "financial-reports.conf"
STARTS_WITHIN_S = 10
STOPS_WITHIN_S = 10
#: What stands around a file in /etc/nginx/conf.d; everything that nginx writes goes into our folder.
_AROUND = """
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 1024; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/financial-reports.conf;
}}
"""


@dataclass
class Nginx:
    """A running nginx."""

    port: int
    plain_port: int
    folder: Path

    @property
    def errors(self) -> str:
        """Its error log."""
        return (self.folder / "error.log").read_text()


def _program() -> str:
    # Where Debian keeps programs for the administrator; a user's PATH lacks it.
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
    assert program, "nginx is needed to test the service behind it: install nginx-light"
    return program


def _replaced(text: str, changes: dict[str, str]) -> str:
    """Replace names and addresses, each of which must be present."""
    for old, new in changes.items():
        assert old in text, f"{CONFIGURATION.name} has no longer: {old}"
        text = text.replace(old, new)
    return text


@contextmanager
def nginx_before(server_port: int, name: str, certificates: Path, folder: Path) -> Iterator[Nginx]:
    """Run nginx in front of a server on 127.0.0.1.

    Args:
        server_port: the server's port.
        name: the public name, instead of reports.example.com.
        certificates: what `make_certificates` made.
        folder: for everything that nginx reads and writes.
    """
    nginx = Nginx(free_port(), free_port(), folder)
    changes = {
        "127.0.0.1:8000": f"127.0.0.1:{server_port}",
        "/etc/ssl/reports.example.com.crt": f"{certificates}/a.crt",
        "/etc/ssl/reports.example.com.key": f"{certificates}/a.key",
        "reports.example.com": name,
        "/var/log/nginx/access.log": f"{folder}/access.log",
        "listen 80;": f"listen 127.0.0.1:{nginx.plain_port};",
        "listen 443 ssl;": f"listen 127.0.0.1:{nginx.port} ssl;",
    }
    (folder / "financial-reports.conf").write_text(_replaced(CONFIGURATION.read_text(), changes))
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(_AROUND.format(folder=folder, user=user))
    command = [_program(), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        deadline_s = time.monotonic() + STARTS_WITHIN_S
        while not _answers(nginx.plain_port):
            assert process.poll() is None, (process.communicate()[1] or b"").decode()
            assert time.monotonic() < deadline_s, nginx.errors
            time.sleep(0.02)
        yield nginx
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=STOPS_WITHIN_S)


def _answers(port: int) -> bool:
    try:
        return local_http.get(f"http://127.0.0.1:{port}").status_code == 301
    except httpx.TransportError:
        return False
