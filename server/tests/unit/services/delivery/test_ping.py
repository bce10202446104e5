"""One signed message to a receiver: it ends by itself, and says why where nothing was sent."""

import ssl
from datetime import UTC, datetime
from ipaddress import ip_address

import pytest

from src.errors import Unavailable
from src.services.delivery.concurrency import DeliverySlots
from src.services.delivery.pace import DeliveryPace, Rate
from src.services.delivery.ping import Pinged, Pinger
from src.services.outbound.callback_url import CallbackPolicy, CallbackUrl
from src.services.outbound.client import Failure, ReceiverClient
from src.services.outbound.guard import Address, CallbackGuard, Resolver
from src.services.outbound.transport import Timings
from tests.support.lanes import UNNAMED_SIGNERS
from tests.support.raw_receivers import RawReceiver, hangs
from tests.support.sealed_network import SealedNetwork

SHORT_S = 0.1


class Way:
    """The way to receivers, and what goes over it."""

    def __init__(self, resolver: Resolver, timeout_s: float = SHORT_S) -> None:
        self.pace = DeliveryPace(Rate(1, 60))
        self.sealed = SealedNetwork()
        guard, tls = CallbackGuard(resolver), ssl.create_default_context()
        self.pinger = Pinger(
            guard=guard,
            connect=lambda receiver: ReceiverClient(receiver, guard, tls, self.sealed.open),
            signers=UNNAMED_SIGNERS,
            slots=DeliverySlots(self.pace),
            timeout_s=timeout_s,
            now=lambda: datetime(2026, 1, 31, tzinfo=UTC),
        )

    async def ping(self, url: CallbackUrl) -> Pinged:
        return await self.pinger.ping("192.0.2.1", url)


async def leads_nowhere(_host: str, _port: int) -> list[Address]:
    return [ip_address("93.184.215.14")]


async def never(_host: str, _port: int) -> list[Address]:
    raise TimeoutError


async def test_whose_turn_does_not_come_is_told_so_and_nothing_is_dialled() -> None:
    way, url = Way(leads_nowhere), CallbackPolicy().check("http://example.com/")
    assert way.pace.take(url.receiver, "93.184.215.14")
    with pytest.raises(Unavailable):
        await way.ping(url)

    assert way.sealed.dialled == []


async def test_a_receiver_that_hangs_is_a_timeout_and_what_was_reached_is_told() -> None:
    receiver = RawReceiver(hangs)
    await receiver.start("127.0.0.1", 0, None)
    way = Way(leads_nowhere, timeout_s=1)
    way.sealed.doors.add(("127.0.0.1", receiver.port))
    origin = f"http://127.0.0.1:{receiver.port}"
    pinged = await way.ping(CallbackPolicy(frozenset([origin])).check(f"{origin}/"))
    await receiver.stop()

    assert (pinged.error_code, pinged.dns_s) == ("timeout", None)
    assert pinged.timings.connect_s is not None
    assert pinged.timings.first_byte_s is None


async def test_a_name_that_nobody_answers_for_is_no_lack_of_turns() -> None:
    pinged = await Way(never).ping(CallbackPolicy().check("http://example.com/"))

    assert isinstance(pinged.outcome, Failure)
    assert (pinged.error_code, pinged.timings) == ("timeout", Timings())
