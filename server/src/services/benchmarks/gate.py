"""Authentication of the load generator started by this server, the only caller exempt from rate limits."""

import hmac
import secrets
from uuid import UUID

from src.services.identity.caller import Caller

TOKEN_HEADER = b"x-benchmark-token"
TOKEN_BYTES = 32


class BenchmarkGate:
    """Open to the bearer of a token while a run is in progress."""

    def __init__(self) -> None:
        self._open: tuple[bytes, Caller] | None = None

    def open(self, run_id: UUID, receiver: str) -> str:
        """Open the gate for a run, whose callbacks go to one origin; returns its token.

        Only the run's load generator may know the token.
        """
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._open = (token.encode(), Caller.of_run(run_id, receiver))
        return token

    def close(self) -> None:
        self._open = None

    def check(self, token: bytes) -> Caller | None:
        """Return the caller a token belongs to; None unless it is the current run's."""
        if self._open is None or not hmac.compare_digest(self._open[0], token):
            return None
        return self._open[1]
