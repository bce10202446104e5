"""The history finds what a look at every request would find: pages, cursors and counts, whatever the filters."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from hashlib import md5
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Executable, Row, select

from src.database import open_engine
from src.models import CallbackStatus, Mode, Priority, Status
from src.services.identity.caller import EVERYTHING, View
from src.services.requests.filters import Filters
from src.services.requests.history import LISTED, RECEIVERS_MAX, History
from src.services.requests.read_slots import ReadSlots
from src.services.requests.reader import RequestReader
from tests.support.databases import create_database, run_sql
from tests.support.receivers import Receiver
from tests.support.service import Service

#: Every state, receivers with and without their default ports, keys of several callers; several of each moment.
ROWS = """
INSERT INTO requests (id, mode, status, caller, input_payload, result_payload, failure_reason, idempotency_key,
                      queue_position, callback_url, receiver, callback_status, callback_error_code, created_at,
                      completed_at, priority)
SELECT md5(n::text)::uuid, mode, status, '192.0.2.1', json_build_object('num_transactions', 1, 'report_name', name),
       CASE status WHEN 'COMPLETED' THEN '{}'::json END, CASE status WHEN 'FAILED' THEN 'why' END,
       CASE WHEN n % 4 = 0 THEN 'key-' || n % 20 END,
       CASE mode WHEN 'async' THEN n END,
       CASE mode WHEN 'async' THEN host || CASE WHEN n % 40 < 9 THEN ':8443' ELSE '' END || '/in/' || n % 3 END,
       CASE mode WHEN 'async' THEN host || CASE WHEN n % 40 < 9 THEN ':8443' ELSE ':443' END END,
       CASE mode WHEN 'async' THEN callback END,
       CASE WHEN mode = 'async' AND callback = 'FAILED' THEN (ARRAY['timeout', 'bad_status'])[1 + n % 2] END,
       '2026-01-01T00:00:00Z'::timestamptz + n / 4 * interval '1 minute',
       CASE WHEN status IN ('COMPLETED', 'FAILED') THEN now() END,
       (ARRAY['normal', 'high', 'normal', 'low'])[1 + n % 4]
