"""Delivering to receivers that are good, slow, broken or hostile, over real sockets of this machine alone."""

import asyncio
import errno
import gc
import gzip
import ipaddress
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]  # ships no types
import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from src.services.outbound.callback_url import CallbackPolicy, CallbackUrl
from src.services.outbound.client import (
    BODY_KEPT_BYTES_MAX,
    BODY_READ_BYTES_MAX,
    Failure,
    ReceiverClient,
    Reply,
)
from src.services.outbound.guard import Address, Blocked, CallbackGuard, ThreadResolver
from src.services.outbound.tls import tls_context
from src.services.outbound.transport import KEEPALIVE_IDLE_S, GuardedTransport
from tests.support.callback_lanes import BODY, HEADERS, LONG_S, SHORT_S, V4, V6, Connect, Lane, Start, code, url_of
from tests.support.hostile_answers import HEAD, OK, broken_answers, broken_bodies
from tests.support.raw_receivers import RawReceiver, hangs, in_turn, repeats, says, then_closes
from tests.support.sealed_network import Names

pytestmark = pytest.mark.usefixtures("nothing_fails_unseen", "dialled")


# What is sent, and what comes back.


async def test_the_request_on_the_wire_is_the_checked_url_the_given_headers_and_the_body(
    start: Start, connect: Connect
) -> None:
    receiver = await start(says(OK))
    lane = connect(receiver.port, path="/a%2Fb/%7e?x=%2B+%20&y=a'b")
    assert await lane.post() == Reply(200, None, b"ok")
    head, _, body = receiver.requests[0].partition(b"\r\n\r\n")
    first, *fields = head.decode().split("\r\n")
    assert first == "POST /a%2Fb/%7e?x=%2B+%20&y=a'b HTTP/1.1"
    assert body == BODY
    assert {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)} == {
        "host": f"127.0.0.1:{receiver.port}",
        "content-type": "application/json",
        "content-length": str(len(BODY)),
        "user-agent": "reports",
        "webhook-id": "msg_1",
        "accept-encoding": "identity",
    }


#: RFC 3986: unreserved, sub-delims and escapes, in either case; `/` and `?` where they are plain characters as well.
PATH_CHARS = [*"aZ09-._~!$&'()*+,;=:@/", "%2F", "%2f", "%7e", "%27", "%C3%A9", "%00", "%0d%0A", "%25"]
ODD_TARGETS = st.tuples(
    st.lists(st.sampled_from(PATH_CHARS)).map("".join),
    st.lists(st.sampled_from([*PATH_CHARS, "?"]), min_size=1).map("".join),
).filter(lambda target: not set(target[0].split("/")) & {".", ".."})  # those are taken out (RFC 3986 5.2.4)


async def test_a_receiver_is_called_at_the_very_url_that_was_accepted(start: Start, tls: ssl.SSLContext) -> None:
    receiver = await start(says(OK))
    origin = f"http://127.0.0.1:{receiver.port}"
    policy = CallbackPolicy(frozenset({origin}))
    client = ReceiverClient(origin, CallbackGuard(Names([V4])), tls)
    targets: list[str] = ["/?" + "".join(PATH_CHARS)]
    settings(max_examples=200, database=None)(given(ODD_TARGETS)(lambda at: targets.append("/{}?{}".format(*at))))()
    for target in targets:
        url = policy.check(origin + target)
        assert url.url == origin + target
        assert isinstance(await client.post(url, HEADERS, BODY, deadline_s=5), Reply)
    assert [request.split(b" ")[1].decode() for request in receiver.requests] == targets
    await client.aclose()


