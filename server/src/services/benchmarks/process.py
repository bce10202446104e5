"""The load generator as a child process: given its orders, heard while it works, and ended.

It is the same program that people run from the shell, over real HTTP. Secrets reach it through its environment,
because everybody on the machine can read command lines.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson

from src.config import SERVER_FOLDER
from src.services.outbound.callback_url import LOOPBACK_HOST

#: One line of what it says; the summary is one line too.
LINE_BYTES_MAX = 8 * 1024 * 1024
#: It accounts for what it has when it is told to stop; after this it is killed.
STOPS_WITHIN_S = 20.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOrder:
    """What is to be measured.

    Attributes:
        mode: `sync`, `async` or `both`.
        concurrency: callers at the same moment.
        requests: how many requests, for each mode.
        num_transactions: rows of each report.
        rate_per_s: requests begun in a second, whatever becomes of those before; None: each caller waits for its
            answer before it asks again.
    """

    mode: str
    concurrency: int
    requests: int
    num_transactions: int
    rate_per_s: float | None

    def arguments(self) -> list[str]:
        """Write it as the program's command line has it."""
        named = {
            "mode": self.mode,
            "concurrency": self.concurrency,
            "requests": self.requests,
            "transactions": self.num_transactions,
            "rate": self.rate_per_s,
        }
        return [f"--{name}={value}" for name, value in named.items() if value is not None]


def receiver_socket() -> socket.socket:
    """Open the socket that the load generator will be called back at; its port is known before it starts."""
    return socket.create_server((LOOPBACK_HOST, 0), backlog=512)


class LoadGenerator:
    """One run of the program.

    Args:
        process: the child.
        lifeline: closed when this process ends, however it ends; the child notices.
    """

    def __init__(self, process: Process, lifeline: int) -> None:
        self._process = process
        self._lifeline = lifeline

    @classmethod
    async def start(
        cls, order: LoadOrder, *, url: str, token: str, signing_secrets: Sequence[str], receiver: socket.socket
    ) -> "LoadGenerator":
        """Start it.

        Args:
            order: what to measure.
            url: where this server listens.
            token: lets its requests pass without a rate limit.
            signing_secrets: what callbacks are signed with.
            receiver: where it is called back; closed here, for it is the child's from now on.
        """
        reading_end, lifeline = os.pipe()
        environment = {
            **os.environ,
            "LOADGEN_TOKEN": token,
            "LOADGEN_SIGNING_SECRETS": ",".join(signing_secrets),
            "LOADGEN_RECEIVER_FD": str(receiver.fileno()),
            "LOADGEN_PARENT_FD": str(reading_end),
        }
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "src.loadgen", f"--url={url}", "--progress=json", *order.arguments()),
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=DEVNULL,
                cwd=SERVER_FOLDER,
                env=environment,
                pass_fds=(receiver.fileno(), reading_end),
                start_new_session=True,  # Ctrl-C in the server's terminal is for the server to pass on
                limit=LINE_BYTES_MAX,
            )
        except BaseException:
            os.close(lifeline)
            raise
        finally:
            os.close(reading_end)
            receiver.close()
        return cls(process, lifeline)

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """What it says, line by line, until it ends: `progress`, and last a `summary` or an `error`."""
        assert self._process.stdout is not None  # noqa: S101  a pipe was asked for
        try:
            async for line in self._process.stdout:
                yield orjson.loads(line)
        except ValueError:
            log.warning("The load generator said something that is not JSON.")

    async def stop(self, within_s: float = STOPS_WITHIN_S) -> None:
        """Let it account for what it has, and end; kill it when that takes too long."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)
        try:
            async with asyncio.timeout(within_s):
                await self._process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def ended(self) -> None:
        """Make sure that it is gone."""
        with suppress(ProcessLookupError):
            if self._process.returncode is None:
                self._process.kill()
        await self._process.wait()
        os.close(self._lifeline)
