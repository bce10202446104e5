"""The load generator as a child process: start it, read its output, stop it.

It is the same program as the one run from the shell, over real HTTP. Secrets are passed through its environment,
because command lines are visible to every user of the machine.
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

#: One line of its output; the summary is a single line, too.
LINE_BYTES_MAX = 8 * 1024 * 1024
#: Seconds to write its summary after it was asked to stop, before it is killed.
STOP_TIMEOUT_S = 20.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOrder:
    """The parameters of a measurement.

    Attributes:
        mode: `sync`, `async` or `both`.
        concurrency: number of concurrent callers.
        requests: number of requests per mode.
        num_transactions: rows of each report.
        rate_per_s: requests started per second, regardless of earlier ones (open model); None: each caller waits for
            its response before it sends the next request (closed model).
    """

    mode: str
    concurrency: int
    requests: int
    num_transactions: int
    rate_per_s: float | None

    def arguments(self) -> list[str]:
        """Convert the parameters to command-line arguments."""
        named = {
            "mode": self.mode,
            "concurrency": self.concurrency,
            "requests": self.requests,
            "transactions": self.num_transactions,
            "rate": self.rate_per_s,
        }
        return [f"--{name}={value}" for name, value in named.items() if value is not None]


def receiver_socket() -> socket.socket:
    """Open the socket for the load generator's callbacks, so that its port is known before it starts."""
    return socket.create_server((LOOPBACK_HOST, 0), backlog=512)


class LoadGenerator:
    """A running load generator.

    Args:
        process: the child process.
        lifeline: the writing end of a pipe. It is closed when this process ends, however it ends, and the child exits.
    """

    def __init__(self, process: Process, lifeline: int) -> None:
        self._process = process
        self._lifeline = lifeline

    @classmethod
    async def start(
        cls, order: LoadOrder, *, url: str, token: str, signing_secrets: Sequence[str], receiver: socket.socket
    ) -> "LoadGenerator":
        """Start the child process.

        Args:
            order: the parameters of the measurement.
            url: the URL of this server.
            token: exempts its requests from rate limits.
            signing_secrets: the secrets callbacks are signed with.
            receiver: the socket for its callbacks; closed here, as the child owns it from now on.
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
                start_new_session=True,  # Ctrl-C in the terminal must reach only the server, which stops the child
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
        """Yield its messages until it exits: `progress`, and finally a `summary` or an `error`."""
        assert self._process.stdout is not None  # noqa: S101  a pipe was asked for
        try:
            async for line in self._process.stdout:
                yield orjson.loads(line)
        except ValueError:
            log.warning("The load generator wrote something that is not JSON.")

    async def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Ask it to write its summary and exit; kill it if that takes too long."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)
        try:
            async with asyncio.timeout(timeout_s):
                await self._process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def aclose(self) -> None:
        """Kill the process if it is still running, and release its resources."""
        with suppress(ProcessLookupError):
            if self._process.returncode is None:
                self._process.kill()
        await self._process.wait()
        os.close(self._lifeline)
