"""Two accounts and every operation of the OpenAPI document: nothing of one is in any answer to the other.

Made from the document itself, so that a new operation cannot be forgotten. One service for all.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from uuid import uuid4

import httpx
import pytest
from websockets.asyncio.client import connect

from src.models import RunStatus
from src.services.identity.caller import EVERYTHING
from src.services.identity.key_format import generate_key
from tests.integration.test_the_door import bearer, made
from tests.support.over_http import over_http
from tests.support.ports import free_port
from tests.support.receivers import Receiver
from tests.support.service import Service
from tests.support.waiting import eventually

RunService = Callable[..., AbstractAsyncContextManager[Service]]
BOOTSTRAP = generate_key()
#: Public keys are open to whoever knows the random name of a set; this is nobody's.
KEY_SET = "A" * 22
SCOPES = ("read", "submit", "submit:high", "manage")
#: What has figures of the process and the clock, which differ from call to call.
MEASURED = re.compile(
    r'"(?:at|uptime_seconds|round_trip_ms|heartbeat_age_ms|free_bytes|oldest_age_ms|last_used_at|since|reset_s|remaining|used)"'
    r':(?:null|"[^"]*"|[0-9.]+)'
)
#: They never end by themselves; a test of their own reads them.
STREAMS = {"/api/events"}
#: They count everybody, and name nobody: the probe for load balancers.
TIMES = {"/api/queue/depths", "/api/health/last-hour"}


@dataclass
class Accounts:
    """The service, and what one account has in it."""

    service: Service
    keys: dict[str, str]
    #: Of the first account, by the name of the parameter in a path.
    owned: dict[str, str]
    #: What account `empty` was answered before the first one did anything.
    before: dict[str, str]

    async def call(self, account: str, method: str, path: str, ids: dict[str, str]) -> httpx.Response:
        for name, value in ids.items():
            path = path.replace("{" + name + "}", value)
        assert "{" not in path, f"this test needs a value for {path}"
        content = {"content": b"{}", "headers": {"content-type": "application/json"}} if method == "POST" else {}
        headers = {**bearer(self.keys[account]), **content.pop("headers", {})}  # type: ignore[dict-item]
        params = {"a": ids["run_id"], "b": ids["run_id"]} if path.endswith("comparison") else {}
        return await self.service.client.request(method, path, headers=headers, params=params, **content)  # type: ignore[arg-type]

    def leaks(self, answer: httpx.Response) -> list[str]:
        """What an answer shows of the first account, other than what was asked for."""
        text = answer.text + repr(answer.headers)
        for asked in (str(answer.request.url.raw_path.decode()), str(answer.request.url), answer.request.url.path):
            text = text.replace(asked, "")
        secrets = [*self.owned.values(), "canary", "acme", self.keys["acme"][4:12]]
        return [word for word in secrets if word in text and not word.startswith("http")]


def operations(service: Service) -> list[tuple[str, str]]:
    paths = service.app.openapi()["paths"]
    return [(method.upper(), path) for path, described in paths.items() for method in described if path not in STREAMS]


def nobodys() -> dict[str, str]:
    unknown = str(uuid4())
    names = ("request_id", "run_id", "redelivery_id", "batch_id")
    origin = "http://nobody.example:80"
    return {
        **dict.fromkeys(names, unknown),
        "file": f"{unknown}.csv",
        "key_id": generate_key()[4:12],
        "origin": origin,
        "set": KEY_SET,
        "name": "nobody",
    }


async def everything_of(service: Service, key: str, receiver: Receiver) -> dict[str, str]:
    """Give an account one of everything; returns the ids."""
    client, headers = service.client, {**bearer(key), "X-Idempotency-Key": "canary-key"}
    body = {"payload": {"report_name": "canary"}, "callback_url": f"{receiver.url}?canary"}
    request_id = (await client.post("/api/async", headers=headers, json=body)).json()["request_id"]
    demo = {"payload": {"report_name": "canary"}, "callback_url": service.settings.demo_receiver_url}
    await client.post("/api/async", headers=bearer(key), json=demo)
    await client.post("/api/callbacks/simulate-failures?fail_next=7", headers=bearer(key))

    async def delivered() -> bool:
        found = await client.get(f"/api/requests/{request_id}", headers=bearer(key))
        return bool(found.json()["callback_status"] == "SUCCESS")

    await eventually(delivered)
    filters = {"filter": {"callback_status": "SUCCESS"}, "dry_run": False, "expected_count": 1}
    redelivery = await client.post("/api/redeliveries", headers=bearer(key), json=filters)
    run_id, now = uuid4(), service.parts.now()
    await service.parts.benchmark_store.begin(run_id, "sync", {"canary": 1}, now, "acme")
    summary = {"sync": None, "async": None}
    await service.parts.benchmark_store.end(run_id, RunStatus.COMPLETED, summary, None, now)
    assert await service.parts.benchmark_store.get(run_id, EVERYTHING)
    return {
        "request_id": request_id,
        "file": f"{request_id}.csv",
        "run_id": str(run_id),
        "redelivery_id": redelivery.json()["id"],
        "batch_id": request_id,
        "key_id": key[4:12],
        "name": "acme",
        "origin": receiver.origin,
        "set": KEY_SET,
    }


@pytest.fixture
async def accounts(run_service: RunService, receiver: Receiver) -> AsyncIterator[Accounts]:
    settings = {"bootstrap_admin_key": BOOTSTRAP, "callback_allowed_origins": (receiver.origin,)}
    async with run_service(auth_required=True, auth_failure_rate="off", **settings) as service:
        names = ("acme", "other", "empty")
        keys = {name: await made(service, *SCOPES, account=name) for name in names}
        found = Accounts(service, keys, {}, {})
        await eventually(lambda: works(found))
        for method, path in operations(service):
            if method == "GET":
                found.before[path] = stripped(await found.call("empty", "GET", path, nobodys()))
        found.owned = await everything_of(service, keys["acme"], receiver)
        yield found


async def works(accounts: Accounts) -> bool:
    """Whether the start is over: nothing of it changes any more."""
    health = (await accounts.call("empty", "GET", "/api/health", {})).json()
    return bool(health["worker"]["leading"] and health["status"] == "healthy")


def stripped(answer: httpx.Response) -> str:
    unnamed = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|/api/keys/\w{8}", "ID", answer.text)
    return f"{answer.status_code} {MEASURED.sub('', unnamed)}"


async def test_every_operation_treats_what_belongs_to_another_as_what_is_not_there(accounts: Accounts) -> None:
    leaks, told_apart = [], []
    for method, path in operations(accounts.service):
        foreign = await accounts.call("other", method, path, accounts.owned)
        unknown = await accounts.call("other", method, path, nobodys())
        leaks += [(method, path, word) for word in accounts.leaks(foreign)]
        if foreign.status_code != unknown.status_code:
            told_apart.append((method, path, foreign.status_code, unknown.status_code, foreign.text))

    assert leaks == []
    assert told_apart == []
    still = await accounts.call("acme", "GET", "/api/requests/{request_id}", accounts.owned)
    assert (still.status_code, still.json()["status"]) == (200, "COMPLETED")
    assert (await accounts.call("acme", "GET", "/api/keys/{key_id}", accounts.owned)).json()["revoked_at"] is None


async def test_no_count_changes_with_what_another_does(accounts: Accounts) -> None:
    changed = {}
    for path, before in accounts.before.items():
        if path not in TIMES:
            after = stripped(await accounts.call("empty", "GET", path, nobodys()))
            if after != before:
                changed[path] = (before, after)

    assert changed == {}


async def test_an_idempotency_key_is_the_accounts_own(accounts: Accounts) -> None:
    headers = {**bearer(accounts.keys["other"]), "X-Idempotency-Key": "canary-key"}
    answer = await accounts.service.client.post("/api/async", headers=headers, json={"payload": {"report_name": "b"}})

    assert answer.status_code == 202
    assert accounts.owned["request_id"] not in answer.text


async def test_the_demo_receiver_keeps_what_each_account_got(accounts: Accounts) -> None:
    async def seen(account: str) -> int:
        answer = await accounts.call(account, "GET", "/api/callbacks/history", accounts.owned)
        return int(answer.json()["count"])

    assert await seen("other") == 0
    simulated = await accounts.call("other", "GET", "/api/callbacks/simulate-failures", accounts.owned)
    assert simulated.json()["fail_next"] == 0


async def test_the_streams_of_an_account_tell_nothing_of_another(accounts: Accounts, receiver: Receiver) -> None:
    port, heard = free_port(), {account: [""] for account in ("acme", "other")}
    client, service = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}"), accounts.service

    async def events(account: str) -> None:
        async with client.stream("GET", "/api/events", headers=bearer(accounts.keys[account])) as stream:
            async for line in stream.aiter_lines():
                heard[account].append(line)

    async def frames(account: str) -> None:
        made = await client.post("/api/ws/tickets", headers=bearer(accounts.keys[account]))
        async with connect(f"ws://127.0.0.1:{port}/api/ws?ticket={made.json()['ticket']}") as stream:
            async for frame in stream:
                heard[account].append(str(frame))

    def told(account: str, word: str) -> int:
        return sum(word in line for line in heard[account])

    async def whole_life(account: str) -> str:
        """Submit a request, and have it delivered, redelivered and deleted; returns its id."""
        key = bearer(accounts.keys[account])
        body = {"payload": {"report_name": "canary"}, "callback_url": f"{receiver.url}?canary"}
        request_id = str((await client.post("/api/async", headers=key, json=body)).json()["request_id"])
        path = f"/api/requests/{request_id}"

        async def delivered() -> bool:
            return bool((await client.get(path, headers=key)).json()["callback_status"] == "SUCCESS")

        await eventually(delivered)
        await client.post(f"{path}/redeliver", headers=key)
        await eventually(delivered)
        await client.delete(path, headers=key)
        await eventually(lambda: told(account, "request.deleted") >= 2)
        return request_id

    async with over_http(service.app, port), client:
        listening = [asyncio.create_task(read(account)) for account in heard for read in (events, frames)]
        await eventually(lambda: told("acme", "hello") >= 2 and told("other", "hello") >= 2)
        of = {account: await whole_life(account) for account in heard}
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)

    for account, another in (("acme", "other"), ("other", "acme")):
        assert told(account, of[account]) >= 2
        assert told(account, of[another]) == 0
    assert [word for word in (*accounts.owned.values(), "acme") if told("other", word)] == [receiver.origin]


async def test_the_operator_sees_all_and_filters_by_account(accounts: Accounts) -> None:
    accounts.keys["operator"] = BOOTSTRAP
    of_one = ("requests/{request_id}", "benchmark/runs/{run_id}", "keys/{key_id}", "redeliveries/{redelivery_id}")
    for path in of_one:
        assert (await accounts.call("operator", "GET", f"/api/{path}", accounts.owned)).status_code == 200, path
    entries = {"requests": [{"payload": {"report_name": "canary"}}]}
    client = accounts.service.client
    await client.post("/api/batch", headers=bearer(accounts.keys["acme"]), json=entries)
    found = {path: await numbers(accounts, path) for path in filtered(accounts.service)}

    # As the operator: all, of this account, of one that has nothing, of nobody; as another: its own, of this account.
    assert found == {
        "/api/requests": [3, 3, 0, 0, 0, 0],
        "/api/requests/counts": [3, 3, 0, 0, 0, 0],
        "/api/batches": [1, 1, 0, 0, 0, 0],
        "/api/redeliveries": [1, 1, 0, 0, 0, 0],
        "/api/benchmark/runs": [1, 1, 0, 0, 0, 0],
        "/api/keys": [3, 1, 1, 0, 1, 0],
    }
    listed = (await accounts.call("operator", "GET", "/api/requests", {})).json()["requests"]
    own = (await accounts.call("acme", "GET", "/api/requests", {})).json()["requests"]
    assert {one["account"] for one in listed} == {"acme"}
    assert [one for one in own if "account" in one] == []


def filtered(service: Service) -> list[str]:
    """Name the lists that take `account`."""
    paths = service.app.openapi()["paths"]
    return [
        path
        for path, described in paths.items()
        if any(one["name"] == "account" for one in described.get("get", {}).get("parameters", []))
    ]


async def numbers(accounts: Accounts, path: str) -> list[int]:
    calls = [("operator", query) for query in ("", "?account=acme", "?account=empty", "?account=nobody")]
    calls += [("other", ""), ("other", "?account=acme")]
    client = accounts.service.client
    answers = [await client.get(path + query, headers=bearer(accounts.keys[account])) for account, query in calls]
    assert {answer.status_code for answer in answers} == {200}, path
    return [next(value if isinstance(value, int) else len(value) for value in one.json().values()) for one in answers]


async def test_a_receiver_of_another_is_neither_resumed_nor_probed(accounts: Accounts) -> None:
    statuses = await asyncio.gather(
        *(
            accounts.call("other", "POST", f"/api/receivers/{{origin}}/{verb}", accounts.owned)
            for verb in ("resume", "probe")
        )
    )

    assert [answer.status_code for answer in statuses] == [404, 404]