FROM (
    SELECT n, 'https://hooks-' || n % 40 || '.test' AS host,
           (ARRAY['sync', 'async', 'async'])[1 + n % 3] AS mode, name, status,
           CASE WHEN status IN ('COMPLETED', 'FAILED') THEN (ARRAY['PENDING', 'SUCCESS', 'FAILED'])[1 + n / 7 % 3]
           ELSE 'PENDING' END AS callback
    FROM (SELECT n, (ARRAY['PENDING', 'PROCESSING', 'COMPLETED', 'FAILED'])[1 + n / 5 % 4] AS status,
                 (ARRAY['Annual_Report', '100% sure', 'key-4 is part of it'])[1 + n / 11 % 3] AS name
          FROM generate_series(0, 599) AS n) AS numbered
) AS told
"""
BEGAN = datetime.fromisoformat("2026-01-01T00:00:00Z")
HOURS = st.none() | st.integers(-1, 3).map(lambda hour: BEGAN + timedelta(hours=hour))
TEXTS = ["annual_", "%", "key-4", "key-3", "nothing", str(UUID(int=5)), "http", "HTTPS://", "https://Hooks-1.test/in/1"]
TEXTS += ["https://hooks-", "https://hooks-1", "https://hooks-11.test/", "https://hooks-7.test:8443/in/1", "https://%_"]
#: Those of some moments.
IN_BATCH = """
UPDATE requests SET batch_id = md5('batch')::uuid
WHERE created_at BETWEEN '2026-01-01T00:10:00Z' AND '2026-01-01T00:30:00Z'
"""
BATCH_ID = UUID(md5(b"batch").hexdigest())
#: A quarter of the requests; both accounts have requests in every state.
OF_ACME = "UPDATE requests SET account = 'acme' WHERE id::text < '4'"
FILTERS = st.builds(
    Filters,
    view=st.sampled_from([View(), View("acme"), View("other"), EVERYTHING]),
    mode=st.none() | st.sampled_from(Mode),
    status=st.none() | st.sampled_from(Status),
    callback_status=st.none() | st.sampled_from(CallbackStatus),
    priority=st.none() | st.sampled_from(Priority),
    receiver=st.sampled_from([None, None, "https://hooks-1.test:8443", "https://hooks-11.test:443"]),
    error_code=st.sampled_from([None, None, "timeout", "bad_status"]),
    batch_id=st.sampled_from([None, None, BATCH_ID, UUID(int=1)]),
    since=HOURS,
    until=HOURS,
    text=st.none() | st.sampled_from(TEXTS),
)


class Filled:
    """A table that was filled: the history of it, and all its rows, newest first."""

    def __init__(self, history: History, rows: Sequence[Row[Any]]) -> None:
        self.history = history
        self.rows = sorted(rows, key=lambda row: (row.created_at, row.id.bytes), reverse=True)


@pytest.fixture(scope="module")
async def filled(postgres: str) -> AsyncIterator[Filled]:
    """Fill a table of its own, which nothing changes."""
    url = await create_database(postgres)
    await run_sql(url, ROWS, OF_ACME, IN_BATCH, "ANALYZE requests")
    async with open_engine(url) as engine:
        async with engine.connect() as connection:
            rows = (await connection.execute(select(*LISTED))).all()
        yield Filled(RequestReader(engine, ReadSlots()).history, rows)


def wanted(rows: Sequence[Row[Any]], filters: Filters) -> list[Row[Any]]:
    """Look at every request."""
    found = [
        row
        for row in rows
        if filters.view.shows(row.account)
        and filters.mode in (None, row.mode)
        and filters.status in (None, row.status)
        and filters.callback_status in (None, row.callback_status)
        and filters.priority in (None, row.priority)
        and filters.receiver in (None, row.receiver)
        and filters.error_code in (None, row.callback_error_code)
        and filters.batch_id in (None, row.batch_id)
        and (filters.since is None or row.created_at >= filters.since)
        and (filters.until is None or row.created_at < filters.until)
    ]
    if (sought := filters.text) is None:
        return found
    if any(sought in (str(row.id), row.idempotency_key) for row in rows if filters.view.shows(row.account)):
        return [row for row in found if sought in (str(row.id), row.idempotency_key)]
    lower = sought.lower()  # nothing of the URLs that are stored here is in capitals
    if lower.startswith(("https://", "http://")):
        urls = [(row, f"{row.callback_url}", f"{row.receiver}") for row in found]
        return [row for row, url, receiver in urls if url.startswith(lower) or receiver.startswith(lower)]
    return [row for row in found if lower in row.input_payload["report_name"].lower()]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(filters=FILTERS, limit=st.sampled_from([9, 50, 200]))
async def test_pages_and_counts_are_what_a_look_at_every_request_finds(
    filled: Filled, filters: Filters, limit: int
) -> None:
    expected = wanted(filled.rows, filters)
    found: list[UUID] = []
    cursor = None
    for _ in range(len(expected) // limit + 1):
        page = await filled.history.page(filters, limit, cursor)
        found += [row.id for row in page.requests]
        if (cursor := page.next_cursor) is None:
            break
    counts = await filled.history.counts(filters)

    assert (found, cursor) == ([row.id for row in expected], None)
    assert +Counter(counts.by_status) == Counter(row.status for row in expected)
    assert +Counter(counts.by_callback_status) == Counter(filter(None, (row.callback_status for row in expected)))
    assert (counts.total, counts.exact) == (len(expected), True)


async def test_a_beginning_that_many_receivers_share_is_still_found(filled: Filled) -> None:
    receivers = {row.receiver for row in filled.rows if row.receiver}
    page = await filled.history.page(Filters(view=EVERYTHING, text="https://hooks-"), 200, None)

    assert len(receivers) > RECEIVERS_MAX
    assert [row.id for row in page.requests] == [row.id for row in filled.rows if row.receiver][:200]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("since=yesterday", "since"),
        ("since=2026-01-31", "since"),
        ("since=2026-01-31T09:30:00", "since"),
        ("since=2026-01-31%2009:30:00Z", "since"),
        ("since=2026-01-31T09:30:00+01:00", "since"),  # a plus sign that is not escaped is a blank
        ("since=2026-02-30T09:30:00Z", "since"),
        ("since=2026-01-31T25:30:00Z", "since"),
        ("since=0000-01-01T00:00:00Z", "since"),
        ("since=0001-01-01T00:00:00%2B14:00", "since"),
        ("until=9999-12-31T23:59:59-14:00", "until"),
        ("until=1769851800", "until"),
        ("since=2026-01-31T09:30:00Z&until=2026-01-31T09:30:00Z", "until"),
        ("since=2026-01-31T09:30:00Z&until=2026-01-31T10:30:00%2B01:00", "until"),
        ("since=2026-01-31T09:30:00Z&since=2026-01-31T09:30:00Z", "since"),
        ("receiver=hooks.example.com", "receiver"),
        ("receiver=https://hooks.example.com/path", "receiver"),
        ("receiver=https://user@hooks.example.com", "receiver"),
        ("receiver=https://*.example.com", "receiver"),
        ("receiver=https://hooks.example.com:99999", "receiver"),
        ("receiver=", "receiver"),
        ("receiver=https://a.test&receiver=https://b.test", "receiver"),
        (f"receiver=https://{'a' * 300}.test", "receiver"),
        ("error_code=TIMEOUT", "error_code"),
        ("error_code=", "error_code"),
        ("error_code=timeout&error_code=expired", "error_code"),
        ("q=", "q"),
        ("q=%00", "q"),
        ("q=a%0Ab", "q"),
        ("q=a&q=b", "q"),
        ("status=DONE", "status"),
        ("callback_status=COMPLETED", "callback_status"),
        ("mode=both", "mode"),
    ],
)
async def test_a_wrong_filter_is_a_422_that_names_it(service: Service, query: str, name: str) -> None:
    for path in ("/api/requests", "/api/requests/counts"):
        answer = await service.client.get(f"{path}?{query}")

        assert answer.status_code == 422, answer.text
        assert [error["pointer"] for error in answer.json()["errors"]] == [name]


async def test_counts_take_no_page(service: Service) -> None:
    for query in ("limit=5", "cursor=x"):
        assert (await service.client.get(f"/api/requests/counts?{query}")).status_code == 422


async def test_a_request_is_found_by_all_that_is_known_of_it(service: Service, receiver: Receiver) -> None:
    receiver.answer = lambda *_: 400
    request_id = (await service.submit(receiver.url, {"X-Idempotency-Key": "order-7"}, report_name="Annual"))[
        "request_id"
    ]
    created_at = (await service.callback_ended(request_id))["created_at"]
    await service.client.post("/api/sync", json={"num_transactions": 1})

    async def found(**filters: str) -> httpx.Response:
        return await service.client.get("/api/requests", params=filters)

    texts = (request_id, request_id.upper(), "order-7", receiver.url[:-3], receiver.origin, "NNU")
    for filters in (*({"q": one} for one in texts), {"receiver": receiver.origin}, {"error_code": "bad_status"}):
        answer = await found(**filters, since=created_at)
        assert [one["id"] for one in answer.json()["requests"]] == [request_id], filters
        counts = (await service.client.get("/api/requests/counts", params=filters)).json()
        assert (counts["total"], counts["by_callback_status"]["FAILED"], counts["exact"]) == (1, 1, True)
    assert (await found(q="order-7", until=created_at)).json()["requests"] == []
    assert (await found(error_code="timeout")).json()["requests"] == []


async def test_the_error_of_a_callback_is_that_of_its_last_attempt(service: Service, receiver: Receiver) -> None:
    receiver.answer = lambda number, _: 503 if number == 0 else 200
    await service.callback_ended((await service.submit(receiver.url))["request_id"])

    assert (await service.client.get("/api/requests?error_code=bad_status")).json()["requests"] == []


#: What has ended, of receivers that begin alike, and others.
ENDED_ROWS = """
INSERT INTO requests (id, mode, status, caller, input_payload, result_payload, idempotency_key, queue_position,
                      callback_url, receiver, callback_status, created_at, completed_at)
