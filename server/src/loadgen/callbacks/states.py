"""The final state of every accepted request, as reported by the server."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson

from src.loadgen.http.client import HttpClient

READERS = 16
#: Seconds for reading all states; those not read by then are reported as such.
READ_WITHIN_S = 120.0
NOT_READ = "not read"
FINAL = {"SUCCESS", "FAILED", "CANCELLED"}


class State(NamedTuple):
    """The state of one request, as reported by the server."""

    status: str
    callback_status: str
    #: Seconds from acceptance to the start of generation, and from there to its end; None: not reached.
    waiting_s: float | None
    generating_s: float | None

    @property
    def name(self) -> str:
        """Both statuses, such as `COMPLETED/SUCCESS`."""
        return f"{self.status}/{self.callback_status}"

    @property
    def is_final(self) -> bool:
        """Whether no further callback will be sent."""
        return self.callback_status in FINAL


async def read_states(
    client: HttpClient,
    request_ids: Iterable[str],
    give_up: Callable[[], bool],
    within_s: float = READ_WITHIN_S,
) -> dict[str, State]:
    """Read the states of requests with limited concurrency.

    Args:
        client: the client for the server.
        request_ids: the requests.
        give_up: returns True to stop early.
        within_s: timeout for all of them, in seconds.

    Returns:
        The states of those that could be read.
    """
    states: dict[str, State] = {}
    waiting = iter(request_ids)

    async def reader() -> None:
        for request_id in waiting:
            if give_up():
                return
            response = await client.exchange(client.request("GET", f"/api/requests/{quote(request_id, safe='')}"))
            state = _state(response.body) if response.status == 200 else None
            if state is not None:
                states[request_id] = state

    tasks = [asyncio.create_task(reader()) for _ in range(READERS)]
    _, late = await asyncio.wait(tasks, timeout=within_s)
    for task in late:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return states


def _state(body: bytes) -> State | None:
    try:
        detail = orjson.loads(body)
        created_at, started_at, completed_at = (_moment(detail.get(f"{name}_at")) for name in _MOMENTS)
        return State(
            str(detail["status"]),
            str(detail["callback_status"]),
            _between(created_at, started_at),
            _between(started_at, completed_at),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


_MOMENTS = ("created", "started", "completed")


def _moment(value: Any) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


def _between(begin: datetime | None, end: datetime | None) -> float | None:
    return None if begin is None or end is None else max((end - begin).total_seconds(), 0.0)
