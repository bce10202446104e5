"""The parts of a running service, as the composition root hands them to the controllers."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime, timedelta

from src.services.benchmarks.runner import BenchmarkRunner
from src.services.benchmarks.store import BenchmarkStore
from src.services.delivery.lane_ids import LaneIds
from src.services.delivery.ping import Pinger
from src.services.delivery.public_keys import PublicKeys
from src.services.delivery.signers import KnownSecrets, Signers
from src.services.delivery.webhook_secrets import WebhookSecretStore
from src.services.demo.receiver import DemoReceivers
from src.services.engine.priority_cycle import PriorityCycle
from src.services.engine.protocol import Engine
from src.services.identity.account_store import AccountStore
from src.services.identity.authenticator import Authenticator
from src.services.identity.caller import View
from src.services.identity.key_store import KeyStore
from src.services.identity.sessions import Sessions
from src.services.identity.ticket_store import TicketStore
from src.services.kit.group_commit import GroupCommit
from src.services.kit.supervision import Supervisor
from src.services.live.account_streams import AccountStreams
from src.services.live.completions import Completions
from src.services.live.event_bus import EventBus
from src.services.metrics.last_hour import LastHour
from src.services.metrics.snapshot import Cached
from src.services.outbound.client import LocalLacks
from src.services.report_files.links import ReportLinks
from src.services.report_files.production import SimulatedWork
from src.services.report_files.storage import ReportStorage
from src.services.requests.accept_batcher import AcceptBatcher
from src.services.requests.batch_accepting import BatchAccepter
from src.services.requests.batch_changes import BatchChanges
from src.services.requests.batches import BatchStore
from src.services.requests.database_condition import DatabaseCondition
from src.services.requests.in_flight import InFlight
from src.services.requests.observers import Observers
from src.services.requests.reader import RequestReader
from src.services.requests.records import Finished, Recorded
from src.services.requests.redeliveries import RedeliveryStore
from src.services.requests.report_removal import ReportRemoval
from src.services.requests.store import RequestStore
from src.services.upkeep.redelivering import Redelivering


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncParts:
    """Dependencies of synchronous generation."""

    batcher: AcceptBatcher
    #: Stores results, many per transaction.
    finisher: GroupCommit[Finished, Recorded | None]
    #: Stores failures of requests that will have no report, many per transaction.
    failer: GroupCommit[Finished, None]
    #: The requests that this process is generating.
    in_flight: InFlight
    storage: ReportStorage
    #: Threads for generating.
    threads: Executor
    simulated_work: SimulatedWork
    #: The time, aware UTC, never going back.
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchParts:
    """Dependencies of batches."""

    store: BatchStore
    changes: BatchChanges
    accepter: BatchAccepter


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadParts:
    """Dependencies of downloads."""

    reader: RequestReader
    store: RequestStore
    storage: ReportStorage
    #: Threads for blocking calls.
    threads: Executor
    #: Validity of presigned URLs, seconds; None: every download is served by this server.
    signed_url_s: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityParts:
    """What recognises callers."""

    authenticator: Authenticator
    #: The only writer of keys.
    keys: KeyStore
    #: The only writer of accounts.
    accounts: AccountStore
    #: Open one event stream each, for browsers.
    tickets: TicketStore
    #: Ends streams of keys that are no longer good.
    sessions: Sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookParts:
    """What signs callbacks, on the server's loop."""

    #: The only reader and writer of the secrets of accounts.
    store: WebhookSecretStore
    known: KnownSecrets
    signers: Signers
    public_keys: PublicKeys
    #: The current secret of the unnamed account.
    unnamed_secret: str
    #: Makes links to reports, and judges signed ones.
    links: ReportLinks


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """All dependencies of the use cases; created once, in `assembly/`."""

    #: Supervises the long-lived tasks.
    tasks: Supervisor
    database: DatabaseCondition
    identity: IdentityParts
    store: RequestStore
    reader: RequestReader
    observers: Observers
    completions: Completions
    #: Maximum time that a call waits for a request to end, seconds.
    wait_max_s: int
    sync: SyncParts
    downloads: DownloadParts
    storage: ReportStorage
    #: Deletes the reports of deleted requests.
    removal: ReportRemoval
    engine: Engine
    #: Whose turn it is.
    priorities: PriorityCycle
    #: The longest time that an attempt to deliver a callback takes.
    attempt_ends_within: timedelta
    local_lacks: LocalLacks
    #: The event streams of all accounts.
    streams: AccountStreams
    demo_receivers: DemoReceivers
    #: Sends one test message to a receiver.
    pinger: Pinger
    batches: BatchParts
    redeliveries: RedeliveryStore
    #: Advances them.
    redelivering: Redelivering
    benchmarks: BenchmarkRunner
    benchmark_store: BenchmarkStore
    webhooks: WebhookParts
    #: Threads for blocking calls: generating sync reports, hashing and deleting files.
    threads: Executor
    #: Returns the numbers of idle and of all connections in the store's pool.
    connections: Callable[[], tuple[int, int]]
    #: The figures of the table in `/metrics`.
    table_figures: Cached
    #: What the page charts.
    last_hour: LastHour
    #: Maps lanes to their public ids.
    lane_ids: LaneIds
    sync_max_transactions: int
    async_max_transactions: int
    #: The time, aware UTC, never going back.
    now: Callable[[], datetime]
    started_at: datetime
    #: Set when the server is about to stop.
    stopping: asyncio.Event

    @property
    def batcher(self) -> AcceptBatcher:
        """Accepts requests, many in a transaction."""
        return self.sync.batcher

    @property
    def links(self) -> ReportLinks:
        """Makes links to reports, and judges signed ones."""
        return self.webhooks.links

    @property
    def signing_secret(self) -> str:
        """The current signing secret of the unnamed account, for the demo's signature check."""
        return self.webhooks.unnamed_secret

    @property
    def events(self) -> EventBus:
        """The event stream of the unnamed account."""
        return self.streams.of(View())

    async def before_stop(self) -> None:
        """End pending waits and benchmarks, before the server stops accepting connections."""
        self.completions.close()
        self.events.ending.set()
        await self.benchmarks.aclose()
