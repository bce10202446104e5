"""What another website makes a browser send changes nothing, whatever it names and whichever operation it is for."""

import re
from typing import Any
from uuid import uuid4

import pytest

from tests.support.receivers import Receiver
from tests.support.service import Service

REBOUND = {"Host": "evil.example:8000", "Origin": "http://evil.example:8000", "Sec-Fetch-Site": "same-origin"}
FORGED = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
WITHOUT_ORIGIN = {"Sec-Fetch-Site": "cross-site"}


async def state(service: Service) -> dict[str, Any]:
    """What somebody could want to change or read."""
    paths = ("/api/requests", "/api/callbacks/history", "/api/callbacks/simulate-failures", "/api/benchmark/runs")
    return {path: (await service.client.get(path)).json() for path in paths}


@pytest.mark.parametrize("headers", [REBOUND, FORGED, WITHOUT_ORIGIN], ids=["rebound", "forged", "without origin"])
async def test_no_operation_changes_anything_for_another_website(
    service: Service, receiver: Receiver, headers: dict[str, str]
) -> None:
    request_id = (await service.submit(receiver.url, num_transactions=1))["request_id"]
    await service.callback_ended(request_id)
    before = await state(service)
    values = {"request_id": request_id, "run_id": str(uuid4()), "origin": receiver.origin.replace("/", "%2F")}
    report = {"num_transactions": 1}
    asked = 0
    for path, methods in service.app.openapi()["paths"].items():
        url = re.sub(r"{(\w+)}", lambda name: values.get(name[1], "x"), path)
        for method in {"post", "put", "patch", "delete"} & set(methods):
            body = {"payload": report, "callback_url": receiver.url} if path == "/api/async" else report
            answer = await service.client.request(method, url, headers=headers, json=body, params={"enabled": "true"})
            assert answer.status_code in {403, 421}, (method, path)
            asked += 1

    assert asked > 12
    assert await state(service) == before
    assert len(receiver.callbacks) == 1


@pytest.mark.parametrize("path", ["/api/callbacks/signing-secret", "/api/requests", "/api/settings", "/openapi.json"])
async def test_a_website_whose_name_leads_here_reads_nothing(service: Service, path: str) -> None:
    answer = await service.client.get(path, headers=REBOUND)

    assert answer.status_code == 421
    assert set(answer.json()) == {"type", "title", "status", "detail", "instance"}


async def test_no_operation_that_reads_changes_anything(service: Service, receiver: Receiver) -> None:
    """Browsers send a GET for any website, so a GET must not be worth sending."""
    request_id = (await service.submit(receiver.url, num_transactions=1))["request_id"]
    await service.callback_ended(request_id)
    before = await state(service)
    values = {"request_id": request_id, "run_id": str(uuid4()), "file": f"{request_id}.csv"}
    read = [path for path, methods in service.app.openapi()["paths"].items() if "get" in methods]
    for path in read:
        url = re.sub(r"{(\w+)}", lambda name: values.get(name[1], "x"), path)
        if path.endswith("/events"):
            continue  # has no end
        answer = await service.client.get(url, headers=FORGED)
        assert answer.status_code < 500, path
        assert answer.headers["cross-origin-resource-policy"] == "same-origin", path
        assert "access-control-allow-origin" not in answer.headers, path

    assert len(read) > 12
    assert await state(service) == before
    assert len(receiver.callbacks) == 1
