"""What would become of a callback URL: told without a lookup or a connection, or by one signed message."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from src.services.delivery.signing import Signer
from tests.integration.test_async_delivery import RunService
from tests.support.callback_urls import ACCEPTED, REFUSED
from tests.support.certificates import make_certificates, server_context
from tests.support.hostile_answers import OK
from tests.support.raw_receivers import RawReceiver, says
from tests.support.receivers import Receiver
from tests.support.sealed_network import SealedNetwork
from tests.support.service import Service

PATH = "/api/callbacks/check"
HOSTILE = [url for urls in REFUSED.values() for url in urls if not any("\ud800" <= sign <= "\udfff" for sign in url)]


async def check(service: Service, url: str, *, ping: bool = False, address: str = "192.0.2.1") -> dict[str, Any]:
    headers = {"x-forwarded-for": address}
    answer = await service.client.post(PATH, json={"callback_url": url, "ping": ping}, headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


class Lookups(SealedNetwork):
    """A sealed network that writes down which names were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def lookup(self, host: str, port: int) -> list[Any]:
        self.asked.append(host)
        return super().lookup(host, port)


async def test_every_url_is_judged_without_a_lookup_and_without_a_connection(run_service: RunService) -> None:
    sealed = Lookups()
    async with run_service(network=sealed.network, trusted_proxies=("127.0.0.1/32",), demo_tools=False) as service:
        refused = [
            (url, await check(service, url, address=f"198.51.{n // 250}.{n % 250 + 1}"))
            for n, url in enumerate(HOSTILE)
        ]
        # Where the rules refuse, `ping` sends nothing either.
        pinged = [
            await check(service, url, ping=True, address=f"198.53.{n // 250}.{n % 250 + 1}")
            for n, url in enumerate(HOSTILE)
        ]
        allowed = {url: await check(service, url, address=f"198.52.0.{n + 1}") for n, url in enumerate(ACCEPTED)}

    assert [url for url, found in refused if found["allowed"] or found["canonical"] or found["ping"]] == []
    assert [found for found in pinged if found["allowed"] or found["ping"]] == []
    assert all([one["passed"] for one in found["checks"]].count(False) == 1 for _, found in refused)
    assert {url: found["canonical"] for url, found in allowed.items()} == ACCEPTED
    assert all(found["allowed"] and found["ping"] is None for found in allowed.values())
    assert (sealed.asked, sealed.dialled) == ([], [])


async def test_a_ping_is_signed_like_a_callback_and_tells_how_long_each_part_took(
    service: Service, receiver: Receiver
) -> None:
    found = await check(service, receiver.url, ping=True)
    [callback] = receiver.callbacks
    Signer([service.parts.signing_secret]).verify(callback.headers, callback.raw, datetime.now(UTC).timestamp())

    ping = found["ping"]
    assert (ping["status"], ping["error_code"]) == (200, None)
    assert callback.body["type"] == "test.ping"
    assert (ping["dns_ms"], ping["tls_ms"], ping["certificate_expires_at"]) == (None, None, None)
    assert ping["connect_ms"] >= 0
    assert ping["first_byte_ms"] > 0
    assert "seen" not in str(found)
    assert await service.count() == 0


async def test_over_tls_a_ping_tells_of_handshake_and_certificate(run_service: RunService, tmp_path: Path) -> None:
    folder = make_certificates(tmp_path)
    receiver = RawReceiver(says(OK))
    await receiver.start("127.0.0.1", 0, server_context(folder))
    sealed = SealedNetwork({("127.0.0.1", receiver.port)}, {"a.test": [ip_address("127.0.0.1")]})
    url = f"https://a.test:{receiver.port}/hook"
    async with run_service(
        network=sealed.network,
        ssl_cert_file=str(folder / "ca.pem"),
        callback_allowed_origins=(f"https://a.test:{receiver.port}",),
    ) as service:
        ping = (await check(service, url, ping=True))["ping"]
    await receiver.stop()

    expires_at = datetime.fromisoformat(ping["certificate_expires_at"])
    assert ping["status"] == 200
    assert all(ping[part] > 0 for part in ("dns_ms", "connect_ms", "tls_ms", "first_byte_ms"))
    assert timedelta(days=3_600) < expires_at - datetime.now(UTC) < timedelta(days=3_651)
    assert ssl.cert_time_to_seconds(expires_at.strftime("%b %d %H:%M:%S %Y GMT")) == expires_at.timestamp()


@pytest.mark.parametrize("leads_to", ["10.0.0.7", "127.0.0.1", "169.254.169.254", "::1", "fd00::1"])
async def test_a_name_that_leads_inside_is_pinged_nowhere_and_its_address_is_not_told(
    run_service: RunService, leads_to: str
) -> None:
    sealed = SealedNetwork(names={"inside.example.com": [ip_address(leads_to)]})
    async with run_service(network=sealed.network) as service:
        found = await check(service, "http://inside.example.com/", ping=True)

    assert (found["allowed"], found["ping"]["status"], found["ping"]["error_code"]) == (True, None, "blocked_address")
    assert leads_to not in str(found)
    assert sealed.dialled == []


async def test_what_goes_wrong_with_a_ping_is_an_outcome(run_service: RunService, receiver: Receiver) -> None:
    closed = "http://127.0.0.1:9"
    receiver.answer = lambda _number, _callback: 503
    settings = {"callback_allowed_origins": (closed, receiver.origin)}
    async with run_service(network=SealedNetwork({receiver_door(receiver)}).network, **settings) as service:
        outcomes = [
            (await check(service, url, ping=True))["ping"]
            for url in ("http://nowhere.example.com/", closed, receiver.url)
        ]

    assert [(ping["status"], ping["error_code"]) for ping in outcomes] == [
        (None, "dns_failure"),
        (None, "connect_failed"),
        (503, "bad_status"),
    ]


def receiver_door(receiver: Receiver) -> tuple[str, int]:
    return "127.0.0.1", int(receiver.origin.rpartition(":")[2])


async def test_a_caller_may_check_ten_times_a_minute(service: Service) -> None:
    statuses = [
        (await service.client.post(PATH, json={"callback_url": "http://10.0.0.7/"})).status_code for _ in range(11)
    ]
    assert statuses == [200] * 10 + [429]


@pytest.mark.parametrize(
    "body", [{}, {"callback_url": 1}, {"callback_url": "http://a.example/", "ping": 1}, {"x": 1}, []]
)
async def test_a_body_that_asks_nothing_is_refused(service: Service, body: object) -> None:
    answer = await service.client.post(PATH, json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
