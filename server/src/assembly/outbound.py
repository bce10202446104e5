"""Creates the parts that send callbacks: policies, signer, guard and client factories."""

import logging
import os
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta

from src.assembly.rules import callback_tls
from src.assembly.signing import Signing, open_signing
from src.config import Settings
from src.services.delivery.attempts import AttemptRules
from src.services.delivery.concurrency import DeliverySlots
from src.services.delivery.pace import DeliveryPace, parse_rate, slower
from src.services.delivery.ping import PINGS_MAX, Pinger
from src.services.delivery.sender import CallbackSender, DeliveryRules
from src.services.delivery.signers import Signers
from src.services.delivery.webhook_secrets import Fetch
from src.services.identity.callback_policies import CallbackPolicies
from src.services.outbound.client import LocalLacks, ReceiverClient
from src.services.outbound.guard import CallbackGuard, ThreadResolver
from src.services.outbound.transport import Network
from src.services.requests.batch_callbacks import BatchCallbacks
from src.services.requests.observers import Observers
from src.services.requests.store import RequestStore

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbound:
    """The parts that send callbacks."""

    policies: CallbackPolicies
    signing: Signing
    lacks: LocalLacks
    #: The authorities that are trusted; shared by all connections.
    tls: ssl.SSLContext
    #: Creates the client of a receiver; its lookups and connections belong to the loop it is used on.
    connect: Callable[[str], ReceiverClient]
    guard: CallbackGuard
    rules: DeliveryRules
    pace: DeliveryPace
    pinger: Pinger

    def sender_factory(
        self, observers: Observers, now: Callable[[], datetime]
    ) -> Callable[[RequestStore], CallbackSender]:
        """Return a factory that creates the sender of a leadership term on the worker's loop."""
        return lambda store: CallbackSender(
            store=store,
            batches=BatchCallbacks(store.fetch, store.epoch, observers),
            connect=self.connect,
            policy_of=self.policies.of,
            locate=self.guard.locate,
            signers=self.signing.signers_with(store.fetch),
            rules=self.rules,
            observers=observers,
            now=now,
            pace=self.pace,  # kept across terms
        )


async def open_outbound(
    settings: Settings,
    network: Network,
    policies: CallbackPolicies,
    fetch: Fetch,
    stack: AsyncExitStack,
    *,
    now: Callable[[], datetime],
) -> Outbound:
    """Create the parts that send callbacks, without connecting to any receiver.

    Raises:
        ValueError: a setting is invalid; the message says which and why.
        NotStarted: the secrets that are stored cannot be decrypted.
    """
    signing = await open_signing(settings, fetch, now=now)
    guard, lacks = _guard(network, stack), LocalLacks()
    tls = callback_tls(settings, network.tls)
    if proxies := _proxies_of_the_environment():
        log.info("%s: ignored for callbacks, which connect directly to the address that was checked.", proxies)
    return Outbound(
        policies=policies,
        signing=signing,
        lacks=lacks,
        tls=tls,
        connect=lambda receiver: ReceiverClient(receiver, guard, tls, network.open_socket, lacks=lacks),
        guard=guard,
        rules=DeliveryRules(
            attempts=AttemptRules(links=signing.links, timeout_s=settings.callback_timeout_seconds),
            retry_delays_s=settings.callback_retry_delays,
            probe_after_s=settings.callback_probe_seconds,
            expires_after=timedelta(hours=settings.callback_expiry_hours),
        ),
        pace=DeliveryPace(parse_rate(settings.callback_rate_per_receiver)),
        pinger=_pinger(settings, network, tls, signing.signers, stack, now),
    )


def _pinger(
    settings: Settings,
    network: Network,
    tls: ssl.SSLContext,
    signers: Signers,
    stack: AsyncExitStack,
    now: Callable[[], datetime],
) -> Pinger:
    """Create the pinger with a guard and slots of its own: these belong to one loop, and callbacks use the worker's."""
    guard = _guard(network, stack)
    return Pinger(
        guard=guard,
        connect=lambda receiver: ReceiverClient(receiver, guard, tls, network.open_socket),
        signers=signers,
        slots=DeliverySlots(DeliveryPace(slower(parse_rate(settings.callback_rate_per_receiver), PINGS_MAX))),
        timeout_s=settings.callback_timeout_seconds,
        now=now,
    )


def _guard(network: Network, stack: AsyncExitStack) -> CallbackGuard:
    resolver = ThreadResolver(network.lookup)
    stack.callback(resolver.close)
    return CallbackGuard(resolver)


def _proxies_of_the_environment() -> str:
    """Return the names of the proxy variables that are set; their values may contain a password."""
    names = (f"{scheme}_proxy" for scheme in ("http", "https", "all"))
    return ", ".join(given for name in names for given in (name, name.upper()) if os.environ.get(given))