async def test_no_header_of_the_caller_changes_framing_routing_or_encoding(start: Start, connect: Connect) -> None:
    receiver = await start(says(OK))
    hostile = {
        "Host": "127.0.0.2",
        "Content-Length": "1",
        "Transfer-Encoding": "chunked",
        "Accept-Encoding": "gzip",
        "Connection": "close",
        "Cookie": "a=b",
        "Expect": "100-continue",
        "Upgrade": "h2c",
    }
    assert isinstance(await connect(receiver.port).post(headers=hostile), Reply)
    head = receiver.requests[0].partition(b"\r\n\r\n")[0].lower()
    assert f"host: 127.0.0.1:{receiver.port}".encode() in head
    assert b"accept-encoding: identity" in head
    assert f"content-length: {len(BODY)}".encode() in head
    for absent in (b"127.0.0.2", b"chunked", b"gzip", b"cookie", b"expect", b"upgrade", b"connection"):
        assert absent not in head


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\x00b"])
async def test_a_header_that_would_break_the_request_is_never_sent(start: Start, connect: Connect, value: str) -> None:
    receiver = await start(says(OK))
    lane = connect(receiver.port)
    with pytest.raises(ValueError, match=r"(?i)header"):
        await lane.post(headers={"X-Test": value})
    assert receiver.requests == []
    assert isinstance(await lane.post(), Reply)


@pytest.mark.parametrize("status", [200, 202, 204, 304, 400, 404, 410, 429, 500, 503, 599])
async def test_a_status_is_handed_on_as_it_is(start: Start, connect: Connect, status: int) -> None:
    receiver = await start(says(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode()))
    assert await connect(receiver.port).post() == Reply(status, None, b"")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_is_not_followed(start: Start, connect: Connect, status: int) -> None:
    canary = await start(says(OK))
    head = f"HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:{canary.port}/\r\nContent-Length: 0\r\n\r\n"
    receiver = await start(says(head.encode()))
    assert await connect(receiver.port).post() == Reply(status, None, b"")
    assert (len(receiver.requests), canary.connections) == (1, 0)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("120", "120"),
        ("Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:28:00 GMT"),
        ("", None),
        ("\x1b[31m60", None),
        ("6\u00e9", None),
        ("9" * 500, "9" * 64),
    ],
)
async def test_retry_after_is_handed_on_unless_it_is_hostile(
    start: Start, connect: Connect, given: str, kept: str | None
) -> None:
    head = f"HTTP/1.1 429 X\r\nRetry-After: {given}\r\nContent-Length: 0\r\n\r\n"
    receiver = await start(says(head.encode("latin-1")))
    outcome = await connect(receiver.port).post()
    # A control character may also make the answer no HTTP at all.
    assert outcome == Reply(429, kept, b"") or (kept is None and code(outcome) == "bad_http")


