"""Who may come in: keys, scopes, and what is said to whoever may not. One service for all."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from src.services.identity.caller import EVERYTHING, Scope, View
from src.services.identity.key_format import generate_key, write_key
from src.services.identity.key_store import NewKey
from src.services.live.event_bus import Watcher
from src.services.live.frames import Event
from tests.support.database_state import fetch
from tests.support.databases import run_sql
from tests.support.receivers import Receiver
from tests.support.service import Service, running_service
from tests.support.waiting import eventually

RunService = Callable[..., AbstractAsyncContextManager[Service]]
BOOTSTRAP = generate_key()
REALM = 'Bearer realm="financial-report-generator"'
INVALID = f'{REALM}, error="invalid_token"'
LATER = timedelta(hours=1)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def made(service: Service, *scopes: str, account: str = "acme", lifetime: timedelta | None = None) -> str:
    """Make a key, as the command line does."""
    now = datetime.now(UTC)
    new = NewKey(
        account=account, name="test", scopes=frozenset(map(Scope, scopes)), expires_at=now + (lifetime or LATER)
    )
    _, key = await service.parts.identity.keys.create(new, now)
    return key


def slug(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    kind: str = answer.json()["type"]
    return kind.rpartition(":")[2]


@pytest.fixture
async def closed(run_service: RunService) -> AsyncIterator[Service]:
    """Run the service where keys are required."""
    settings = {"auth_required": True, "bootstrap_admin_key": BOOTSTRAP, "auth_failure_rate": "off"}
    async with run_service(**settings) as service:
        yield service


async def test_where_keys_are_required_only_the_page_probes_and_documents_are_open(closed: Service) -> None:
    paths = ["/", "/docs", "/redoc", "/openapi.json", "/api/health/live", "/api/health/ready", "/no-page"]
    opened = [(await closed.client.get(path)).status_code for path in paths]
    received = await closed.client.post("/api/callbacks/receive", content=b"{}")
    refused = [
        await closed.client.request(method, path) for method, path in operations(closed) if (method, path) not in OPEN
    ]

    assert opened == [200, 200, 200, 200, 200, 200, 404]
    assert slug(received) == "signature-refused"
    assert {(answer.status_code, slug(answer), answer.headers["www-authenticate"]) for answer in refused} == {
        (401, "key-missing", REALM)
    }
    assert len(refused) > 35


OPEN = {
    ("GET", "/api/health/live"),
    ("GET", "/api/health/ready"),
    ("POST", "/api/callbacks/receive"),
    ("GET", "/.well-known/webhook-keys/{set}"),
}


def operations(service: Service) -> list[tuple[str, str]]:
    paths = service.app.openapi()["paths"]
    return [(method.upper(), path) for path, described in paths.items() for method in described]


async def test_a_key_opens_what_its_scope_names_and_nothing_else(closed: Service) -> None:
    """A refusal comes before anything is looked up or read, and names the scope; `admin` alone opens all."""
    for scope in Scope:
        key = await made(closed, scope)
        for method, path in operations(closed):
            if (method, path) in OPEN or path == "/api/events":
                continue
            [asked] = closed.app.openapi()["paths"][path][method.lower()]["x-scopes"] or [scope]
            answer = await closed.client.request(method, path, headers=bearer(key), content=b"no json")
            refused = answer.status_code == 403
            assert refused == (asked != scope and scope is not Scope.ADMIN), (scope, method, path, answer.text)
            if refused:
                assert (slug(answer), answer.json()["scope"]) == ("scope-missing", asked)
                assert answer.headers["www-authenticate"] == f'{REALM}, error="insufficient_scope", scope="{asked}"'


async def test_a_line_feed_behind_a_path_leads_around_no_scope_and_no_limit(run_service: RunService) -> None:
    settings = {"auth_required": True, "auth_failure_rate": "off", "metrics_token": "x" * 20}
    async with run_service(**settings, rate_limit_async="1/minute") as service:
        key = await made(service, "read", "submit")
        for method, path in [*operations(service), ("GET", "/metrics"), ("GET", "/docs")]:
            for headers in ({}, bearer(key)):
                answer = await service.client.request(method, f"{path}%0A", headers=headers, content=b"no json")
                assert (answer.status_code, slug(answer)) == (404, "not-found"), (method, path)


async def test_a_key_may_be_sent_in_two_ways_and_the_scheme_in_any_case(closed: Service) -> None:
    key = await made(closed, "read")
    ways = [
        *({"Authorization": f"{scheme} {key}"} for scheme in ("Bearer", "bearer", "BEARER", "bEaReR ")),
        {"X-API-Key": key},
    ]

    assert {(await closed.client.get("/api/requests", headers=way)).status_code for way in ways} == {200}


async def test_what_is_no_good_key_is_told_apart_only_to_whoever_has_the_secret(closed: Service) -> None:
    good, revoked, expiring = [await made(closed, "read") for _ in range(3)]
    disabled = await made(closed, "read", account="gone")
    await closed.parts.identity.keys.revoke(revoked[4:12], datetime.now(UTC))
    past = "'2026-01-01'"
    await run_sql(
        closed.settings.database_url,
        f"UPDATE api_keys SET expires_at = {past} WHERE id = '{expiring[4:12]}'",
        "UPDATE accounts SET disabled_at = now() WHERE name = 'gone'",
    )
    refused = {
        good[:-1] + ("0" if good[-1] != "0" else "1"): "key-malformed",
        good[:20] + ("0" if good[20] != "0" else "1") + good[21:]: "key-malformed",
        good[:-1]: "key-malformed",
        good + " " + good: "key-malformed",
        "frg_" + "é" * 58: "key-malformed",
        "x" * 8192: "key-malformed",
        "x" * 8193: "key-malformed",
        "": "key-malformed",
        generate_key(): "key-unknown",
        write_key(revoked[4:12], 1): "key-unknown",
        write_key(expiring[4:12], 1): "key-unknown",
        write_key(BOOTSTRAP[4:12], 1): "key-unknown",
        revoked: "key-revoked",
        disabled: "key-revoked",
        expiring: "key-expired",
    }
    for key, expected in refused.items():
        answer = await closed.client.get("/api/requests", headers=[(b"authorization", f"Bearer {key}".encode())])
        assert (answer.status_code, slug(answer)) == (401, expected), key
        assert answer.headers["www-authenticate"] == INVALID
        assert key == "" or key not in answer.text
    assert (await closed.client.get("/api/requests", headers=bearer(good))).status_code == 200


@pytest.mark.parametrize("second", ["Authorization", "X-API-Key"])
async def test_two_credentials_are_refused_even_where_both_are_good(closed: Service, second: str) -> None:
    key = await made(closed, "read")
    for first in ("Authorization", "X-API-Key"):
        text = {"Authorization": f"Bearer {key}", "X-API-Key": key}
        answer = await closed.client.get("/api/requests", headers=[(first, text[first]), (second, text[second])])
        assert (answer.status_code, slug(answer)) == (400, "malformed-request")


async def test_a_key_is_never_taken_from_the_url(closed: Service) -> None:
    key = await made(closed, "read")
    for name in ("key", "api_key", "access_token", "token", "ticket"):
        assert slug(await closed.client.get("/api/requests", params={name: key})) == "key-missing"


async def test_refusals_come_in_the_order_host_key_scope_rate_body(run_service: RunService) -> None:
    async with run_service(auth_required=True, rate_limit_async="1/minute") as service:
        reading, submitting = await made(service, "read"), await made(service, "submit", account="other")
        post = service.client.post
        wrong_host = await post("/api/async", headers={"Host": "evil.example"}, content=b"{")
        no_key = [await post("/api/async", content=b"{") for _ in range(3)]
        no_scope = [await post("/api/async", headers=bearer(reading), content=b"{") for _ in range(3)]
        bad_body = await post("/api/async", headers=bearer(submitting), content=b"{")
        too_often = await post("/api/async", headers=bearer(submitting), content=b"{")

    assert wrong_host.status_code == 421
    assert {answer.status_code for answer in no_key} == {401}
    assert {answer.status_code for answer in no_scope} == {403}
    assert (bad_body.status_code, too_often.status_code) == (415, 429)


async def test_high_priority_asks_for_its_scope_after_the_body_was_read(closed: Service) -> None:
    plain, high = await made(closed, "submit"), await made(closed, "submit", "submit:high")
    answers = []
    for key, priority in ((plain, "high"), (plain, "normal"), (plain, "higher"), (high, "high")):
        body = {"payload": {"report_name": "a"}, "priority": priority}
        answers.append(await closed.client.post("/api/async", headers=bearer(key), json=body))

    assert [answer.status_code for answer in answers] == [403, 202, 422, 202]
    assert (slug(answers[0]), answers[0].json()["scope"]) == ("scope-missing", "submit:high")
    assert answers[0].headers["www-authenticate"].endswith('error="insufficient_scope", scope="submit:high"')


async def test_a_batch_with_an_entry_of_high_priority_asks_for_its_scope_and_stores_nothing(closed: Service) -> None:
    plain, high = await made(closed, "submit", "read"), await made(closed, "submit", "submit:high")
    entries = [{"payload": {"report_name": "a"}, "priority": priority} for priority in ("normal", "high", "low")]
    answers = [
        await closed.client.post(
            "/api/batch", headers={**bearer(plain), "X-Idempotency-Key": "a"}, json={"requests": sent}
        )
        for sent in (entries, entries[::2])
    ]
    answers.append(await closed.client.post("/api/batch", headers=bearer(high), json={"requests": entries}))
    stored = await fetch(closed.settings.database_url, "SELECT size FROM batches ORDER BY created_at")
    requests = await fetch(closed.settings.database_url, "SELECT count(*) FROM requests")

    assert [answer.status_code for answer in answers] == [403, 202, 202]
    assert (slug(answers[0]), answers[0].json()["scope"]) == ("scope-missing", "submit:high")
    assert [tuple(row) for row in stored] == [(2,), (3,)]
    assert tuple(requests[0]) == (5,)


async def test_the_keys_of_an_account_are_one_caller_and_their_requests_are_its_own(run_service: RunService) -> None:
    async with run_service(auth_required=True, rate_limit_sync="2/minute", bootstrap_admin_key=BOOTSTRAP) as service:
        first, second = await made(service, "submit", "read"), await made(service, "submit", "read")
        other = await made(service, "submit", "read", account="other")
        statuses = []
        for key in (first, second, first, other):
            answer = await service.client.post("/api/sync", headers=bearer(key), json={"report_name": "a"})
            statuses.append(answer.status_code)
        lists = [
            (await service.client.get("/api/requests", headers=bearer(key))).json()["requests"]
            for key in (first, second, other, BOOTSTRAP)
        ]

    assert statuses == [200, 200, 429, 200]
    assert [len(found) for found in lists] == [2, 2, 1, 3]
    assert lists[0] == lists[1]


async def test_guessing_is_limited_and_locks_out_nobody_who_has_a_good_key(run_service: RunService) -> None:
    async with run_service(auth_required=True, auth_failure_rate="5/minute") as service:
        good = await made(service, "read")
        guesses = []
        for _ in range(4):
            guesses.append(await service.client.get("/api/requests", headers=bearer(generate_key())))
            guesses.append(await service.client.get("/api/requests", headers=bearer("nonsense")))
        missing = await service.client.get("/api/requests")
        unknown_to_this_server = await made(service, "read", account="other")
        worked = [await service.client.get("/api/requests", headers=bearer(k)) for k in (good, unknown_to_this_server)]

    assert [answer.status_code for answer in guesses] == [401] * 5 + [429] * 3
    assert slug(guesses[-1]) == "rate-limited"
    assert 1 <= int(guesses[-1].headers["retry-after"]) <= 60
    assert missing.status_code == 401
    assert [answer.status_code for answer in worked] == [200, 200]


async def test_a_known_key_costs_no_query(closed: Service) -> None:
    """Its table is away, so a query would fail; only a server that hears of no change for a second asks."""
    key = await made(closed, "read")

    async def all_work() -> bool:
        settings = "/api/settings"
        try:
            return {(await closed.client.get(settings, headers=bearer(key))).status_code for _ in range(50)} == {200}
        except asyncpg.UndefinedTableError:
            return False

    await eventually(all_work)
    await run_sql(closed.settings.database_url, "ALTER TABLE api_keys RENAME TO elsewhere")
    await eventually(all_work)


async def test_without_credentials_the_open_mode_stays_open_and_a_key_is_checked_all_the_same(
    run_service: RunService,
) -> None:
    async with run_service(auth_failure_rate="off") as service:
        assert service.parts.identity.authenticator.alone
        key = await made(service, "read")
        await eventually(lambda: not service.parts.identity.authenticator.alone)
        opened = [
            (method, path, (await service.client.request(method, path)).status_code)
            for method, path in operations(service)
            if path != "/api/events"
        ]
        unknown = await service.client.get("/api/requests", headers=bearer(generate_key()))
        known = await service.client.get("/api/requests", headers=bearer(key))
        lacking = await service.client.post("/api/async", headers=bearer(key), json={})
        proxied = await service.client.get("/api/requests", headers={"Authorization": "Basic dXNlcjpwYXNz"})

    closed = [one for one in opened if one[2] in {401, 403} and one[1] != "/api/callbacks/receive"]
    of_secrets = {"/api/webhook-secrets", "/api/webhook-secrets/rotate"}
    of_keys = {"/api/keys", "/api/keys/{key_id}", "/api/keys/{key_id}/rotate"}
    assert {path for _, path, _ in closed} == of_keys | of_secrets | {"/api/accounts", "/api/accounts/{name}"}
    assert (unknown.status_code, known.status_code, lacking.status_code, proxied.status_code) == (401, 200, 403, 200)


async def test_every_refusal_is_a_line_of_the_log_without_the_secret(
    closed: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    good, unknown = await made(closed, "read"), generate_key()
    await closed.client.get("/api/requests")
    await closed.client.get("/api/requests?secret=1", headers=bearer(unknown))
    await closed.client.post("/api/async", headers=bearer(good))
    lines = [record.getMessage() for record in caplog.records if record.name.endswith("middleware.identity")]

    assert lines == [
        "GET /api/requests was refused to 127.0.0.1: key-missing.",
        f"GET /api/requests was refused to 127.0.0.1: key-unknown, key {unknown[4:12]}.",
        f"POST /api/async was refused to 127.0.0.1: scope-missing, key {good[4:12]}.",
    ]
    assert [r for r in caplog.records if good[13:] in r.getMessage() or unknown[13:] in r.getMessage()] == []


async def test_a_revoked_key_is_refused_by_every_server_within_a_second(
    database_url: str, run_service: RunService, tmp_path: Path
) -> None:
    """Also by one whose listener was cut off, and whatever made the change."""
    settings: dict[str, Any] = {"auth_required": True, "auth_failure_rate": "off"}
    async with run_service(**settings) as first, running_service(database_url, tmp_path / "b", **settings) as second:
        keys = [await made(first, "read") for _ in range(3)]

        async def statuses(key: str) -> list[int]:
            return [(await s.client.get("/api/settings", headers=bearer(key))).status_code for s in (first, second)]

        for key in keys:
            assert await statuses(key) == [200, 200]
        await first.parts.identity.keys.revoke(keys[0][4:12], datetime.now(UTC))
        await eventually(lambda: all_refused(statuses, keys[0]), within_s=1)
        await run_sql(database_url, f"UPDATE api_keys SET revoked_at = now() WHERE id = '{keys[1][4:12]}'")
        await eventually(lambda: all_refused(statuses, keys[1]), within_s=1)
        await run_sql(
            database_url,
            END_LISTENERS,
            f"UPDATE api_keys SET revoked_at = now() WHERE id = '{keys[2][4:12]}'",
        )
        await eventually(lambda: all_refused(statuses, keys[2]), within_s=1)


#: Their last statement is LISTEN, or the one that checks their connection.
END_LISTENERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND (query LIKE 'LISTEN%' OR query = 'SELECT 1')
"""


