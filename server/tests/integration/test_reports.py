"""The report itself: the same from both ways, exact, and always there."""

import csv
import hashlib
import io
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import pytest

from tests.support.receivers import Receiver
from tests.support.service import Service

RunService = Callable[..., AbstractAsyncContextManager[Service]]
PERIOD = {"period_start": "2026-01-01", "period_end": "2026-02-01"}


async def download(service: Service, result: dict[str, Any]) -> bytes:
    answer = await service.client.get(result["download_url"])
    assert answer.status_code == 200
    return answer.content


def sums(report: bytes) -> dict[str, Any]:
    rows = list(csv.DictReader(io.StringIO(report.decode(), newline="")))
    revenue = sum((Decimal(row["Amount"]) for row in rows if row["Type"] == "Revenue"), Decimal(0))
    expenses = sum((Decimal(row["Amount"]) for row in rows if row["Type"] == "Expense"), Decimal(0))
    return {"transactions": len(rows), "revenue": revenue, "expenses": expenses}


@pytest.mark.parametrize("num_transactions", [1, 50, 99_999, pytest.param(1_000_000, marks=pytest.mark.chaos_long)])
async def test_sync_and_async_make_the_same_bytes_and_the_sums_are_exact(
    run_service: RunService, receiver: Receiver, num_transactions: int
) -> None:
    parameters: dict[str, Any] = {"num_transactions": num_transactions, "report_name": "Q1", "seed": 7, **PERIOD}
    async with run_service(sync_max_transactions=1_000_000, callback_allowed_origins=(receiver.origin,)) as service:
        sync_result = (await service.client.post("/api/sync", json=parameters)).json()
        accepted = await service.submit(receiver.url, **parameters)
        async_result = (await service.callback_ended(accepted["request_id"]))["result_payload"]
        report = await download(service, async_result)
    summary = sync_result["summary"]
    recomputed = sums(report)

    assert async_result["sha256"] == sync_result["sha256"] == hashlib.sha256(report).hexdigest()
    assert async_result["file_size_bytes"] == len(report)
    assert recomputed["transactions"] == summary["total_transactions"] == num_transactions
    assert recomputed["revenue"] == Decimal(summary["total_revenue"])
    assert recomputed["expenses"] == Decimal(summary["total_expenses"])
    assert recomputed["revenue"] - recomputed["expenses"] == Decimal(summary["net_income"])


@pytest.mark.parametrize(
    "name",
    [
        "=1+1",
        "=cmd|' /C calc'!A0",
        "@SUM(A1)",
        "-1",
        '";x=y',
        "a,=1",
        "\uff1d1",
        "../../x",
        "\u202e=1",
        "a%0d%0ab",
        "\ufeff=",
    ],
)
async def test_a_name_is_neither_in_the_report_nor_more_than_a_file_name_in_a_header(
    service: Service, name: str
) -> None:
    parameters = {"num_transactions": 5, "seed": 1, **PERIOD}
    plain = (await service.client.post("/api/sync", json={"report_name": "plain", **parameters})).json()
    named = (await service.client.post("/api/sync", json={"report_name": name, **parameters})).json()
    answer = await service.client.get(named["download_url"])
    quoted = answer.headers["content-disposition"].removeprefix(
        f"attachment; filename=\"{named['request_id']}.csv\"; filename*=UTF-8''"
    )

    assert named["sha256"] == plain["sha256"] == hashlib.sha256(answer.content).hexdigest()
    assert re.fullmatch(r"[A-Za-z0-9._~%-]+", quoted)
    assert unquote(quoted) == f"{name}.csv"


async def test_without_a_seed_the_name_decides(service: Service) -> None:
    async def sha256(name: str) -> str:
        answer = await service.client.post("/api/sync", json={"report_name": name, **PERIOD})
        sha: str = answer.json()["sha256"]
        return sha

    assert await sha256("a") == await sha256("a")
    assert await sha256("a") != await sha256("b")


@pytest.mark.parametrize("damage", ["missing", "truncated", "changed"])
async def test_a_lost_or_damaged_file_is_made_again(service: Service, damage: str) -> None:
    result = (await service.client.post("/api/sync", json={"num_transactions": 50})).json()
    path = service.settings.reports_folder / result["file_name"]
    original = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(original[:-1] if damage == "truncated" else original[:-2] + b"!!")

    assert await download(service, result) == original
    assert path.read_bytes() == original


async def test_a_download_has_an_etag_ranges_and_a_harmless_name(service: Service) -> None:
    name = '../../x"; rm -rf.\u00fc'
    result = (await service.client.post("/api/sync", json={"report_name": name})).json()
    whole = await service.client.get(result["download_url"])
    part = await service.client.get(result["download_url"], headers={"range": "bytes=0-13"})
    again = await service.client.get(result["download_url"], headers={"if-none-match": whole.headers["etag"]})

    assert whole.headers["content-type"] == "text/csv; charset=utf-8"
    assert whole.headers["etag"] == f'"{result["sha256"]}"'
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert whole.headers["content-disposition"] == (
        f"attachment; filename=\"{result['file_name']}\"; filename*=UTF-8''..%2F..%2Fx%22%3B%20rm%20-rf.%C3%BC.csv"
    )
    assert (part.status_code, part.content) == (206, b"Transaction ID")
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "..%2f..%2fetc%2fpasswd",
        "..%5c..%5cwindows",
        "%00.csv",
        "%ff.csv",
        "x.csv",
        "x" * 300 + ".csv",
        "4fa35351-327f-44fb-a888-11b69b272e65.csv",
        "4fa35351-327f-44fb-a888-11b69b272e65.txt",
        "4fa35351-327f-44fb-a888-11b69b272e65.csv.part",
        "",
    ],
)
async def test_what_is_not_a_stored_report_is_a_404(service: Service, path: str) -> None:
    answer = await service.client.get(f"/api/reports/{path}")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_deleting_a_request_deletes_its_report(service: Service) -> None:
    result = (await service.client.post("/api/sync", json={})).json()
    await service.client.delete(f"/api/requests/{result['request_id']}")

    assert not (service.settings.reports_folder / result["file_name"]).exists()
    assert (await service.client.get(result["download_url"])).status_code == 404
