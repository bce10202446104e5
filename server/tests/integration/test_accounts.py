"""Accounts: limits of their own, on every server within a second, and an end to all of their keys."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet

from src.services.identity.caller import Caller, Scope
from src.services.identity.key_format import generate_key
from tests.integration.test_the_door import bearer, made, slug
from tests.support.database_state import fetch
from tests.support.receivers import Receiver
from tests.support.redis_server import RedisServer, redis_server
from tests.support.service import Service, running_service
from tests.support.waiting import eventually

RunService = Callable[..., AbstractAsyncContextManager[Service]]
BOOTSTRAP = generate_key()
CLOSED: dict[str, Any] = {
    "auth_required": True,
    "bootstrap_admin_key": BOOTSTRAP,
    "auth_failure_rate": "off",
    # The same for both servers.
    "secrets_key": (Fernet.generate_key().decode(),),
}
#: How exact the limit is shows while Redis answers, however late on a busy machine.
PATIENT = "?timeout=30&socket_timeout=30&socket_connect_timeout=30"
DEFAULTS = {
    "rate_limit_sync": None,
    "rate_limit_async": None,
    "max_pending": None,
    "disabled": False,
    "disabled_at": None,
}

REFUSED: list[dict[str, Any]] = [
    {"rate_limit_async": 0},
    {"rate_limit_async": "0/minute"},
    {"rate_limit_async": "-1/minute"},
    {"rate_limit_async": "1000000000000/minute"},
    {"rate_limit_sync": "60/fortnight"},
    {"rate_limit_sync": "\u0666\u0660/minute"},
    {"rate_limit_sync": "60/minute\n"},
    {"rate_limit_sync": "60/minute\u0000"},
    {"rate_limit_sync": True},
    {"max_pending": 0},
    {"max_pending": -1},
    {"max_pending": 10**12},
    {"max_pending": "7"},
    {"max_pending": 1.5},
    {"max_pending": True},
    {"disabled": None},
    {"disabled": "true"},
    {"disabled": 1},
    {"name": "other"},
    {"rate_limit_async": "600/minute", "max_pending": 0},
]


@pytest.fixture
async def closed(run_service: RunService) -> AsyncIterator[Service]:
    """Run the service where keys are required."""
    async with run_service(**CLOSED) as service:
        yield service


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path) as server:
        yield server


async def put(service: Service, name: str, **body: Any) -> httpx.Response:
    return await service.client.put(f"/api/accounts/{name}", headers=bearer(BOOTSTRAP), json=body)


async def limits(service: Service, key: str) -> dict[str, Any]:
    answer = await service.client.get("/api/me", headers=bearer(key))
    found: dict[str, Any] = answer.json()["limits"]
    return found


def limit_is(service: Service, key: str, expected: int | None) -> Callable[[], Awaitable[bool]]:
    async def is_so() -> bool:
        left = (await limits(service, key))["async"]
        return bool((left and left["limit"]) == expected)

    return is_so


async def test_what_is_set_is_shown_and_what_is_not_named_stays(closed: Service) -> None:
    key = await made(closed, "read")
    first = await put(closed, "acme", rate_limit_async="600/minute", max_pending=7)
    second = await put(closed, "acme", rate_limit_async=None, rate_limit_sync="off")
    nothing = await closed.client.put("/api/accounts/acme", headers=bearer(BOOTSTRAP))
    listed = (await closed.client.get("/api/accounts", headers=bearer(BOOTSTRAP))).json()
    [acme, operator] = listed["accounts"]

    assert first.json() == {"name": "acme", "created_at": acme["created_at"], **DEFAULTS} | {
        "rate_limit_async": "600/minute",
        "max_pending": 7,
    }
    assert (
        second.json() == nothing.json() == acme == first.json() | {"rate_limit_async": None, "rate_limit_sync": "off"}
    )
    assert operator == {"name": "operator", "created_at": operator["created_at"], **DEFAULTS}
    assert listed["next_cursor"] is None
    await eventually(limit_is(closed, key, None), within_s=1)
    assert (await limits(closed, key))["waiting"]["limit"] == 7


async def test_two_servers_let_exactly_the_own_limit_of_an_account_pass_through_all_of_its_keys(
    redis: RedisServer, database_url: str, run_service: RunService, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {**CLOSED, "rate_limit_async": "5/minute", "rate_limit_storage_url": redis.url + PATIENT}
    async with run_service(**settings) as one, running_service(database_url, tmp_path / "b", **settings) as two:
        keys = [await made(one, "submit", "read") for _ in range(2)]
        other = await made(one, "submit", "read", account="other")
        for service in (one, two):
            assert await limit_is(service, keys[0], 5)()
        await put(one, "acme", rate_limit_async="30/minute")
        for service in (one, two):
            await eventually(limit_is(service, keys[0], 30), within_s=1)
        posts = [
            service.client.post("/api/async", headers=bearer(key), json={})
            for service in (one, two)
            for key in keys
            for _ in range(10)
        ]
        answers = await asyncio.gather(*posts)
        others = [await two.client.post("/api/async", headers=bearer(other), json={}) for _ in range(6)]
        left = (await limits(two, keys[1]))["async"]
        # A change gives nobody a fresh window, here or there.
        await put(two, "acme", rate_limit_async="31/minute")
        for service in (one, two):
            await eventually(limit_is(service, keys[0], 31), within_s=1)
        more = [await one.client.post("/api/async", headers=bearer(keys[0]), json={}) for _ in range(2)]
        await put(two, "acme", rate_limit_async="2/hour")
        for service in (one, two):
            await eventually(limit_is(service, keys[0], 2), within_s=1)
        lowered = [await service.client.post("/api/async", headers=bearer(keys[0]), json={}) for service in (one, two)]

    assert sorted(answer.status_code for answer in answers) == [202] * 30 + [429] * 10
    assert {answer.headers["x-ratelimit-limit"] for answer in answers} == {"30"}
    assert [answer.status_code for answer in others] == [202] * 5 + [429]
    assert (left["limit"], left["remaining"]) == (30, 0)
    assert [answer.status_code for answer in more] == [202, 429]
    assert [answer.status_code for answer in lowered] == [429, 429]


async def test_a_disabled_account_is_refused_by_every_server_within_a_second_and_what_was_accepted_goes_on(
    database_url: str, run_service: RunService, tmp_path: Path, receiver: Receiver
) -> None:
    settings: dict[str, Any] = {**CLOSED, "callback_allowed_origins": (receiver.origin,)}
    async with run_service(**settings) as one, running_service(database_url, tmp_path / "b", **settings) as two:
        keys = [await made(one, "submit", "read") for _ in range(2)]
        other = await made(one, "read", account="other")
        caller = Caller.of_account("acme", {Scope.READ}, None, key_id=keys[0][4:12])  # type: ignore[arg-type]
        stream = asyncio.create_task(two.parts.identity.sessions.until_refused(caller))
        body = {"payload": {"num_transactions": 2}, "callback_url": receiver.url}
        accepted = await one.client.post("/api/async", headers=bearer(keys[0]), json=body)

        async def statuses() -> set[tuple[int, str]]:
            answers = [await s.client.get("/api/requests", headers=bearer(key)) for s in (one, two) for key in keys]
            return {(answer.status_code, slug(answer) if answer.status_code != 200 else "") for answer in answers}

        async def are(*expected: tuple[int, str]) -> bool:
            return await statuses() == set(expected)

        assert await statuses() == {(200, "")}
        disabled = await put(one, "acme", disabled=True)
        await eventually(lambda: are((401, "key-revoked")), within_s=1)
        await asyncio.wait_for(stream, 1)
        still = await one.client.get("/api/requests", headers=bearer(other))

        async def delivered() -> bool:
            url = f"/api/requests/{accepted.json()['request_id']}"
            return bool((await one.client.get(url, headers=bearer(BOOTSTRAP))).json()["callback_status"] == "SUCCESS")

        await eventually(delivered)
        await put(two, "acme", disabled=False)
        await eventually(lambda: are((200, "")), within_s=1)

    assert disabled.json()["disabled"]
    assert still.status_code == 200


async def test_an_account_may_let_more_or_fewer_requests_wait_than_others(run_service: RunService) -> None:
    slow: dict[str, Any] = {"simulated_ms_per_transaction": 1000, "simulated_max_seconds": 60}
    async with run_service(**CLOSED, **slow, max_pending_per_caller=3) as service:
        keys = {name: await made(service, "submit", "read", account=name) for name in ("fewer", "more", "usual")}
        for name, own in (("fewer", 2), ("more", 6)):
            await put(service, name, max_pending=own)

            async def applies(key: str = keys[name], own: int = own) -> bool:
                return bool((await limits(service, key))["waiting"]["limit"] == own)

            await eventually(applies, within_s=1)
        entries = [{"payload": {"num_transactions": 60}}] * 3
        busy = (await service.client.post("/api/async", headers=bearer(BOOTSTRAP), json=entries[0])).json()

        async def is_under_way() -> bool:
            answer = await service.client.get(busy["status_url"], headers=bearer(BOOTSTRAP))
            return bool(answer.json()["status"] == "PROCESSING")

        await eventually(is_under_way)

        async def accepted(name: str) -> list[int]:
            bodies = [entries[0]] * 8
            posts = [await service.client.post("/api/async", headers=bearer(keys[name]), json=body) for body in bodies]
            return [answer.status_code for answer in posts]

        batch = await service.client.post("/api/batch", headers=bearer(keys["fewer"]), json={"requests": entries})
        statuses = {name: await accepted(name) for name in keys}

    assert slug(batch) == "too-many-waiting"
    assert statuses["fewer"] == [202] * 2 + [429] * 6
    assert statuses["more"] == [202] * 6 + [429] * 2
    assert statuses["usual"] == [202] * 3 + [429] * 5


async def test_the_key_of_the_settings_has_the_limits_of_its_account_and_stays_good(closed: Service) -> None:
    await put(closed, "operator", rate_limit_async="4/minute", disabled=True)

    await eventually(limit_is(closed, BOOTSTRAP, 4), within_s=1)
    assert (await closed.client.get("/api/requests", headers=bearer(BOOTSTRAP))).status_code == 200


async def test_what_cannot_be_set_is_refused_and_changes_nothing(closed: Service) -> None:
    answers = [
        await closed.client.put("/api/accounts/operator", headers=bearer(BOOTSTRAP), json=body) for body in REFUSED
    ]
    [stored] = await fetch(
        closed.settings.database_url, "SELECT rate_limit_async, max_pending, disabled_at FROM accounts"
    )

    assert [(body, answer.status_code) for body, answer in zip(REFUSED, answers, strict=True)] == [
        (body, 422) for body in REFUSED
    ]
    assert tuple(stored) == (None, None, None)


async def test_names_that_no_account_has_are_404_and_make_none(closed: Service) -> None:
    await made(closed, "read", account="a/b?c#d%2F..")
    names = ["nobody", "Operator", "caf%C3%A9", "operator%00", "operator%20", "", "..%2Foperator", "a" * 1000, "%FF"]
    answers = [await put(closed, name, disabled=True) for name in names]
    odd = await put(closed, "a%2Fb%3Fc%23d%252F..", max_pending=3)
    accounts = await fetch(closed.settings.database_url, "SELECT name FROM accounts WHERE disabled_at IS NULL")

    assert {answer.status_code for answer in answers} == {404}
    assert (odd.status_code, odd.json()["name"], odd.json()["max_pending"]) == (200, "a/b?c#d%2F..", 3)
    assert len(accounts) == 2


async def test_accounts_are_listed_page_by_page_and_a_cursor_outlives_its_account(closed: Service) -> None:
    for number in range(4):
        await made(closed, "read", account=f"a{number}")
    seen: list[str] = []
    url: str | None = "/api/accounts?limit=2"
    while url:
        answer = await closed.client.get(url, headers=bearer(BOOTSTRAP))
        seen += [account["name"] for account in answer.json()["accounts"]]
        link = answer.headers.get("link")
        url = link and link[1:].partition(">")[0]
    behind = await closed.client.get("/api/accounts?cursor=a2x", headers=bearer(BOOTSTRAP))
    wrong = await closed.client.get("/api/accounts?cursor=caf%C3%A9", headers=bearer(BOOTSTRAP))

    assert seen == ["a0", "a1", "a2", "a3", "operator"]
    assert [account["name"] for account in behind.json()["accounts"]] == ["a3", "operator"]
    assert wrong.status_code == 422


async def test_of_changes_at_once_none_undoes_what_it_does_not_name(closed: Service) -> None:
    await made(closed, "read")
    bodies: list[dict[str, Any]] = [
        {"max_pending": 5},
        {"rate_limit_sync": "1/minute"},
        {"rate_limit_async": "off"},
        {"disabled": True},
    ]
    answers = await asyncio.gather(*(put(closed, "acme", **body) for body in bodies * 5))
    [acme] = (await closed.client.get("/api/accounts?limit=1", headers=bearer(BOOTSTRAP))).json()["accounts"]

    assert {answer.status_code for answer in answers} == {200}
    assert (acme["max_pending"], acme["rate_limit_sync"], acme["rate_limit_async"]) == (5, "1/minute", "off")
    assert acme["disabled"]
