"""The way in: what gathers requests, and ends those that a stop interrupts."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime

from src.assembly.data import Data
from src.config import Settings
from src.services.kit.group_commit import GroupCommit
from src.services.requests.accept_batcher import AcceptBatcher
from src.services.requests.in_flight import InFlight
from src.services.requests.records import Finished

SYNC_RESULTS_IN_ONE_TRANSACTION_MAX = 128
#: For sync requests that the stop interrupts, to say in the database that they are over.
SYNC_ENDS_WITHIN_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepting:
    """What submissions go through."""

    batcher: AcceptBatcher
    finisher: GroupCommit[Finished, None]
    failer: GroupCommit[Finished, None]
    in_flight: InFlight
    #: Set when the server is about to stop.
    stopping: asyncio.Event


def open_accepting(
    settings: Settings,
    data: Data,
    stack: AsyncExitStack,
    *,
    on_accepted: Callable[[], None],
    now: Callable[[], datetime],
) -> Accepting:
    """Begin to accept; when the service stops this ends first, and waits for what is under way."""
    batcher = AcceptBatcher(
        data.store,
        pending_max=settings.max_pending_requests,
        pending_per_caller_max=settings.max_pending_per_caller,
        receivers_per_caller_max=settings.max_receivers_per_caller,
        on_accepted=on_accepted,
        now=now,
    )
    in_flight, stopping = InFlight(), asyncio.Event()
    stack.push_async_callback(batcher.drain)
    stack.push_async_callback(in_flight.drain, SYNC_ENDS_WITHIN_S)
    stack.callback(stopping.set)
    return Accepting(
        batcher=batcher,
        finisher=GroupCommit(data.store.finish, items_max=SYNC_RESULTS_IN_ONE_TRANSACTION_MAX),
        failer=GroupCommit(data.store.fail_sync, items_max=SYNC_RESULTS_IN_ONE_TRANSACTION_MAX),
        in_flight=in_flight,
        stopping=stopping,
    )
