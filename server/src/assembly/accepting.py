"""Creates the parts that accept requests, and ends those that a shutdown interrupts."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime

from src.assembly.data import Data
from src.config import Settings
from src.services.kit.group_commit import GroupCommit
from src.services.requests.accept_batcher import AcceptBatcher
from src.services.requests.batch_accepting import BatchAccepter
from src.services.requests.in_flight import InFlight
from src.services.requests.records import Finished, Recorded

SYNC_RESULTS_IN_ONE_TRANSACTION_MAX = 128
#: Time for sync requests that a shutdown interrupts to record their end in the database.
SYNC_ENDS_WITHIN_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepting:
    """The parts that accept requests."""

    batcher: AcceptBatcher
    batch_accepter: BatchAccepter
    finisher: GroupCommit[Finished, Recorded | None]
    failer: GroupCommit[Finished, None]
    in_flight: InFlight
    #: Set when the server is about to stop.
    stopping: asyncio.Event


def open_accepting(
    settings: Settings,
    data: Data,
    in_flight: InFlight,
    stack: AsyncExitStack,
    *,
    on_accepted: Callable[[], None],
    now: Callable[[], datetime],
) -> Accepting:
    """Create the parts that accept requests; on shutdown they stop first, after draining what is in progress."""
    batcher = AcceptBatcher(
        data.store,
        pending_max=settings.max_pending_requests,
        pending_per_caller_max=settings.max_pending_per_caller,
        receivers_per_caller_max=settings.max_receivers_per_caller,
        on_accepted=on_accepted,
        now=now,
    )
    batch_accepter = BatchAccepter(
        data.batches, backlog=batcher.backlog, receivers=batcher.receivers, on_accepted=on_accepted, now=now
    )
    stopping = asyncio.Event()
    stack.push_async_callback(batcher.drain)
    stack.push_async_callback(batch_accepter.drain)
    stack.push_async_callback(in_flight.drain, SYNC_ENDS_WITHIN_S)
    stack.callback(stopping.set)
    return Accepting(
        batcher=batcher,
        batch_accepter=batch_accepter,
        finisher=GroupCommit(data.store.finish, items_max=SYNC_RESULTS_IN_ONE_TRANSACTION_MAX),
        failer=GroupCommit(data.store.fail_sync, items_max=SYNC_RESULTS_IN_ONE_TRANSACTION_MAX),
        in_flight=in_flight,
        stopping=stopping,
    )