async def test_a_cookie_is_not_remembered(start: Start, connect: Connect) -> None:
    receiver = await start(says(OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b; Path=/\r\n\r\n")))
    lane = connect(receiver.port)
    for _ in range(2):
        await lane.post()
    assert b"cookie" not in receiver.requests[1].lower()


async def test_a_compressed_body_is_not_unpacked(start: Start, connect: Connect) -> None:
    packed = gzip.compress(b"\0" * 1_000_000)[:900]
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    receiver = await start(says(head + packed))
    assert await connect(receiver.port).post() == Reply(200, None, packed)


async def test_proxies_and_netrc_of_the_environment_are_ignored(
    start: Start, connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    canary = await start(says(OK))
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    receiver = await start(says(OK))
    assert await connect(receiver.port).post() == Reply(200, None, b"ok")
    assert canary.connections == 0
    assert b"authorization" not in receiver.requests[0].lower()


# The status decides, whatever the body does.


#: Enough for the head on a busy machine; some bodies never end, and wait for it.
BODY_DEADLINE_S = 1.5


@pytest.mark.parametrize("body", broken_bodies())
async def test_a_status_that_came_counts_whatever_the_body_does(start: Start, connect: Connect, body: str) -> None:
    receiver = await start(broken_bodies()[body])
    lane = connect(receiver.port)
    began = time.monotonic()
    outcome = await lane.post(deadline_s=BODY_DEADLINE_S)
    assert isinstance(outcome, Reply)
    assert outcome.status_code == 200
    assert len(outcome.body_excerpt) <= BODY_KEPT_BYTES_MAX
    assert set(outcome.body_excerpt) <= set(b"x")
    assert time.monotonic() - began < BODY_DEADLINE_S + 1
    await lane.client.aclose()
    await receiver.dropped()


@pytest.mark.parametrize("body", ["endless trailers", "bad chunks", "short", "reset", "endless"])
async def test_a_broken_or_endless_body_ends_the_attempt_at_once(start: Start, connect: Connect, body: str) -> None:
    receiver = await start(broken_bodies()[body])
    began = time.monotonic()
    assert isinstance(await connect(receiver.port).post(deadline_s=10), Reply)
    assert time.monotonic() - began < 2


async def test_no_more_of_a_body_is_read_than_its_limit(start: Start, connect: Connect) -> None:
    sent = 0

    async def endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        writer.transport.set_write_buffer_limits(0)
        writer.write(HEAD + b"\r\n")
        while True:
            writer.write(b"x" * 4096)
            await writer.drain()
            sent += 4096

    receiver = await start(endless)
    began = time.monotonic()
    assert await connect(receiver.port).post() == Reply(200, None, b"x" * BODY_KEPT_BYTES_MAX)
    assert time.monotonic() - began < 2
    await receiver.dropped()
    assert sent < 100 * BODY_READ_BYTES_MAX  # the rest is what the system buffers


# No answer: one stable code each.


@pytest.mark.parametrize("name", broken_answers())
async def test_a_broken_answer_is_a_failure_with_a_stable_code(start: Start, connect: Connect, name: str) -> None:
    answer, expected = broken_answers()[name]
    receiver = await start(answer)
    lane = connect(receiver.port)
    began = time.monotonic()
    deadline_s = SHORT_S if expected == "timeout" else LONG_S
    assert code(await lane.post(deadline_s=deadline_s)) == expected
    assert time.monotonic() - began < deadline_s + 1
    await receiver.dropped()
    assert receiver.connections == 1  # nothing is sent twice on a new connection


async def test_an_interim_answer_is_waited_through(start: Start, connect: Connect) -> None:
    receiver = await start(says(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + OK))
    assert await connect(receiver.port).post() == Reply(200, None, b"ok")


async def test_nobody_listening_is_connect_failed(start: Start, connect: Connect) -> None:
    receiver = await start(says(OK))
    await receiver.stop()
    failure = await connect(receiver.port).post()
    assert failure == Failure("connect_failed", "no connection: Connection refused")


async def test_a_receiver_that_accepts_nothing_times_out(connect: Connect) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        assert code(await connect(listener.getsockname()[1]).post(deadline_s=SHORT_S)) == "timeout"


async def test_the_deadline_covers_looking_the_name_up(connect: Connect) -> None:
    class Never(Names):
        async def __call__(self, _host: str, _port: int) -> list[Address]:
            return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    assert code(await connect(9, host="a.test", names=Never()).post(deadline_s=SHORT_S)) == "timeout"


async def test_a_name_that_cannot_be_looked_up_is_a_dns_failure(connect: Connect) -> None:
    assert code(await connect(9, host="a.test", names=Names([])).post()) == "dns_failure"


async def test_an_attempt_that_is_cancelled_drops_its_connection(start: Start, connect: Connect) -> None:
    receiver = await start(hangs)
    lane = connect(receiver.port)
    attempt = asyncio.ensure_future(lane.post())
    await receiver.until(lambda: len(receiver.requests) == 1)
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    await receiver.dropped()


async def test_after_a_failure_the_next_attempt_succeeds(start: Start, connect: Connect) -> None:
    receiver = await start(in_turn(hangs, then_closes(b"x"), says(OK)))
    lane = connect(receiver.port)
    assert code(await lane.post(deadline_s=SHORT_S)) == "timeout"
    assert code(await lane.post()) == "bad_http"
    assert await lane.post() == Reply(200, None, b"ok")


async def test_a_lane_sends_one_callback_at_a_time(start: Start, connect: Connect) -> None:
    receiver = await start(hangs)
    lane = connect(receiver.port)
    first = asyncio.ensure_future(lane.post(deadline_s=SHORT_S))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="one callback at a time"):
        await lane.post()
    assert code(await first) == "timeout"


async def test_answers_of_random_bytes_never_raise(start: Start, connect: Connect) -> None:
    dice = random.Random(20260131)
    seeds = [
        OK,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: b\r\n\r\n",
        b"HTTP/1.1 103 E\r\n\r\n" + OK,
    ]

    async def noise(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = bytearray(dice.choice(seeds))
        for _ in range(dice.randrange(1, 6)):
            at = dice.randrange(len(data))
            data[at : at + dice.randrange(3)] = dice.choice([b"", b"\r\n", b"\0", b"\xff", b":", b" ", b"9" * 20])
        writer.write(data)
        writer.close()

    receiver = await start(noise)
    lane = connect(receiver.port)
    outcomes = [await lane.post(deadline_s=LONG_S) for _ in range(300)]
    assert {type(outcome) for outcome in outcomes} == {Reply, Failure}
    assert {code(outcome) for outcome in outcomes if isinstance(outcome, Failure)} <= {"bad_http", "connection_reset"}


# Only checked addresses are dialled.


@pytest.mark.parametrize(
    ("host", "answers"),
    [
        ("127.0.0.1", []),
        ("[::1]", []),
        ("a.test", [V4]),
        ("a.test", [V6]),
        ("a.test", [ipaddress.ip_address("93.184.216.34"), V4]),
        ("a.test", [ipaddress.ip_address("2606:4700:4700::1111"), V6]),
        ("a.test", [ipaddress.ip_address("::ffff:127.0.0.1")]),
        ("a.test", [ipaddress.ip_address("64:ff9b::7f00:1")]),
    ],
)
async def test_a_forbidden_address_is_blocked_and_nothing_is_dialled(
    start: Start, connect: Connect, dialled: list[socket.socket], host: str, answers: list[Address]
) -> None:
    canary = await start(says(OK), host="::1" if host == "[::1]" else "127.0.0.1")
    lane = connect(canary.port, host=host, names=Names(answers), exempt=False)
    assert code(await lane.post()) == "blocked_address"
    assert canary.connections == 0
    assert dialled == []


async def test_the_address_that_was_checked_is_dialled_and_the_name_is_looked_up_once(
    start: Start, connect: Connect
) -> None:
    receiver = await start(says(OK))
    canary = await start(says(OK), host="::1", port=receiver.port)
    names = Names([V4], [V6])
    assert isinstance(await connect(receiver.port, host="a.test", names=names).post(), Reply)
    assert (receiver.connections, canary.connections, names.lookups) == (1, 0, 1)
    assert f"Host: a.test:{receiver.port}".encode() in receiver.requests[0]


async def test_a_name_that_turns_bad_between_two_attempts_is_blocked_in_spite_of_an_open_connection(
    start: Start, tls: ssl.SSLContext
) -> None:
    receiver = await start(says(OK))
    url = url_of(receiver.port, host="a.test")
    bad = CallbackUrl(url.url, url.receiver, url.scheme, url.host, url.port, exempt=False)
    client = ReceiverClient(url.receiver, CallbackGuard(Names([V4])), tls)
    assert isinstance(await client.post(url, HEADERS, BODY, deadline_s=5), Reply)
    assert code(await client.post(bad, HEADERS, BODY, deadline_s=5)) == "blocked_address"
    assert len(receiver.requests) == 1
    await client.aclose()


class GoneAtOnce(socket.socket):
    """A socket that nobody is at the other end of any more when it is asked."""

    def getpeername(self) -> Any:
        raise OSError(errno.ENOTCONN, "not connected")


async def test_a_connection_that_is_gone_at_once_is_a_reset_and_not_a_forbidden_address(
    start: Start, tls: ssl.SSLContext
) -> None:
    receiver = await start(says(OK))
    url = url_of(receiver.port)
    guard = CallbackGuard(Names([V4]))
    client = ReceiverClient(url.receiver, guard, tls, lambda info: GoneAtOnce(*info[:3]))
    assert code(await client.post(url, HEADERS, BODY, deadline_s=5)) == "connection_reset"
    await client.aclose()
    assert receiver.requests == []


class Approves(CallbackGuard):
    """A guard that approves other addresses than those the URL leads to."""

    def __init__(self, *approved: Address) -> None:
        super().__init__(Names([]))
        self._approved = approved

    async def check(self, _url: object) -> tuple[Address, ...]:
        return self._approved


async def test_an_address_in_the_url_is_not_dialled_past_the_guard(
    start: Start, tls: ssl.SSLContext, dialled: list[socket.socket]
) -> None:
    canary = await start(says(OK))  # aiohttp asks no resolver for it
    url = url_of(canary.port)
    client = ReceiverClient(url.receiver, Approves(V6), tls)
    assert code(await client.post(url, HEADERS, BODY, deadline_s=5)) == "blocked_address"
    await client.aclose()
    assert canary.connections == 0
    assert dialled == []


class LeadsElsewhere(socket.socket):
    """A socket that connects to 127.0.0.1, whatever it is told."""

    def connect(self, address: Any) -> None:
        super().connect((str(V4), address[1]))


async def test_a_connection_that_leads_elsewhere_gets_no_byte(start: Start, tls: ssl.SSLContext) -> None:
    canary = await start(says(OK))
    url = url_of(canary.port, host="a.test")
    approved = Approves(ipaddress.ip_address("127.0.0.2"))
    client = ReceiverClient(url.receiver, approved, tls, lambda info: LeadsElsewhere(*info[:3]))
    assert code(await client.post(url, HEADERS, BODY, deadline_s=5)) == "blocked_address"
    await canary.dropped()
    await client.aclose()
    assert canary.requests == []


async def test_the_transport_takes_no_request_without_its_checked_url(start: Start, tls: ssl.SSLContext) -> None:
    canary = await start(says(OK))
    url = url_of(canary.port)
    guard = CallbackGuard(Names([V4]))
    async with httpx.AsyncClient(transport=GuardedTransport(url.receiver, guard, tls), trust_env=False) as client:
        with pytest.raises(Blocked):
            await client.post(url.url)
        with pytest.raises(Blocked):
            await client.post(f"http://localhost:{canary.port}/hook", extensions={"callback_url": url})
        with pytest.raises(Blocked):
            await client.post(url.url + "/other", extensions={"callback_url": url})
        with pytest.raises(Blocked):
            await client.post("http://127.0.0.1:1/", extensions={"callback_url": url_of(1, path="/")})
    assert canary.connections == 0


async def test_an_httpx_client_on_the_transport_is_guarded_as_well(start: Start, tls: ssl.SSLContext) -> None:
    canary = await start(says(OK))
    packed = gzip.compress(b"\0" * 100_000)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    moved = f"HTTP/1.1 307 X\r\nLocation: http://127.0.0.1:{canary.port}/\r\nContent-Length: 0\r\n\r\n".encode()
    receiver = await start(says(head + packed, moved))
    url = url_of(receiver.port)
    transport = GuardedTransport(url.receiver, CallbackGuard(Names([V4])), tls)
    async with httpx.AsyncClient(transport=transport, follow_redirects=True) as client:
        answer = await client.post(url.url, content=BODY, extensions={"callback_url": url})
        assert answer.content == packed
        with pytest.raises(Blocked):
            await client.post(url.url, content=BODY, extensions={"callback_url": url})
    assert canary.connections == 0
    assert b"accept-encoding: identity" in receiver.requests[0].lower()


async def test_the_second_address_of_a_name_is_tried_when_the_first_does_not_listen(
    start: Start, connect: Connect
) -> None:
    receiver = await start(says(OK))
    assert isinstance(await connect(receiver.port, host="a.test", names=Names([V6, V4])).post(), Reply)


async def test_localhost_can_be_called_when_its_origin_is_allowed(start: Start, tls: ssl.SSLContext) -> None:
    receiver = await start(says(OK))
    resolver = ThreadResolver()
    url = url_of(receiver.port, host="localhost")
    client = ReceiverClient(url.receiver, CallbackGuard(resolver), tls)
    assert isinstance(await client.post(url, HEADERS, BODY, deadline_s=5), Reply)
    await client.aclose()
    resolver.close()


# Kept connections.


async def test_a_lane_keeps_its_connection(start: Start, connect: Connect) -> None:
    receiver = await start(says(OK))
    lane = connect(receiver.port)
    for _ in range(5):
        assert isinstance(await lane.post(), Reply)
    assert (receiver.connections, len(receiver.requests)) == (1, 5)


async def test_a_kept_connection_is_used_only_while_its_peer_is_approved(start: Start, connect: Connect) -> None:
    old = await start(says(OK))
    new = await start(says(OK), host="::1", port=old.port)
    lane = connect(old.port, host="a.test", names=Names([V4], [V4, V6], [V6]))
    for _ in range(4):
        assert isinstance(await lane.post(), Reply)
    assert (len(old.requests), len(new.requests)) == (2, 2)
    assert (old.connections, new.connections) == (1, 1)
    await old.dropped()


async def test_an_idle_connection_is_not_used_after_fifteen_seconds(start: Start, connect: Connect) -> None:
    receiver = await start(in_turn(says(OK), then_closes(b"")))
    lane = connect(receiver.port)
    await lane.post()
    session = lane.client._transport._session
    assert session is not None
    assert session.connector is not None
    connections = session.connector._conns
    ((key, [(wire, since)]),) = connections.items()
    connections[key][0] = (wire, since - KEEPALIVE_IDLE_S - 1)
    assert code(await lane.post()) == "connection_reset"  # on a new one: so it is not sent again
    assert (receiver.connections, len(receiver.requests)) == (2, 2)
    assert KEEPALIVE_IDLE_S == 15


@pytest.mark.parametrize("reset", [False, True])
async def test_a_receiver_that_closes_an_idle_connection_costs_no_attempt(
    start: Start, connect: Connect, reset: bool
) -> None:
    receiver = await start(in_turn(says(OK), then_closes(b"", reset=reset), says(OK)))
    lane = connect(receiver.port)
    assert isinstance(await lane.post(), Reply)
    assert await lane.post() == Reply(200, None, b"ok")  # the connection breaks as the request is sent
    assert (receiver.connections, len(receiver.requests)) == (2, 3)


async def test_a_receiver_that_closes_after_each_answer_is_called_anew(start: Start, connect: Connect) -> None:
    receiver = await start(then_closes(OK))
    lane = connect(receiver.port)
    for _ in range(3):
        assert isinstance(await lane.post(), Reply)
    assert len(receiver.requests) == receiver.connections == 3


async def test_a_request_is_sent_at_most_once_more(start: Start, connect: Connect) -> None:
    receiver = await start(in_turn(says(OK), then_closes(b"")))
    lane = connect(receiver.port)
    assert isinstance(await lane.post(), Reply)
    assert code(await lane.post()) == "connection_reset"
    assert len(receiver.requests) == 3


async def test_nothing_is_sent_again_once_the_answer_has_begun(start: Start, connect: Connect) -> None:
    receiver = await start(in_turn(says(OK), then_closes(b"HTTP/1.1 2")))
    lane = connect(receiver.port)
    assert isinstance(await lane.post(), Reply)
    assert code(await lane.post()) == "bad_http"
    assert len(receiver.requests) == 2


async def test_nothing_is_sent_again_when_the_deadline_has_passed(start: Start, connect: Connect) -> None:
    receiver = await start(in_turn(says(OK), hangs))
    lane = connect(receiver.port)
    assert isinstance(await lane.post(), Reply)
    assert code(await lane.post(deadline_s=SHORT_S)) == "timeout"
    assert len(receiver.requests) == 2


@pytest.mark.parametrize("extra", [b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 O", b"\r\n", b"x"])
async def test_bytes_after_an_answer_are_never_taken_for_the_next_one(
    start: Start, connect: Connect, extra: bytes
) -> None:
    receiver = await start(in_turn(says(OK + extra), says(OK)))
    lane = connect(receiver.port)
    assert await lane.post() == Reply(200, None, b"ok")
    assert await lane.post() == Reply(200, None, b"ok")


async def test_a_second_answer_that_comes_with_the_body_is_not_the_next_one(start: Start, connect: Connect) -> None:
    async def answers_twice(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"Content-Length: 2\r\n\r\n")
        await writer.drain()
        for _ in range(50):  # turns of the loop, in which the client reads the head
            await asyncio.sleep(0)
        writer.write(b"okHTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n")

    receiver = await start(in_turn(answers_twice, says(OK)))
    lane = connect(receiver.port)
    assert await lane.post() == Reply(200, None, b"ok")
    assert await lane.post() == Reply(200, None, b"ok")
    assert receiver.connections == 2


@pytest.mark.parametrize("extra", [b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 2", b"\r\n"])
async def test_bytes_that_come_while_idle_end_the_connection(start: Start, connect: Connect, extra: bytes) -> None:
    sent = asyncio.Event()

    async def answers_twice(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await writer.drain()
        await sent.wait()
        writer.write(extra)
        await writer.drain()
        sent.clear()

    receiver = await start(in_turn(answers_twice, says(OK)))
    lane = connect(receiver.port)
    assert isinstance(await lane.post(), Reply)
    sent.set()
    wire = lane.client._transport._pin.wire
    assert wire is not None
    while not wire.received:  # noqa: ASYNC110  nothing announces it
        await asyncio.sleep(0)
    assert await lane.post() == Reply(200, None, b"ok")
    assert receiver.connections == 2


async def test_closing_a_client_drops_its_connection_and_it_can_be_used_again(start: Start, connect: Connect) -> None:
    receiver = await start(says(OK))
    lane = connect(receiver.port)
    await lane.client.aclose()
    assert isinstance(await lane.post(), Reply)
    await lane.client.aclose()
    await receiver.dropped()
    assert isinstance(await lane.post(), Reply)
    assert receiver.connections == 2


async def test_a_lane_never_holds_two_connections(start: Start, connect: Connect) -> None:
    receiver = await start(in_turn(says(OK), hangs, then_closes(b"x"), repeats(HEAD + b"\r\n", b"x", 0.02), says(OK)))
    lane = connect(receiver.port)
    for _ in range(6):
        await lane.post(deadline_s=SHORT_S)
        await receiver.until(lambda: receiver.open <= 1)


# Loops and clients.


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_lanes_work_on_the_loop_of_a_worker_thread_and_leave_nothing_behind(run: Callable[..., object]) -> None:
    outcomes: list[Reply | Failure] = []

    async def lanes() -> None:
        good = RawReceiver(says(OK))
        bad = RawReceiver(in_turn(hangs, then_closes(b"", reset=True), repeats(HEAD + b"\r\n", b"x" * 65536), says(OK)))
        resolver = ThreadResolver()
        guard, context = CallbackGuard(resolver), tls_context()
        clients = []
        for receiver, host in ((good, "127.0.0.1"), (good, "localhost"), (bad, "127.0.0.1")):
            if not hasattr(receiver, "port"):
                await receiver.start("127.0.0.1", 0, None)
            url = url_of(receiver.port, host=host)
            clients.append(Lane(ReceiverClient(url.receiver, guard, context), url))
        for _ in range(5):
            outcomes.extend(await asyncio.gather(*(lane.post(deadline_s=SHORT_S) for lane in clients)))
        for lane in clients:
            await lane.client.aclose()
        await good.stop()
        await bad.stop()
        resolver.close()

    worker = threading.Thread(target=lambda: run(lanes()))
    worker.start()
    worker.join()
    gc.collect()
    assert sum(isinstance(outcome, Reply) for outcome in outcomes) == 13
    assert [code(outcome) for outcome in outcomes if isinstance(outcome, Failure)] == ["timeout", "connection_reset"]


@pytest.fixture
def sockets_of_this_process() -> Callable[[], int]:
    process = psutil.Process()
    return lambda: len(process.net_connections(kind="tcp"))


async def test_thousands_of_idle_lanes_hold_no_socket(
    tls: ssl.SSLContext, sockets_of_this_process: Callable[[], int]
) -> None:
    before = sockets_of_this_process()
    guard = CallbackGuard(Names([V4]))
    clients = [ReceiverClient(f"http://h{number}.test:80", guard, tls) for number in range(5000)]
    for client in clients:
        client._transport._open()
    assert sockets_of_this_process() == before
    for client in clients:
        await client.aclose()
