"""One lane's client for its receiver: POST in, `Reply` or `Failure` out.

The status decides: once it has come, nothing that the rest of the answer does turns it into a failure.
"""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeGuard

import httpx

from src.services.outbound.callback_url import CallbackUrl
from src.services.outbound.guard import AttemptFailed, CallbackGuard, ErrorCode
from src.services.outbound.kept_headers import kept_headers
from src.services.outbound.transport import GuardedTransport, OpenSocket, Timings, open_socket

#: A lack of descriptors passes when others close theirs, one of ports within a minute (TIME_WAIT).
LACK_WAITED_FOR_S = 60.0
LACK_LOOKED_AT_EVERY_S = 0.5
BODY_READ_BYTES_MAX = 64 * 1024
BODY_KEPT_BYTES_MAX = 1024
RETRY_AFTER_CHARS_MAX = 64


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reply:
    """The receiver answered; the status decides, whatever its body did.

    Attributes:
        status_code: 200 to 599.
        retry_after: the header as it came, at most `RETRY_AFTER_CHARS_MAX` visible ASCII characters.
        body_excerpt: the first bytes of the body, at most `BODY_KEPT_BYTES_MAX`; hostile, not unpacked.
        headers: what the log keeps of them; nothing is decided by these, so two answers that differ there are equal.
    """

    status_code: int
    retry_after: str | None
    body_excerpt: bytes
    headers: Mapping[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Failure:
    """No answer came.

    Attributes:
        error_code: stable; for the callback log.
        message: one short sentence in plain ASCII, without anything that the receiver sent.
    """

    error_code: ErrorCode
    message: str


def lacks_resources(outcome: Reply | Failure) -> TypeGuard[Failure]:
    """Whether the attempt did not get out of this machine because it lacked something."""
    return isinstance(outcome, Failure) and outcome.error_code == "local_resources"


class LocalLacks:
    """What this machine lacks, such as file descriptors, while attempts wait for it. Shared by all clients."""

    def __init__(self) -> None:
        self._waiting = 0
        self._words = ""

    @property
    def trouble(self) -> str | None:
        """Why attempts wait, in a sentence; from any thread."""
        return f"{self._waiting} callbacks wait: {self._words}." if self._waiting else None

    @contextlib.contextmanager
    def waiting(self, words: str) -> Iterator[None]:
        """Count one attempt that waits."""
        self._words = words
        if not self._waiting:
            log.warning("Callbacks wait: %s.", words)
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1


class ReceiverClient:
    """One lane's client. It lives on one event loop and sends one callback at a time.

    What this machine itself lacks is waited for: nothing was sent, so it is no attempt and nobody's fault out there.

    An idle client costs a few kilobytes, and a socket for at most 30 s after its last attempt; none after `aclose`.

    Args:
        receiver: `scheme://host:port`, as in `CallbackUrl.receiver`.
        guard: asked at each attempt.
        tls: one context shared by all clients.
        open_socket: makes the socket for an address that the guard approved.
        lacks: records attempts that wait for local resources.
        sleep: waits for a number of seconds.
    """

    def __init__(
        self,
        receiver: str,
        guard: CallbackGuard,
        tls: ssl.SSLContext,
        open_socket: OpenSocket = open_socket,
        *,
        lacks: LocalLacks | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._transport = GuardedTransport(receiver, guard, tls, open_socket)
        self._lacks = lacks or LocalLacks()
        self._sleep = sleep
        self._busy = False

    async def post(
        self, url: CallbackUrl, headers: Mapping[str, str], body: bytes, *, deadline_s: float
    ) -> Reply | Failure:
        """One attempt.

        `local_resources` comes only when this machine lacked something for `LACK_WAITED_FOR_S`; such an outcome
        says nothing about the receiver and should neither use up an attempt nor pause it.

        Args:
            url: checked lately, and of this client's receiver.
            headers: the attempt's own; framing, Host and Accept-Encoding are set here.
            body: sent as it is.
            deadline_s: for looking up, connecting, sending and reading together, seconds; begun anew after a wait
                for this machine.

        Raises:
            RuntimeError: another attempt is under way.
            ValueError: a header cannot be sent as it is, such as one with a line break.
        """
        if self._busy:
            raise RuntimeError("a lane sends one callback at a time")
        self._busy = True
        try:
            outcome = await self._attempt(url, headers, body, deadline_s)
            if not lacks_resources(outcome):
                return outcome
            return await self._attempt_when_possible(
                outcome.message, lambda: self._attempt(url, headers, body, deadline_s)
            )
        finally:
            self._busy = False

    async def _attempt_when_possible(
        self, lack: str, attempt: Callable[[], Awaitable[Reply | Failure]]
    ) -> Reply | Failure:
        with self._lacks.waiting(lack):
            for _ in range(round(LACK_WAITED_FOR_S / LACK_LOOKED_AT_EVERY_S)):
                await self._sleep(LACK_LOOKED_AT_EVERY_S)
                if not lacks_resources(outcome := await attempt()):
                    break
        return outcome

    def timings(self) -> Timings:
        """Return the time to open the latest connection; call it before the connection is closed."""
        return self._transport.timings()

    async def aclose(self) -> None:
        """Drop the connection. The client may be used again.

        An attempt under way is to be cancelled first; otherwise it ends as `connection_reset`.
        """
        await self._transport.aclose()

    async def _attempt(
        self, url: CallbackUrl, headers: Mapping[str, str], body: bytes, deadline_s: float
    ) -> Reply | Failure:
        until = asyncio.get_running_loop().time() + deadline_s
        request = httpx.Request("POST", url.url, headers=headers, content=body, extensions={"callback_url": url})
        try:
            async with asyncio.timeout_at(until):
                response = await self._transport.handle_async_request(request)
        except TimeoutError:
            return Failure("timeout", f"no response within {deadline_s:g} s")
        except AttemptFailed as error:
            return Failure(error.error_code, str(error))
        headers = kept_headers(response.extensions["raw_headers"])
        return Reply(response.status_code, _retry_after(response), await _excerpt(response, until), headers)


async def _excerpt(response: httpx.Response, until: float) -> bytes:
    """The beginning of the body. That it breaks, drips or never ends changes nothing: the status has come."""
    kept, read, stream = bytearray(), 0, response.stream
    assert isinstance(stream, httpx.AsyncByteStream)  # noqa: S101  of an async transport
    try:
        with contextlib.suppress(TimeoutError, AttemptFailed):
            async with asyncio.timeout_at(until):
                async for chunk in stream:
                    read += len(chunk)
                    kept += chunk[: BODY_KEPT_BYTES_MAX - len(kept)]
                    if read >= BODY_READ_BYTES_MAX:
                        break
    finally:
        await response.aclose()
    return bytes(kept)


def _retry_after(response: httpx.Response) -> str | None:
    value = response.headers.get("retry-after", "")[:RETRY_AFTER_CHARS_MAX]
    return value if value.isascii() and value.isprintable() and value else None