async def all_refused(statuses: Callable[[str], Awaitable[list[int]]], key: str) -> bool:
    return await statuses(key) == [401, 401]


async def test_guesses_share_queries(closed: Service) -> None:
    """However many guess at once, a good key's look-up waits for two queries at most."""
    good = await made(closed, "read")
    guesses = [closed.client.get("/api/settings", headers=bearer(generate_key())) for _ in range(100)]
    answers = await asyncio.gather(*guesses, closed.client.get("/api/settings", headers=bearer(good)))

    assert [answer.status_code for answer in answers] == [401] * 100 + [200]


async def test_an_account_watches_its_own_events_and_the_operator_all(closed: Service, receiver: Receiver) -> None:
    keys = {name: await made(closed, "read", "submit", account=name) for name in ("acme", "other")}
    views = {"acme": View("acme"), "other": View("other"), "operator": EVERYTHING, None: View()}
    watched: dict[str | None, list[str]] = {name: [] for name in views}
    sent: dict[str, str] = {}

    async with AsyncExitStack() as stack:
        for name, view in views.items():
            watcher = stack.enter_context(closed.parts.streams.of(view).watching(lambda _: Event("hello", {})))
            reading = asyncio.create_task(keep(watcher, watched[name]))
            stack.callback(reading.cancel)
        for name, key in keys.items():
            body = {"payload": {"report_name": f"of-{name}"}}
            answer = await closed.client.post("/api/async", headers=bearer(key), json=body)
            sent[name] = answer.json()["request_id"]
        await eventually(lambda: told(watched["operator"], *sent.values()) and told(watched["acme"], sent["acme"]))
        await eventually(lambda: told(watched["other"], sent["other"]))

    assert not any(told(watched[name], sent[of]) for name, of in (("acme", "other"), ("other", "acme")))
    assert not any(told(watched[None], request_id) for request_id in sent.values())
    assert "of-other" not in "".join(watched["acme"])
    assert closed.parts.streams.watchers == 0


