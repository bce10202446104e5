"""Who passes without a rate limit: the load generator that this server started itself, and nobody else."""

import hmac
import secrets
from uuid import UUID

from src.services.identity.caller import Caller

TOKEN_HEADER = b"x-benchmark-token"
TOKEN_BYTES = 32


class BenchmarkGate:
    """Open while a run is under way, for whoever knows its token."""

    def __init__(self) -> None:
        self._open: tuple[bytes, Caller] | None = None

    def open(self, run_id: UUID, receiver: str) -> str:
        """Begin to let a run pass, which is called back at one origin; returns its token.

        Nobody but its load generator may know it.
        """
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._open = (token.encode(), Caller.of_run(run_id, receiver))
        return token

    def close(self) -> None:
        """Let nobody pass any more."""
        self._open = None

    def check(self, token: bytes) -> Caller | None:
        """Tell who the bearer of a token is; None for a token that is not the open run's."""
        if self._open is None or not hmac.compare_digest(self._open[0], token):
            return None
        return self._open[1]
