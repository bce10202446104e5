"""A real S3 server on this machine: SeaweedFS, which checks signatures, rights and preconditions."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from tests.support.ports import free_port

BUCKET = "reports"
REGION = "us-east-1"
STARTS_WITHIN_S = 60.0
#: Each of its parts has a port, and one for gRPC, which it else derives from the first.
PORTS = tuple(f"{part}.port{kind}" for part in ("master", "volume", "filer", "s3") for kind in ("", ".grpc"))
_RIGHTS = {"writer": ["Admin", "Read", "Write", "List"], "reader": ["Read", "List"]}


@dataclass
class S3Server:
    """A server process; every test has its own prefix in a shared bucket."""

    folder: Path
    ports: dict[str, int]
    process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.ports['s3.port']}"

    def settings(self, prefix: str, user: str = "writer", **others: Any) -> dict[str, Any]:
        """Return the settings of a service that keeps its reports here."""
        return {
            "storage_url": f"s3://{BUCKET}/{prefix}",
            "aws_endpoint_url": self.endpoint,
            "aws_region": REGION,
            "aws_access_key_id": user,
            "aws_secret_access_key": f"{user}-secret",
            **others,
        }

    def environment(self, prefix: str, **others: Any) -> dict[str, str]:
        """Return the same as environment variables."""
        return {name.upper(): str(value) for name, value in self.settings(prefix, **others).items()}

    def start(self) -> None:
        """Start, or start again over what is there."""
        command = [
            *(_program(), "server", f"-dir={self.folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3"),
            *(f"-{name}={port}" for name, port in self.ports.items()),
            *("-master.telemetry=false", "-master.volumeSizeLimitMB=256", "-volume.max=16"),
            *(f"-s3.config={self.folder / 's3.json'}", "-s3.autoCreateBucket=false", "-s3.iam=false"),
            *("-s3.port.iceberg=0", "-s3.port.lance=0"),
        ]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        self.wait()

    def wait(self) -> None:
        """Wait until it responds."""
        deadline_s = time.monotonic() + STARTS_WITHIN_S
        while self._status(f"{self.endpoint}/{BUCKET}") not in {403, 404}:  # without a signature
            assert time.monotonic() < deadline_s, (self.folder / "log").read_text()[-2_000:]
            time.sleep(0.05)

    def make_bucket(self, name: str = BUCKET) -> None:
        self._filer("POST", f"/buckets/{name}/")

    def remove_bucket(self, name: str = BUCKET) -> None:
        self._filer("DELETE", f"/buckets/{name}?recursive=true")

    def parts_left(self) -> int:
        """How many multipart uploads are unfinished."""
        url = f"http://127.0.0.1:{self.ports['filer.port']}/buckets/{BUCKET}/.uploads/?limit=100"
        request = urllib.request.Request(url, headers={"accept": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return len(json.load(answer)["Entries"] or [])
        except urllib.error.HTTPError as error:  # none was ever begun
            error.close()
            return 0

    def client(self, prefix: str = "", user: str = "writer") -> S3Store:
        """Create a client of another party, which changes stored objects behind the service's back."""
        return S3Store(
            BUCKET,
            prefix=prefix or None,
            endpoint=self.endpoint,
            region=REGION,
            access_key_id=user,
            secret_access_key=f"{user}-secret",
            client_options={"allow_http": True},
        )

    def _knows(self, user: str) -> bool:
        try:
            obstore.head(self.client(user=user), "nothing")
        except FileNotFoundError:
            return True
        except BaseError:
            return False
        return True

    def stored(self, prefix: str) -> list[str]:
        """Return the reports below a prefix."""
        store = self.client(prefix)
        paths = [entry["path"] for page in obstore.list(store) for entry in page]
        return sorted(path for path in paths if path.endswith(".csv"))

    def let_in(self, *users: str) -> None:
        """Set the valid keys."""
        identities = [
            {
                "name": user,
                # One that is left out stays known until a restart; with another secret it is let in no more.
                "credentials": [{"accessKey": user, "secretKey": f"{user}-secret" if user in users else "changed"}],
                "actions": rights,
            }
            for user, rights in _RIGHTS.items()
        ]
        (self.folder / "s3.json").write_text(json.dumps({"identities": identities}))
        self.send(signal.SIGHUP)
        deadline_s = time.monotonic() + STARTS_WITHIN_S
        while self.process is not None and self._knows("writer") != ("writer" in users):
            assert time.monotonic() < deadline_s
            time.sleep(0.05)

    def send(self, what: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(what)

    def kill(self) -> None:
        """End it at once: it takes SIGTERM for no reason to hurry."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def _filer(self, method: str, path: str) -> None:
        url = f"http://127.0.0.1:{self.ports['filer.port']}{path}"
        deadline_s = time.monotonic() + STARTS_WITHIN_S
        while self._status(url, method) not in {200, 201, 204}:
            assert time.monotonic() < deadline_s, path
            time.sleep(0.05)

    @staticmethod
    def _status(url: str, method: str = "GET") -> int:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        except OSError:
            return 0


@contextmanager
def running_s3(folder: Path) -> Iterator[S3Server]:
    """Run a server with one bucket, and two users: one who may write and one who may read."""
    (folder / "data").mkdir(parents=True)
    server = S3Server(folder, {name: free_port() for name in PORTS})
    server.let_in("writer", "reader")
    try:
        server.start()
        server.make_bucket()
        yield server
    finally:
        server.kill()
        with contextlib.suppress(OSError):
            shutil.rmtree(folder)


def _program() -> str:
    return os.fspath(Path(sys.executable).with_name("weed"))
