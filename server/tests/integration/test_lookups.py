"""Looking up the names of receivers, in a whole service: once for each attempt, and nothing stays behind."""

import threading
from ipaddress import ip_address

from src.services.outbound.guard import Address
from src.services.outbound.transport import Network
from tests.integration.test_async_delivery import RunService
from tests.support.receivers import Receiver
from tests.support.sealed_network import trusted
from tests.support.service import Service
from tests.support.waiting import eventually

CALLBACKS = 5


class Lookups:
    """The system's lookup; it counts."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, host: str, _port: int) -> list[Address]:
        self.names.append(host)
        return [ip_address("127.0.0.1")]


async def test_each_attempt_looks_its_name_up_once(run_service: RunService, receiver: Receiver) -> None:
    lookups = Lookups()
    receiver.answer = lambda number, _: 500 if number == 0 else 200
    origin = receiver.origin.replace("127.0.0.1", "localhost")
    async with run_service(network=Network(lookups, tls=trusted), callback_allowed_origins=(origin,)) as service:
        ended = [await delivered(service, f"{origin}/webhook") for _ in range(CALLBACKS)]

    assert [detail["callback_status"] for detail in ended] == ["SUCCESS"] * CALLBACKS
    assert lookups.names == ["localhost"] * (CALLBACKS + 1)


async def test_the_threads_of_lookups_end_with_the_service(run_service: RunService, receiver: Receiver) -> None:
    origin = receiver.origin.replace("127.0.0.1", "localhost")
    before = set(threading.enumerate())
    async with run_service(network=Network(Lookups(), tls=trusted), callback_allowed_origins=(origin,)) as service:
        await delivered(service, f"{origin}/webhook")
        started = [thread for thread in set(threading.enumerate()) - before if thread.name == "callback-lookup"]
        assert len(started) == 1

    await eventually(lambda: not started[0].is_alive())


async def delivered(service: Service, url: str) -> dict[str, object]:
    accepted = await service.submit(url)
    return await service.callback_ended(accepted["request_id"])
