"""An issuer of access tokens: a process of its own that publishes a JWK Set, and its private keys."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from tests.support.ports import free_port

ISSUER = "https://issuer.test/"
AUDIENCE = "financial-report-generator"

_PROGRAM = """
import http.server, pathlib, sys, time
folder, port = pathlib.Path(sys.argv[1]), int(sys.argv[2])
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with (folder / "fetched").open("a") as fetched: fetched.write(".")
        if (folder / "slow").exists(): time.sleep(60)
        self.send_response(200); self.end_headers(); self.wfile.write((folder / "jwks.json").read_bytes())
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer.daemon_threads = True
server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
print("ready", flush=True)
server.serve_forever()
"""


class _Quiet(JWSRegistry):
    """Signs without the warning that EdDSA has newer names, and with anything in the header."""

    def __init__(self, algorithms: list[str]) -> None:
        super().__init__(algorithms=algorithms, strict_check_header=False)

    def get_alg(self, name: str) -> Any:
        return self.algorithms[name]

    def check_header(self, header: dict[str, Any]) -> None:
        pass


def new_key(alg: str, kid: str | None) -> Key:
    """Make a private key for an algorithm."""
    parameters: Any = {"kid": kid} if kid else {}
    match alg:
        case "ES256":
            return ECKey.generate_key("P-256", parameters)
        case "EdDSA":
            return OKPKey.generate_key("Ed25519", parameters)
    return RSAKey.generate_key(2048, parameters, auto_kid=False)


def jwk_set(*keys: Key) -> bytes:
    """Write the public keys."""
    return orjson.dumps({"keys": [key.as_dict(private=False) for key in keys]})


def claims(**changed: Any) -> dict[str, Any]:
    """Return the claims of a good token; None leaves one out."""
    now = int(time.time())
    given = {"iss": ISSUER, "aud": AUDIENCE, "sub": "acme", "scope": "read submit", "iat": now, "exp": now + 600}
    return {name: value for name, value in (given | changed).items() if value is not None}


def token(key: Key, alg: str, header: dict[str, Any] | None = None, **changed: Any) -> str:
    """Sign a token."""
    named = {"alg": alg, **({"kid": key.kid} if key.kid else {}), **(header or {})}
    return jwt.encode(named, claims(**changed), key, registry=_Quiet(algorithms=[alg]))


class Issuer:
    """A running issuer.

    Args:
        folder: what it publishes, and how often that was fetched.
        port: where.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.settings = {
            "jwt_issuer": ISSUER,
            "jwt_audience": AUDIENCE,
            "jwt_jwks_url": f"http://127.0.0.1:{port}/jwks.json",
        }

    def publish(self, *keys: Key) -> None:
        """Publish other keys than before."""
        (self.folder / "jwks.json").write_bytes(jwk_set(*keys))

    @property
    def fetched(self) -> int:
        """How often its keys were fetched."""
        path = self.folder / "fetched"
        return len(path.read_text()) if path.exists() else 0


@contextmanager
def running_issuer(folder: Path, *keys: Key, port: int | None = None) -> Iterator[Issuer]:
    """Run an issuer."""
    port = port or free_port()
    issuer = Issuer(folder, port)
    issuer.publish(*keys)
    command = [sys.executable, "-c", _PROGRAM, str(folder), str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            yield issuer
        finally:
            process.terminate()
            process.wait(10)
