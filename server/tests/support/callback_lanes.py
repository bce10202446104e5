"""A client for a local receiver, for tests of callbacks."""

import ipaddress
from collections.abc import Awaitable, Callable

from src.services.outbound.callback_url import CallbackPolicy, CallbackUrl
from src.services.outbound.client import Failure, ReceiverClient, Reply
from tests.support.raw_receivers import RawReceiver

V4, V6 = ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")
HEADERS = {"Content-Type": "application/json", "webhook-id": "msg_1", "User-Agent": "reports"}
BODY = b'{"type":"report.completed"}'
#: A deadline that is to pass.
SHORT_S = 0.3
#: One that is not, however busy the machine is.
LONG_S = 10.0


class Lane:
    """A client and the URL it calls."""

    def __init__(self, client: ReceiverClient, url: CallbackUrl) -> None:
        self.client = client
        self.url = url

    async def post(self, deadline_s: float = 5, headers: dict[str, str] = HEADERS) -> Reply | Failure:
        return await self.client.post(self.url, headers, BODY, deadline_s=deadline_s)


Start = Callable[..., Awaitable[RawReceiver]]
Connect = Callable[..., Lane]


def url_of(
    port: int, host: str = "127.0.0.1", scheme: str = "http", path: str = "/hook", *, exempt: bool = True
) -> CallbackUrl:
    allowed = CallbackPolicy(frozenset({f"{scheme}://{host}:{port}"})).check(f"{scheme}://{host}:{port}{path}")
    return allowed if exempt else CallbackUrl(allowed.url, allowed.receiver, scheme, allowed.host, port)


def code(outcome: Reply | Failure) -> str:
    assert isinstance(outcome, Failure), outcome
    assert outcome.message.isascii()
    assert outcome.message.isprintable()
    assert 0 < len(outcome.message) <= 250
    return outcome.error_code
