"""A real Prometheus with the configuration that this repository recommends, in a folder of its own."""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from src.config import SERVER_FOLDER
from tests.support.ports import free_port

FOLDER = SERVER_FOLDER.parent / "deploy" / "monitoring"
STARTS_WITHIN_S = 20
STOPS_WITHIN_S = 10


@dataclass
class Prometheus:
    """A running Prometheus."""

    client: httpx.Client

    def get(self, path: str, **parameters: str) -> Any:
        """Ask its API; returns `data`."""
        answer = self.client.get(f"/api/v1/{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Evaluate an expression now; returns its series."""
        found: list[dict[str, Any]] = self.get("query", query=expression)["result"]
        return found


@contextmanager
def prometheus_of(server_port: int, folder: Path) -> Iterator[Prometheus]:
    """Run Prometheus, which scrapes a server on 127.0.0.1 twice a second.

    Args:
        server_port: the server's port.
        folder: for everything that Prometheus reads and writes.
    """
    configuration = (FOLDER / "prometheus.yml").read_text()
    changes = {'"server:8000"': f'"127.0.0.1:{server_port}"', "interval: 15s": "interval: 500ms"}
    for old, new in changes.items():
        assert old in configuration, f"prometheus.yml has no longer: {old}"
        configuration = configuration.replace(old, new)
    (folder / "prometheus.yml").write_text(configuration)
    shutil.copy(FOLDER / "alerts.yml", folder)
    port = free_port()
    command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    log = folder / "prometheus.log"
    with log.open("wb") as output:
        process = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=output, stderr=output)
    try:
        deadline_s = time.monotonic() + STARTS_WITHIN_S
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10, verify=False) as client:
            while not _is_ready(client):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline_s, log.read_text()
                time.sleep(0.05)
            yield Prometheus(client)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOPS_WITHIN_S)


def _is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/-/ready").status_code == 200
    except httpx.TransportError:
        return False
