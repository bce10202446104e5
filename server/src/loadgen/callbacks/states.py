"""What the server says, at the end, of every request that it accepted."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson

from src.loadgen.http.client import HttpClient

READERS = 16
#: Reading all of them takes at most this long; what was not read by then is told.
READ_WITHIN_S = 120.0
NOT_READ = "not read"
FINAL = {"SUCCESS", "FAILED"}


class State(NamedTuple):
    """One request, as the server tells it."""

    status: str
    callback_status: str
    #: From acceptance to the beginning of generation, and from there to its end; None: not so far.
    waiting_s: float | None
    generating_s: float | None

    @property
    def name(self) -> str:
        """Both states together, such as `COMPLETED/SUCCESS`."""
        return f"{self.status}/{self.callback_status}"

    @property
    def is_final(self) -> bool:
        """Nothing more will be called back."""
        return self.callback_status in FINAL


async def read_states(
    client: HttpClient,
    request_ids: Iterable[str],
    give_up: Callable[[], bool],
    within_s: float = READ_WITHIN_S,
) -> dict[str, State]:
    """Read the requests, a few at a time.

    Args:
        client: to the server.
        request_ids: which ones.
        give_up: true as soon as nothing more is to be read.
        within_s: for all of them.

    Returns:
        The states of those that could be read.
    """
    states: dict[str, State] = {}
    waiting = iter(request_ids)

    async def reader() -> None:
        for request_id in waiting:
            if give_up():
                return
            answer = await client.exchange(client.request("GET", f"/api/requests/{quote(request_id, safe='')}"))
            state = _state(answer.body) if answer.status == 200 else None
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
