"""What a real server writes while it is treated badly: one line each, and nothing that is somebody's secret."""

import json
import re
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from tests.support.processes import ServerProcess
from tests.support.receivers import Receiver
from tests.support.service import Service
from tests.support.waiting import eventually

#: Stands in every place where a caller may put something that is nobody else's business.
SECRET = "s3cr3t"
SIGNING_SECRET = "whsec_c2lnbmluZy1zZWNyZXQtb2YtdGhpcy10ZXN0LTAx"
FORGED = "\nCRITICAL src: forged\x1b[2J"
PLAIN_LINE = re.compile(r"(DEBUG|INFO|WARNING|ERROR) [a-z_.]+( \[[A-Za-z0-9._-]{1,64}\])?: .+|  \| .+|Ready on .+")

HOSTILE_PATHS = [
    "/api/requests/%0ACRITICAL%20src:%20forged%1b[2J",
    f"/api/requests?q={SECRET}&cursor={SECRET}",
    f"/api/reports/..%2f..%2fetc%2fpasswd?{SECRET}",
    f"/%00{'x' * 5_000}?token={SECRET}",
]


async def provoke(server: ServerProcess, receiver: Receiver) -> None:
    """Send what is hostile, and what is secret, to everything that reads it."""
    receiver.answer = lambda number, _: [500, 404, 200][number % 3]
    secret = {"X-Idempotency-Key": f"key-{SECRET}", "X-Benchmark-Token": SECRET}
    refused = {**secret, "Authorization": f"Bearer {SECRET}"}
    named = {"payload": {"report_name": SECRET, "num_transactions": 1}}
    async with httpx.AsyncClient(base_url=server.base_url, headers={"X-Request-ID": "call-of-a-test"}) as client:
        for path in HOSTILE_PATHS:
            await client.get(path, headers=secret)
            await client.get(path, headers=refused)
        await client.post("/api/sync", json=named["payload"], headers=refused)
        forged = {"report_name": f"{SECRET}{FORGED}", "num_transactions": SECRET, FORGED: SECRET}
        await client.post("/api/sync", json=forged, headers=secret)
        await client.post("/api/sync", content=f'{{"{SECRET}'.encode(), headers={"content-type": "application/json"})
        for url in (
            f"http://127.0.0.1:1/{FORGED}",
            f"http://127.0.0.1:1/?token={SECRET}",
            f"{receiver.url}?token={SECRET}",
        ):
            await client.post("/api/async", json={**named, "callback_url": url}, headers=secret)
        await client.post("/api/async", json={**named, "callback_url": f"{receiver.url}?token={SECRET}"})
        await client.post("/api/sync", json={"report_name": SECRET, "num_transactions": 1}, headers=secret)
        await client.post(f"/api/receivers/unknown/resume?token={SECRET}", headers=secret)
        await receiver.got(3)
        await eventually(lambda: _all_ended(client))
    with pytest.raises(InvalidStatus):
        async with connect(
            f"ws://127.0.0.1:{server.port}/api/ws?token={SECRET}", origin=Origin("https://evil.example")
        ):
            pass
    async with connect(f"ws://127.0.0.1:{server.port}/api/ws?token={SECRET}") as socket:
        await socket.recv()


async def _all_ended(client: httpx.AsyncClient) -> bool:
    listed = (await client.get("/api/requests")).json()["requests"]
    return all(one["callback_status"] != "PENDING" for one in listed)


@pytest.mark.parametrize("settings", [{"DEBUG": "true"}, {"LOG_FORMAT": "json"}], ids=str)
async def test_no_line_is_forged_and_no_secret_is_told(
    database_url: str, tmp_path: Path, receiver: Receiver, settings: dict[str, str]
) -> None:
    quick = {
        "SIMULATED_MS_PER_TRANSACTION": "0",
        "CALLBACK_RETRY_DELAYS": "0.05",
        "CALLBACK_ALLOWED_ORIGINS": receiver.origin,
    }
    secret = {"WEBHOOK_SIGNING_SECRETS": SIGNING_SECRET, "DATABASE_URL": database_url}
    server = ServerProcess(tmp_path / "data", **quick, **secret, **settings)
    server.said = tmp_path / "said"
    try:
        server.start()
        await provoke(server, receiver)
    finally:
        server.end_if_running()
    text = server.said.read_bytes().decode("utf-8")
    lines = text.splitlines()

    assert SECRET not in text
    assert SIGNING_SECRET not in text
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
    assert any("callback attempt" in line for line in lines)
    assert any("call-of-a-test" in line for line in lines)
    if "LOG_FORMAT" in settings:
        assert {json.loads(line)["level"] for line in lines if not line.startswith("Ready on")} <= {
            "DEBUG",
            "INFO",
            "WARNING",
        }
    else:
        assert [line for line in lines if not PLAIN_LINE.fullmatch(line)] == []


async def test_no_error_shows_where_it_happened_or_repeats_what_was_sent(service: Service) -> None:
    hostile = f"<script>{SECRET}</script>"
    answers = [
        await service.client.post("/api/sync", json={"report_name": hostile + "\x00"}),
        await service.client.post("/api/sync", json={"num_transactions": hostile}),
        await service.client.post("/api/sync", json={hostile: 1}),
        await service.client.post("/api/sync", content=hostile, headers={"content-type": "application/json"}),
        await service.client.post("/api/sync", content=b"{}", headers={"content-type": hostile}),
        await service.client.post("/api/sync", json={}, headers={"X-Idempotency-Key": hostile + " x"}),
        await service.client.post("/api/async", json={"payload": {}, "callback_url": f"http://127.0.0.1/{hostile}"}),
        await service.client.post("/api/async", json={"payload": {"currency": hostile}, "callback_url": hostile}),
        await service.client.get("/api/requests", params={"mode": hostile, "limit": hostile, "cursor": hostile}),
        await service.client.post("/api/callbacks/receive", content=hostile, headers={"webhook-id": hostile}),
        await service.client.get("/api/queue/fifo-proof", params={"limit": hostile}),
    ]

    for answer in answers:
        assert answer.headers["content-type"] == "application/problem+json"
        assert SECRET not in answer.text
        assert not re.search(r"Traceback|\.py|SELECT|INSERT|asyncpg|pydantic|/src/", answer.text)
