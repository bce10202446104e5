"""Looking at requests, page by page, and deleting them."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from tests.support.database_state import is_generating
from tests.support.receivers import Receiver
from tests.support.service import Service
from tests.support.waiting import eventually

RunService = Callable[..., AbstractAsyncContextManager[Service]]


async def test_pages_go_through_everything_once_newest_first(service: Service) -> None:
    made = [(await service.client.post("/api/sync", json={"num_transactions": 1})).json() for _ in range(7)]
    seen: list[str] = []
    url = "/api/requests?limit=3"
    pages = 0
    while url:
        answer = await service.client.get(url)
        seen += [request["id"] for request in answer.json()["requests"]]
        pages += 1
        assert (answer.json()["next_cursor"] is None) == ("link" not in answer.headers)
        url = answer.links["next"]["url"] if "next" in answer.links else ""

    assert seen == [result["request_id"] for result in reversed(made)]
    assert pages == 3


async def test_filters_narrow_the_list_and_keep_the_order(service: Service, receiver: Receiver) -> None:
    receiver.answer = lambda number, _: 200 if number % 2 else 400
    for _ in range(4):
        await service.client.post("/api/sync", json={"num_transactions": 1})
        accepted = await service.submit(receiver.url, num_transactions=1)
        await service.callback_ended(accepted["request_id"])

    async def listed(**filters: str) -> list[dict[str, str]]:
        requests: list[dict[str, str]] = (await service.client.get("/api/requests", params=filters)).json()["requests"]
        assert requests == sorted(requests, key=lambda request: request["created_at"], reverse=True)
        return requests

    assert len(await listed()) == 8
    assert {request["mode"] for request in await listed(mode="sync")} == {"sync"}
    assert len(await listed(mode="async")) == 4
    assert len(await listed(callback_status="SUCCESS")) == 2
    assert len(await listed(mode="async", status="COMPLETED", callback_status="FAILED")) == 2
    assert await listed(mode="sync", callback_status="FAILED") == []
    assert await listed(status="FAILED") == []


async def test_a_page_of_a_filtered_list_continues_where_it_stopped(service: Service) -> None:
    made = [(await service.client.post("/api/sync", json={"num_transactions": 1})).json() for _ in range(5)]
    first = (await service.client.get("/api/requests?mode=sync&limit=2")).json()
    second = (await service.client.get(f"/api/requests?mode=sync&limit=3&cursor={first['next_cursor']}")).json()

    assert [request["id"] for request in first["requests"] + second["requests"]] == [
        result["request_id"] for result in reversed(made)
    ]
    assert second["next_cursor"] is None


async def test_deleting_all_leaves_nothing_but_what_is_being_processed(service: Service) -> None:
    for _ in range(3):
        await service.client.post("/api/sync", json={"num_transactions": 1})
    answer = await service.client.delete("/api/requests")

    assert answer.json() == {"deleted": True, "count": 3}
    assert await service.count() == 0
    assert list(service.settings.reports_folder.iterdir()) == []


async def test_deleting_what_matches_leaves_the_rest(service: Service) -> None:
    for n in range(7):
        name = f"{'old' if n % 2 else 'new'} {n}"
        await service.client.post("/api/sync", json={"num_transactions": 1, "report_name": name})
    kept = await service.client.delete("/api/requests?q=nothing")
    deleted = await service.client.delete("/api/requests?q=old&mode=sync")
    refused = [await service.client.delete(f"/api/requests?{query}") for query in ("status=DONE", "q=", "other=1")]
    left = (await service.client.get("/api/requests")).json()["requests"]

    assert (kept.json()["count"], deleted.json()["count"]) == (0, 3)
    assert [answer.status_code for answer in refused] == [422] * 3
    assert sorted(one["report_name"] for one in left) == ["new 0", "new 2", "new 4", "new 6"]
    assert len(list(service.settings.reports_folder.iterdir())) == 4


async def test_more_than_a_page_that_matches_is_deleted_but_for_what_is_being_processed(
    run_service: RunService, database_url: str
) -> None:
    async with run_service(simulated_ms_per_transaction=1_000, simulated_max_seconds=60) as service:
        entries = [{"payload": {"num_transactions": 60, "report_name": "old"}}] * 1_000
        for _ in range(2):
            assert (await service.client.post("/api/batch", json={"requests": entries})).status_code == 202
        await eventually(lambda: is_generating(database_url))
        answer = await service.client.delete("/api/requests?q=old")
        batches = (await service.client.get("/api/batches")).json()["batches"]
        left = await service.count()

    assert (answer.json()["count"], left) == (1_999, 1)
    assert [(one["counts"]["deleted"], one["counts"]["PROCESSING"]) for one in batches] == [(999, 1)]


async def test_a_sync_request_has_no_callback_to_send_again(service: Service) -> None:
    result = (await service.client.post("/api/sync", json={})).json()
    answer = await service.client.post(f"/api/requests/{result['request_id']}/redeliver")

    assert answer.status_code == 409


async def test_health_tells_what_is_so(service: Service, receiver: Receiver) -> None:
    receiver.answer = lambda _number, _callback: None
    await service.submit(receiver.url)
    await receiver.got(1)
    health = (await service.client.get("/api/health")).json()

    assert health["status"] == "healthy"
    assert health["database"]["connected"] is True
    assert health["database"]["round_trip_ms"] > 0
    assert health["worker"]["alive"] is True
    assert health["callbacks"]["in_flight"] == 1
    assert health["storage"]["writable"] is True
    assert (await service.client.get("/api/health/live")).json() == {"status": "alive"}
    assert (await service.client.get("/api/health/ready")).json() == {"status": "ready", "reason": None}


async def test_a_search_finds_parts_of_names_in_any_case_and_takes_them_literally(service: Service) -> None:
    for name in ("Q1_Report", "Q10Report", "100% sure", "Annual"):
        await service.client.post("/api/sync", json={"num_transactions": 1, "report_name": name})

    async def found(q: str, **filters: str) -> list[str]:
        page = (await service.client.get("/api/requests", params={"q": q, **filters})).json()
        return [request["report_name"] for request in page["requests"]]

    assert await found("rEPORT") == ["Q10Report", "Q1_Report"]
    assert await found("q1_") == ["Q1_Report"]
    assert await found("%") == ["100% sure"]
    assert await found("report", mode="sync", status="COMPLETED") == ["Q10Report", "Q1_Report"]
    assert await found("report", mode="async") == []
    assert await found("nothing like it") == []


async def test_a_search_goes_on_page_by_page_where_it_stopped(service: Service) -> None:
    for number in range(6):
        name = f"even {number}" if number % 2 == 0 else "odd"
        await service.client.post("/api/sync", json={"num_transactions": 1, "report_name": name})
    first = (await service.client.get("/api/requests?q=even&limit=2")).json()
    second = (await service.client.get(f"/api/requests?q=even&limit=2&cursor={first['next_cursor']}")).json()

    names = [[request["report_name"] for request in page["requests"]] for page in (first, second)]
    assert names == [["even 4", "even 2"], ["even 0"]]
    assert second["next_cursor"] is None
