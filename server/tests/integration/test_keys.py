"""Keys over HTTP: created, listed, rotated, revoked; nobody hands on more than they have. One service for all."""

import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from src.services.identity.key_format import generate_key
from src.services.identity.key_store import KEYS_OF_ACCOUNT_MAX
from src.services.identity.last_use import LastUse
from tests.integration.test_the_door import bearer, made, slug
from tests.support.databases import run_sql
from tests.support.service import Service

RunService = Callable[..., AbstractAsyncContextManager[Service]]
BOOTSTRAP = generate_key()
NOW = datetime(2026, 1, 1, 12, 30, 15, tzinfo=UTC)


@pytest.fixture
async def closed(run_service: RunService) -> Any:
    """Run the service where keys are required."""
    async with run_service(auth_required=True, bootstrap_admin_key=BOOTSTRAP, auth_failure_rate="off") as service:
        yield service


async def create(service: Service, key: str, **body: Any) -> httpx.Response:
    return await service.client.post("/api/keys", headers=bearer(key), json={"name": "new", **body})


async def test_the_first_key_makes_others_and_each_is_shown_once(
    closed: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = await create(closed, BOOTSTRAP, account="acme", scopes=["submit", "read", "manage"])
    new = answer.json()
    one = await closed.client.get(answer.headers["location"], headers=bearer(BOOTSTRAP))
    listed = await closed.client.get("/api/keys", headers=bearer(new["key"]))
    me = (await closed.client.get("/api/me", headers=bearer(new["key"]))).json()

    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    assert list(new) == ["id", "name", "account", "scopes", "created_at", "expires_at", "key"]
    assert new["scopes"] == ["read", "submit", "manage"]
    assert listed.json() == {"keys": [one.json()], "next_cursor": None}
    assert (me["account"], me["key_id"], me["scopes"]) == ("acme", new["id"], new["scopes"])
    assert new["key"] not in one.text + listed.text
    assert any(f"created key {new['id']} of account acme" in record.getMessage() for record in caplog.records)
    assert not any(new["key"][13:] in record.getMessage() for record in caplog.records)


async def test_nobody_hands_on_more_than_they_have(closed: Service) -> None:
    soon = timedelta(hours=1)
    manager = await made(closed, "manage", "read", lifetime=soon)
    admins = await made(closed, "admin")
    others = await made(closed, "read", account="other")
    later = (datetime.now(UTC) + 2 * soon).isoformat().replace("+00:00", "Z")
    refused = [
        await create(closed, manager, scopes=["submit"]),
        await create(closed, manager, scopes=["read", "admin"]),
        await create(closed, manager, scopes=["read"], account="other"),
        await create(closed, manager, scopes=["read"], account="brand-new"),
        await create(closed, manager, scopes=["read"], expires_at=later),
        await closed.client.post(f"/api/keys/{admins[4:12]}/rotate", headers=bearer(manager)),
    ]
    hidden = [
        await closed.client.request(method, f"/api/keys/{others[4:12]}{more}", headers=bearer(manager))
        for method, more in (("GET", ""), ("DELETE", ""), ("POST", "/rotate"))
    ]
    allowed = await create(closed, manager, scopes=["read"])
    mine = await closed.client.get("/api/me", headers=bearer(manager))

    assert [(answer.status_code, slug(answer)) for answer in refused] == [(403, "scope-missing")] * 6
    assert [answer.status_code for answer in hidden] == [404] * 3
    assert allowed.status_code == 201
    assert allowed.json()["expires_at"] == mine.json()["expires_at"]
    assert (await closed.client.get("/api/settings", headers=bearer(others))).status_code == 200
    listed = (await closed.client.get("/api/keys?account=other", headers=bearer(manager))).json()["keys"]
    assert listed == []


async def test_a_key_is_rotated_with_an_overlap_and_revoked(closed: Service) -> None:
    old = (await create(closed, BOOTSTRAP, account="acme", scopes=["read"])).json()
    rotate = f"/api/keys/{old['id']}/rotate"
    new = await closed.client.post(rotate, headers=bearer(BOOTSTRAP))
    both = [
        (await closed.client.get("/api/settings", headers=bearer(key))).status_code
        for key in (old["key"], new.json()["key"])
    ]
    again = await closed.client.post(rotate, headers=bearer(BOOTSTRAP))
    revoked = [await closed.client.delete(f"/api/keys/{old['id']}", headers=bearer(BOOTSTRAP)) for _ in range(2)]
    after = [
        (await closed.client.get("/api/settings", headers=bearer(key))).status_code
        for key in (old["key"], new.json()["key"])
    ]
    gone = (await closed.client.get(f"/api/keys/{old['id']}", headers=bearer(BOOTSTRAP))).json()

    assert (new.status_code, both, again.status_code) == (201, [200, 200], 409)
    assert [answer.json() for answer in revoked] == [{"revoked": True, "id": old["id"]}] * 2
    assert after == [401, 200]
    assert (gone["replaced_by"], gone["revoked_at"] is None) == (new.json()["id"], False)


@pytest.mark.parametrize(
    "body",
    [
        {"scopes": []},
        {"scopes": ["root"]},
        {"scopes": ["read"], "name": ""},
        {"scopes": ["read"], "name": "a\x00"},
        {"scopes": ["read"], "account": "two words"},
        {"scopes": ["read"], "account": "a" * 101},
        {"scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"},
        {"scopes": ["read"], "expires_at": "tomorrow"},
        {"scopes": ["read"], "more": 1},
    ],
)
async def test_what_cannot_be_a_key_is_refused(closed: Service, body: dict[str, Any]) -> None:
    assert (await create(closed, BOOTSTRAP, **body)).status_code == 422


async def test_the_bootstrap_key_is_taken_away_where_it_is_set(closed: Service) -> None:
    admin = await made(closed, "admin")
    manager = await made(closed, "manage")
    answers = [
        await closed.client.delete(f"/api/keys/{BOOTSTRAP[4:12]}", headers=bearer(key)) for key in (admin, manager)
    ]

    assert [(answer.status_code, slug(answer)) for answer in answers] == [(409, "conflict"), (404, "not-found")]
    assert "BOOTSTRAP_ADMIN_KEY" in answers[0].json()["detail"]


async def test_keys_are_listed_page_by_page(closed: Service) -> None:
    for account in ("acme", "other"):
        for _ in range(3):
            await made(closed, "read", account=account)
    seen: list[str] = []
    url: str | None = "/api/keys?limit=2"
    while url:
        answer = await closed.client.get(url, headers=bearer(BOOTSTRAP))
        seen += [key["account"] for key in answer.json()["keys"]]
        link = answer.headers.get("link")
        url = link and link[1:].partition(">")[0]
    wrong = await closed.client.get("/api/keys?cursor=nokey000", headers=bearer(BOOTSTRAP))

    assert seen == ["acme"] * 3 + ["other"] * 3
    assert wrong.status_code == 422


async def test_in_the_open_mode_keys_are_nobodys_and_everybody_learns_who_they_are(run_service: RunService) -> None:
    async with run_service(rate_limit_async="5/minute") as service:
        me = (await service.client.get("/api/me")).json()
        refused = [
            await service.client.get("/api/keys"),
            await service.client.post("/api/keys", json={"name": "a", "scopes": ["read"]}),
        ]

    assert (me["account"], me["key_id"], me["scopes"]) == (None, None, ["read", "submit", "submit:high"])
    assert me["limits"] == {
        "sync": None,
        "async": {"limit": 5, "remaining": 5, "reset_s": 0},
        "waiting": {"limit": 10_000, "used": 0},
    }
    assert [(answer.status_code, slug(answer)) for answer in refused] == [(403, "scope-missing")] * 2


async def test_what_is_left_of_a_limit_is_told_without_counting(run_service: RunService) -> None:
    async with run_service(auth_required=True, rate_limit_sync="3/minute") as service:
        key = await made(service, "submit")
        await service.client.post("/api/sync", headers=bearer(key), json={})
        lefts = [(await service.client.get("/api/me", headers=bearer(key))).json()["limits"]["sync"] for _ in range(2)]

    assert [(left["limit"], left["remaining"]) for left in lefts] == [(3, 2)] * 2


async def test_the_last_use_of_a_key_is_kept_to_the_minute_and_written_once(closed: Service) -> None:
    key = await made(closed, "read")
    now, written = NOW, []

    async def write(ids: Any, at: datetime) -> None:
        written.append((list(ids), at))
        await closed.parts.identity.keys.used(ids, at)

    last_use = LastUse(write, lambda: now)
    for _ in range(3):
        last_use.note(key[4:12])
        await last_use.write()
    now = NOW + timedelta(minutes=1)
    last_use.note(key[4:12])
    await last_use.write()
    await last_use.write()

    assert [at.minute for _, at in written] == [30, 31]
    assert (await closed.parts.identity.keys.get(key[4:12])).last_used_at == now.replace(second=0)


async def test_an_account_has_so_many_keys_at_most_and_those_that_ended_long_ago_do_not_count(closed: Service) -> None:
    url = closed.settings.database_url
    fill = """
    INSERT INTO api_keys (id, account, name, sha256, scopes, created_at, revoked_at)
    SELECT 'a' || lpad(n::text, 7, '0'), 'acme', 'old', sha256(n::text::bytea), '{}', now() - interval '40 days', NULL
    FROM generate_series(1, %d) AS n
    """
    key = await made(closed, "read", "manage", account="acme")
    await run_sql(url, fill % (KEYS_OF_ACCOUNT_MAX - 1))
    refused = await create(closed, key, scopes=["read"])
    await run_sql(url, "UPDATE api_keys SET revoked_at = now() WHERE name = 'old'")
    created = await create(closed, key, scopes=["read"])

    assert (refused.status_code, slug(refused)) == (409, "conflict")
    assert "1,000 keys" in refused.json()["detail"]
    assert created.status_code == 201
