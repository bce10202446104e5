"""`GET /api/health/last-hour`: what the page charts is what happened, and what `/metrics` says."""

import asyncio
from dataclasses import replace

import pytest

from src.controllers.metrics_controller import take_snapshot
from src.routes.health import Series, get_last_hour
from src.services.identity.caller import EVERYTHING, View
from src.services.metrics.last_hour import SERIES, STEP_S, LastHour
from src.services.parts import Parts
from tests.support.receivers import Receiver
from tests.support.service import Service
from tests.support.waiting import eventually


async def test_each_step_holds_what_happened_in_it_and_the_operation_tells_it(
    service: Service, receiver: Receiver
) -> None:
    receiver.answer = lambda number, _: [500, 200][min(number, 1)]
    await eventually(lambda: service.parts.engine.state().leading)
    passed = 0

    async def step(seconds: float) -> None:
        nonlocal passed
        assert seconds == STEP_S
        if passed == 2:
            raise asyncio.CancelledError
        if passed == 1:
            accepted = await service.submit(receiver.url, num_transactions=1)
            await service.callback_ended(accepted["request_id"])
            await service.client.post("/api/async", json={"callback_url": "x"})
        passed += 1

    hour = LastHour(service.parts.last_hour._metrics, service.parts.now, step)
    with pytest.raises(asyncio.CancelledError):
        await hour.run(lambda: take_snapshot(service.parts, whoever_leads=True))
    before = (await service.client.get("/api/health/last-hour")).json()
    service.app.state.parts = replace(service.parts, last_hour=hour)
    told = (await service.client.get("/api/health/last-hour")).json()
    series = told["series"]

    assert before["times"] == before["series"]["accepted"] == []  # the first step ends 15 s after the start
    assert (told["step_s"], len(told["times"])) == (15, 2)
    assert {len(values) for values in series.values()} == {2}
    assert [series[name] for name in ("accepted", "completed", "refused")] == [[0, 1], [0, 1], [0, 1]]
    assert [series[name] for name in ("attempts", "attempts_succeeded")] == [[0, 2], [0, 1]]
    assert [series[name][1] for name in ("leading", "database_up", "storage_up", "waiting")] == [1, 1, 1, 0]
    assert series["generation_p95_s"][0] is None
    assert 0 < series["generation_p95_s"][1] < 1
    assert series["http_calls"][1] > 2


async def test_an_account_that_shares_the_service_learns_nothing_of_it(service: Service) -> None:
    parts: Parts = service.parts
    hour = LastHour(parts.last_hour._metrics, parts.now, lambda _: asyncio.sleep(0))
    filling = asyncio.create_task(hour.run(lambda: take_snapshot(parts)))
    await eventually(lambda: len(hour.steps) > 0)
    filling.cancel()
    await asyncio.wait([filling])
    parts = replace(parts, last_hour=hour)

    assert (await get_last_hour(parts, View("acme"))).times == []
    assert (await get_last_hour(parts, EVERYTHING)).times != []
    assert set(Series.model_fields) == set(SERIES)