async def keep(watcher: Watcher, frames: list[str]) -> None:
    while True:
        frames.append((await watcher.next()).text)


def told(frames: list[str], *request_ids: str) -> bool:
    return all(any("COMPLETED" in frame and one in frame for frame in frames) for one in request_ids)


async def test_an_account_hears_how_its_batch_goes_on_and_so_does_the_operator_alone(
    run_service: RunService, receiver: Receiver
) -> None:
    views = {"acme": View("acme"), "other": View("other"), "operator": EVERYTHING, "unnamed": View()}
    watched: dict[str, list[str]] = {name: [] for name in views}
    batch = {"requests": [{"payload": {"num_transactions": 1}}] * 2, "callbacks": "batch", "callback_url": receiver.url}

    async with run_service(callback_allowed_origins=(receiver.origin,)) as service, AsyncExitStack() as stack:
        key = await made(service, "submit")
        for name, view in views.items():
            watcher = stack.enter_context(service.parts.streams.of(view).watching(lambda _: Event("hello", {})))
            reading = asyncio.create_task(keep(watcher, watched[name]))
            stack.callback(reading.cancel)
        batch_id = (await service.client.post("/api/batch", headers=bearer(key), json=batch)).json()["batch_id"]

        def heard(name: str) -> bool:
            states = [text for text in watched[name] if "batch.updated" in text and batch_id in text]
            return any('"callback_status":"SUCCESS"' in text for text in states)

        await eventually(lambda: heard("acme") and heard("operator"))

    assert not any(
        batch_id in text or "batch.updated" in text for name in ("other", "unnamed") for text in watched[name]
    )


async def test_a_stream_ends_with_the_key_that_opened_it(closed: Service) -> None:
    keys = [await made(closed, "read") for _ in range(3)]
    callers = [await closed.parts.identity.authenticator.identify(key.encode()) for key in keys]
    ends = [asyncio.create_task(closed.parts.identity.sessions.until_refused(caller)) for caller in callers]
    await closed.parts.identity.keys.revoke(callers[0].key_id or "", datetime.now(UTC))
    soon = "now() + interval '0.2 s'"
    await run_sql(
        closed.settings.database_url, f"UPDATE api_keys SET expires_at = {soon} WHERE id = '{callers[1].key_id}'"
    )
    done, _ = await asyncio.wait(ends[:2], timeout=10)
    assert done == set(ends[:2])
    assert not ends[2].done()
    ends[2].cancel()
