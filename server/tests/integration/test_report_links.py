"""Links to reports for somebody without credentials: good until they end, and for nothing else."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import orjson
import pytest
from cryptography.fernet import Fernet

from src.services.identity.key_format import generate_key
from src.services.identity.secrets_at_rest import SecretKeys
from src.services.report_files.links import ReportLinks
from tests.integration.test_the_door import bearer, made, slug
from tests.support.receivers import Receiver
from tests.support.s3 import S3Server
from tests.support.service import Service
from tests.support.waiting import eventually

RunService = Callable[..., AbstractAsyncContextManager[Service]]
OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
CLOSED: dict[str, Any] = {"auth_required": True, "bootstrap_admin_key": generate_key(), "auth_failure_rate": "off"}
TAMPERED = 500


@pytest.fixture
async def closed(run_service: RunService, receiver: Receiver) -> AsyncIterator[Service]:
    """Run the service where keys are required."""
    async with run_service(**CLOSED, secrets_key=(OLD,), callback_allowed_origins=(receiver.origin,)) as service:
        yield service


async def report(service: Service, key: str) -> str:
    """Make a report; returns the path of its file."""
    answer = await service.client.post("/api/sync", headers=bearer(key), json={"num_transactions": 3})
    path: str = answer.json()["download_url"]
    return path


async def link(service: Service, path: str, headers: dict[str, str] | None = None, **body: Any) -> str:
    """Make a link; returns its path and query."""
    answer = await service.client.post(f"{path}/link", headers=headers, json=body)
    assert answer.status_code == 201, answer.text
    return relative(answer.json()["url"])


def relative(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


async def test_a_link_is_good_without_credentials_and_with_any(closed: Service) -> None:
    key = await made(closed, "submit", "read")
    path = await report(closed, key)
    asked_at = datetime.now(UTC).timestamp()
    answer = await closed.client.post(f"{path}/link", headers=bearer(key), json={"expires_in_s": 60})
    url = relative(answer.json()["url"])
    whole = await closed.client.get(url)
    head = await closed.client.head(url)
    part = await closed.client.get(url, headers={"range": "bytes=0-13"})
    unchanged = await closed.client.get(url, headers={"if-none-match": whole.headers["etag"]})
    with_nonsense = await closed.client.get(url, headers={"authorization": "Bearer nonsense"})
    default = await closed.client.post(f"{path}/link", headers=bearer(key))
    lasting = datetime.fromisoformat(default.json()["expires_at"]).timestamp() - asked_at

    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["location"] == answer.json()["url"]
    assert answer.json()["url"].startswith(f"{closed.settings.public_base_url}{path}?expires=")
    assert (whole.status_code, head.status_code, part.status_code, unchanged.status_code) == (200, 200, 206, 304)
    assert (part.content, head.headers["content-length"]) == (whole.content[:14], str(len(whole.content)))
    assert with_nonsense.content == whole.content
    assert 3_590 < lasting < 3_660
    assert (await closed.client.get(path)).status_code == 401


async def test_of_500_links_that_were_changed_or_expired_or_are_of_others_none_is_served(
    closed: Service, record_property: Callable[[str, object], None]
) -> None:
    key, other = await made(closed, "submit", "read"), await made(closed, "submit", "read", account="other")
    path, foreign = await report(closed, key), await report(closed, other)
    good = await link(closed, path, bearer(key))
    assert (await closed.client.get(good)).status_code == 200
    forged = ReportLinks("", SecretKeys([NEW]).derived("download links"), None)
    file, chance = path.rpartition("/")[2], random.Random(7)
    begun_at = int(datetime.now(UTC).timestamp())
    wrong = [forged.signed(file, begun_at + chance.randrange(1, 10**6)) for _ in range(50)]
    wrong += [f"{foreign}?{good.partition('?')[2]}", good.replace("signature=", "Signature="), f"{good}&x=1"]
    wrong += [good.partition("&")[0], f"{path}?{good.partition('&')[2]}", good.replace(file, file.upper())]
    expired = [relative(closed.parts.links.signed(file, begun_at - chance.randrange(10**6))) for _ in range(50)]
    while len(wrong) + len(expired) < TAMPERED:
        at = chance.randrange(len(path) - len(file), len(good))
        changed = good[:at] + chance.choice("0123456789abcdefz.-=%&") + good[at + 1 :]
        wrong += [changed] if changed != good and "?" in changed else []
    answers = [await closed.client.get(url) for url in wrong]
    late = [await closed.client.get(url) for url in expired]

    assert {(answer.status_code, slug(answer)) for answer in answers} == {(403, "link-invalid")}
    assert {(answer.status_code, slug(answer)) for answer in late} == {(403, "link-expired")}
    assert not any(b"Transaction ID" in answer.content for answer in [*answers, *late])
    record_property("figure", f"links that were changed, expired or of others: {len(answers + late)}, 0 served")


async def test_to_end_a_link_its_request_is_deleted(closed: Service) -> None:
    key, other = await made(closed, "submit", "read"), await made(closed, "read", account="other")
    path = await report(closed, key)
    url = await link(closed, path, bearer(key))
    foreign = await closed.client.post(f"{path}/link", headers=bearer(other))
    await closed.client.delete(path.replace("reports", "requests").removesuffix(".csv"), headers=bearer(key))
    after = [await closed.client.get(url), await closed.client.post(f"{path}/link", headers=bearer(key))]
    unknown = [
        await closed.client.post(f"/api/reports/{name}/link", headers=bearer(key)) for name in ("x", f"{uuid4()}.txt")
    ]

    assert [answer.status_code for answer in (foreign, *after, *unknown)] == [404] * 5


async def test_in_the_open_mode_links_are_made_as_well_and_a_changed_one_is_refused(service: Service) -> None:
    path = (await service.client.post("/api/sync", json={})).json()["download_url"]
    url = await link(service, path, expires_in_s=604_800)
    changed = [await service.client.get(one) for one in (f"{url}0", f"{path}?expires=1", f"{path}?signature=")]
    values: list[Any] = [0, 604_801, 1.5, "60", True, None]
    bodies: list[Any] = [*({"expires_in_s": value} for value in values), {"x": 1}, [], "60"]
    refused = [await service.client.post(f"{path}/link", json=body) for body in bodies]

    assert (await service.client.get(url)).status_code == 200
    assert {(answer.status_code, slug(answer)) for answer in refused} == {(422, "invalid-request")}
    assert [slug(answer) for answer in changed] == ["link-invalid"] * 3


async def test_links_outlive_a_change_of_the_key_while_the_old_one_is_there(
    run_service: RunService, closed: Service
) -> None:
    key = await made(closed, "submit", "read")
    url = await link(closed, await report(closed, key), bearer(key), expires_in_s=3_600)
    served = []
    for keys in ((NEW, OLD), (NEW,)):
        async with run_service(**CLOSED, secrets_key=keys) as server:
            served.append((await server.client.get(url)).status_code)
            await server.parts.webhooks.store.reencrypt()  # a server with the new key alone has to open what is stored

    assert served == [200, 403]


async def test_where_keys_are_required_callbacks_carry_signed_links_that_the_log_shows(
    closed: Service, receiver: Receiver
) -> None:
    key = await made(closed, "submit", "read")
    accepted = await closed.submit(receiver.url, bearer(key))
    await eventually(lambda: len(receiver.callbacks) == 1)
    batch = {"requests": [{"payload": {}}] * 3, "callback_url": receiver.url, "callbacks": "batch"}
    await closed.client.post("/api/batch", headers=bearer(key), json=batch)
    await eventually(lambda: len(receiver.callbacks) == 2)
    message, of_batch = [callback.body for callback in receiver.callbacks]
    url = message["links"]["report"]
    links = [url, *(entry["link"] for entry in of_batch["data"]["entries"])]
    served = [(await closed.client.get(relative(one))).status_code for one in links]
    ends = int(dict(part.split("=") for part in urlsplit(url).query.split("&"))["expires"])
    # Recorded before the lane went on to the batch's.
    logs = await closed.client.get(f"/api/requests/{accepted['request_id']}/callback-logs", headers=bearer(key))
    [attempt] = logs.json()["logs"]

    assert served == [200] * 4
    assert message["data"]["download_url"] == urlsplit(url).path
    assert int(datetime.fromisoformat(attempt["attempted_at"]).timestamp()) == ends - 24 * 3_600
    assert orjson.loads(attempt["request"]["body"]) == message


async def test_with_reports_in_s3_a_link_leads_there_and_no_further(run_service: RunService, s3: S3Server) -> None:
    async with run_service(**CLOSED, **s3.settings(f"links/{uuid4()}")) as service:
        key = await made(service, "submit", "read")
        url = await link(service, await report(service, key), bearer(key))
        sent = await service.client.get(url)
        here = await service.client.get(f"{url}&redirect=false", headers={"range": "bytes=0-13"})
        head = await service.client.head(url)
        changed = await service.client.get(f"{url}0")
        async with httpx.AsyncClient() as client:
            file = await client.get(sent.headers["location"])

    assert (sent.status_code, sent.headers["cache-control"], head.status_code) == (302, "no-store", 200)
    assert (here.status_code, here.content, changed.status_code) == (206, file.content[:14], 403)
