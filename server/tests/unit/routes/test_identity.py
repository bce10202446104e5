"""Who is calling is settled before anything is counted."""

from functools import partial
from ipaddress import ip_network
from uuid import uuid4

from starlette.types import Message, Receive, Scope, Send

from src.routes.middleware.identity import IdentityMiddleware
from src.routes.middleware.rate_limits import RateLimitMiddleware, RateLimits
from src.services.benchmarks.gate import TOKEN_HEADER, BenchmarkGate
from src.services.identity.caller import Caller, Kind
from src.services.outbound.callback_url import CallbackPolicy
from src.services.requests.read_slots import reading_caller

POLICY = CallbackPolicy()


class Front:
    """The two middlewares in their order, and what comes behind them."""

    def __init__(self) -> None:
        self.gate = BenchmarkGate()
        self.callers: list[Caller] = []
        self.readers: list[str] = []
        self.statuses: list[int] = []
        limits = RateLimits({"/api/limited": "1/minute"})
        limited = RateLimitMiddleware(self._behind, limits=limits)
        self.app = IdentityMiddleware(
            limited,
            trusted_proxies=[ip_network("10.0.0.0/8")],
            callback_policy=POLICY,
            required=False,
            run_header=TOKEN_HEADER,
            run_of=self.gate.check,
            metrics_token=b"",
            count_failure=partial(limits.count, "credentials"),
            authenticator=lambda _: None,
        )

    async def _behind(self, scope: Scope, _receive: Receive, send: Send) -> None:
        self.callers.append(scope["caller"])
        self.readers.append(reading_caller.get())
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.statuses.append(message["status"])

    async def call(self, *headers: tuple[bytes, bytes], kind: str = "http") -> None:
        async def receive() -> Message:
            raise AssertionError

        method = {"method": "POST"} if kind == "http" else {}
        scope = {
            "type": kind,
            **method,
            "path": "/api/limited",
            "raw_path": b"/api/limited",
            "client": ("10.0.0.1", 1),
            "headers": list(headers),
        }
        await self.app(scope, receive, self._send)


async def test_whoever_bears_no_known_token_is_an_address_and_is_counted_by_it() -> None:
    front = Front()
    for address in (b"192.0.2.1", b"192.0.2.2", b"192.0.2.1"):
        await front.call((b"x-forwarded-for", address), (TOKEN_HEADER, b"nobody's"))

    assert front.callers == [Caller.of_address(name, POLICY, alone=False) for name in ("192.0.2.1", "192.0.2.2")]
    assert {caller.kind for caller in front.callers} == {Kind.ADDRESS}
    assert front.readers == ["192.0.2.1", "192.0.2.2"]
    assert front.statuses == [200, 200, 429]


async def test_whoever_bears_the_token_of_a_run_is_that_run_from_every_address_and_is_not_limited() -> None:
    front, run_id = Front(), uuid4()
    token = front.gate.open(run_id, "http://127.0.0.1:9001").encode()
    for address in (b"192.0.2.1", b"192.0.2.2", b"192.0.2.1"):
        await front.call((b"x-forwarded-for", address), (TOKEN_HEADER, token))

    assert front.callers == [Caller.of_run(run_id, "http://127.0.0.1:9001")] * 3
    assert front.statuses == [200] * 3


async def test_a_websocket_has_a_caller_as_well() -> None:
    front = Front()
    await front.call(kind="websocket")

    assert front.callers == [Caller.of_address("10.0.0.1", POLICY, alone=False)]