SELECT md5(n::text)::uuid, 'async', 'COMPLETED', '192.0.2.1', '{"num_transactions": 1}', '{}', 'order-' || n, n,
       'https://hooks-' || n % 40 || '.test/in', 'https://hooks-' || n % 40 || '.test:443', 'SUCCESS',
       '2026-01-01T00:00:00Z'::timestamptz + n * interval '1 second', now()
FROM generate_series(1, 20000) AS n
"""


async def plans_of(url: str, filters: Filters) -> list[str]:
    """Read a page and the counts: the plan of each query that this took."""
    plans = []
    async with open_engine(url) as engine, engine.connect() as connection:

        async def read(query: Executable) -> Sequence[Row[Any]]:
            written = query.compile(dialect=engine.dialect, compile_kwargs={"literal_binds": True})  # type: ignore[attr-defined]
            plan = await connection.exec_driver_sql(f"EXPLAIN {written}")
            plans.append("\n".join(plan.scalars()))
            return (await connection.execute(query)).all()

        history = History(read)
        assert (await history.page(filters, 10, None)).requests
        assert (await history.counts(filters)).total
    return plans


async def test_a_beginning_that_receivers_share_is_found_by_an_index(postgres: str) -> None:
    url = await create_database(postgres)
    await run_sql(url, ENDED_ROWS, "ANALYZE requests")

    plans = await plans_of(url, Filters(view=View(), text="https://hooks-1"))

    assert not [plan for plan in plans if "Seq Scan on requests" in plan]
    assert any("Index Cond: (((receiver)::text = names_" in plan for plan in plans), plans


async def test_one_receiver_and_one_key_are_found_by_an_index(postgres: str) -> None:
    url = await create_database(postgres)
    await run_sql(url, ENDED_ROWS, "ANALYZE requests")

    plans = await plans_of(url, Filters(view=View(), receiver="https://hooks-1.test:443"))
    plans += await plans_of(url, Filters(view=View(), text="order-333"))

    assert not [plan for plan in plans if "Seq Scan on requests" in plan]


async def test_the_requests_of_an_account_are_found_by_an_index(postgres: str) -> None:
    url = await create_database(postgres)
    of_acme = "UPDATE requests SET account = 'acme' WHERE queue_position <= 20"
    await run_sql(url, ENDED_ROWS, of_acme, "ANALYZE requests")

    plans = await plans_of(url, Filters(view=View("acme")))

    assert [plan for plan in plans if "Seq Scan on requests" in plan] == []
    assert all("ix_requests_newest_of_account" in plan for plan in plans), plans


async def test_a_sync_request_has_no_callback_url(filled: Filled) -> None:
    of_nothing = Filters(view=EVERYTHING, mode=Mode.SYNC, text="https://hooks-1.test/in/1")

    assert not (await filled.history.page(of_nothing, 10, None)).requests
    assert (await filled.history.counts(of_nothing)).total == 0
