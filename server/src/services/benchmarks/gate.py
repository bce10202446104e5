"""Who passes without a rate limit: the load generator that this server started itself, and nobody else."""

import hmac
import secrets
from dataclasses import dataclass
from uuid import UUID

TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class BenchmarkPass:
    """What a request of a benchmark run may do.

    Attributes:
        run_id: the run that its rows are marked with.
        receiver: the one origin it may be called back at.
    """

    run_id: UUID
    receiver: str


class BenchmarkGate:
    """Open while a run is under way, for whoever knows its token."""

    def __init__(self) -> None:
        self._open: tuple[bytes, BenchmarkPass] | None = None

    def open(self, run_id: UUID, receiver: str) -> str:
        """Begin to let a run pass; returns its token, which nobody but its load generator may know."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._open = (token.encode(), BenchmarkPass(run_id, receiver))
        return token

    def close(self) -> None:
        """Let nobody pass any more."""
        self._open = None

    def check(self, token: bytes) -> BenchmarkPass | None:
        """Tell what the bearer of a token may do; None for a token that is not the open run's."""
        if self._open is None or not hmac.compare_digest(self._open[0], token):
            return None
        return self._open[1]
