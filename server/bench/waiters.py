"""Calls that wait for reports with `Prefer: wait=N`: how soon each is answered, and what it costs in memory.

The time runs from `completed_at`, which is taken before the COMMIT, to the first byte of the answer at the client on
the same machine: the COMMIT, the reading of the row, the answer and the client's own reading are all in it.
"""

import http.client
import json
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from bench.figures import Row, at_most, percentile
from bench.harness import Bench, say
from bench.programs import WebProgram, service

WAITERS = 1_000
WAITERS_OF_ONE_ADDRESS = 50
#: Simulated work of a row, and of the report that all others wait behind while the calls are made.
ROW_MS = 5
FIRST_ROWS = 4_000
#: Memory is read when all calls have been taken in.
SETTLES_S = 2.0
ENDS_WITHIN_S = 60.0


Then = Callable[[], object]


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Waited:
    """What one round saw: how late each answer came, ms; and the memory of a waiting call, KB."""

    late_ms: Sequence[float]
    kb_each: float
    kb_with_connection: float


def measure(bench: Bench) -> Sequence[Row]:
    """Let each of 1,000 calls wait for a report of its own, then all for one."""
    own = [_round(bench, f"own-{number}", WAITERS) for number in range(bench.sizes.rounds)]
    same = [_round(bench, f"same-{number}", 1) for number in range(bench.sizes.rounds)]
    return [
        Row(
            measure=f"p99 from the end of a report to the answer, {WAITERS:,} calls wait, each for its own",
            unit="ms",
            ours=[percentile(waited.late_ms, 99) for waited in own],
            goal=at_most(20, "value", "ms"),
            we=f"GET /api/requests/{{id}} with Prefer: wait=50, from {WAITERS // WAITERS_OF_ONE_ADDRESS} addresses",
            same_work="there is no baseline",
            details={"p50_ms": [percentile(waited.late_ms, 50) for waited in own]},
        ),
        Row(
            measure=f"p99 from the end of a report to the answer, {WAITERS:,} calls wait for the same",
            unit="ms",
            ours=[percentile(waited.late_ms, 99) for waited in same],
            goal=at_most(20, "value", "ms"),
            we="the same, all answers at once",
            same_work="there is no baseline",
            details={"p50_ms": [percentile(waited.late_ms, 50) for waited in same]},
        ),
        Row(
            measure="memory (PSS) of a waiting call, beside its connection",
            unit="KB",
            ours=[waited.kb_each for waited in own],
            goal=at_most(5, "value", "KB"),
            we=f"the server's memory with {WAITERS:,} waiting calls less that with as many idle connections, each",
            same_work="there is no baseline",
            details={"with_connection_kb": [waited.kb_with_connection for waited in own]},
        ),
    ]


def _round(bench: Bench, name: str, requests: int) -> Waited:
    settings = {
        "DATABASE_URL": bench.database(),
        "SIMULATED_MS_PER_TRANSACTION": str(ROW_MS),
        "SIMULATED_MAX_SECONDS": "60",
        "PREFER_WAIT_MAX_SECONDS": "50",
    }
    with service(bench.folder / f"waiters-{name}", **settings) as server, ExitStack() as stack:
        _submit(server, FIRST_ROWS)
        ids = [_submit(server, 1) for _ in range(requests)]
        alone_kb = server.pss_mb() * 1024
        clients = [stack.enter_context(_connected(server, number)) for number in range(WAITERS)]
        _ask(clients, ["/api/health/live"] * WAITERS)
        idle_kb = server.pss_mb() * 1024
        paths = [f"/api/requests/{ids[number % requests]}" for number in range(WAITERS)]
        waiting_kb: list[float] = []
        measure_memory = lambda: waiting_kb.append(server.pss_mb() * 1024)  # noqa: E731
        answers = _ask(clients, paths, "Prefer: wait=50\r\n", SETTLES_S, measure_memory)
    late_ms = [
        (at_s - datetime.fromisoformat(json.loads(body)["completed_at"]).timestamp()) * 1e3 for at_s, body in answers
    ]
    waited = Waited(late_ms, (waiting_kb[0] - idle_kb) / WAITERS, (waiting_kb[0] - alone_kb) / WAITERS)
    say(
        f"{requests} requests: p50 {percentile(late_ms, 50):.1f} ms, p99 {percentile(late_ms, 99):.1f} ms,"
        f" largest {max(late_ms):.1f} ms;"
        f" {waited.kb_each:.1f} KB each, {waited.kb_with_connection:.1f} KB with its connection"
    )
    return waited


def _submit(server: WebProgram, rows: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=ENDS_WITHIN_S)
    body = json.dumps({"payload": {"num_transactions": rows}})
    connection.request("POST", "/api/async", body, {"Content-Type": "application/json"})
    accepted = json.loads(connection.getresponse().read())
    connection.close()
    return str(accepted["request_id"])


def _connected(server: WebProgram, number: int) -> socket.socket:
    address = f"127.0.1.{1 + number // WAITERS_OF_ONE_ADDRESS}"
    return socket.create_connection(("127.0.0.1", server.port), ENDS_WITHIN_S, (address, 0))


def _ask(
    clients: Sequence[socket.socket], paths: Sequence[str], header: str = "", after_s: float = 0, then: Then = _nothing
) -> list[tuple[float, bytes]]:
    """Send a call on each connection, and read all answers.

    Args:
        clients: the connections.
        paths: what each asks for.
        header: a line to send.
        after_s: when all calls were sent, so long until `then` is called.
        then: what to do meanwhile.

    Returns:
        When the first byte of each answer came, seconds since 1970, and its body.
    """
    for client, path in zip(clients, paths, strict=True):
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{header}\r\n".encode())
    time.sleep(after_s)
    then()
    came_s: dict[socket.socket, float] = {}
    received = dict.fromkeys(clients, b"")
    deadline_s = time.monotonic() + ENDS_WITHIN_S
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client, selectors.EVENT_READ)
        while selector.get_map():
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"{len(selector.get_map())} calls were not answered")
            for key, _ in selector.select(1):
                ready = cast("socket.socket", key.fileobj)
                received[ready] += ready.recv(1 << 16)
                came_s.setdefault(ready, time.time())
                if _body(received[ready]) is not None:
                    selector.unregister(ready)
    return [(came_s[client], _body(received[client]) or b"") for client in clients]


def _body(received: bytes) -> bytes | None:
    """Return the body of an answer once it is whole."""
    head, _, body = received.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 ") and head:
        raise RuntimeError(f"A call was refused: {received.decode()}")
    length = next((line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), None)
    return body if length is not None and len(body) == int(length) else None
