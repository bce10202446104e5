"""Creates the parts that send callbacks: policies, signer, guard and client factories."""

import logging
import os
import ssl
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta

from src.assembly.rules import callback_tls, given_keys, given_secrets
from src.config import Settings
from src.services.delivery.attempts import AttemptRules
from src.services.delivery.concurrency import DeliverySlots
from src.services.delivery.pace import DeliveryPace, parse_rate, slower
from src.services.delivery.ping import PINGS_MAX, Pinger
from src.services.delivery.sender import CallbackSender, DeliveryRules
from src.services.delivery.signing import Signer
from src.services.delivery.signing_secrets import kept_secret
from src.services.identity.callback_policies import CallbackPolicies
from src.services.identity.secrets_at_rest import SecretKeys, kept_key
from src.services.outbound.client import LocalLacks, ReceiverClient
from src.services.outbound.guard import CallbackGuard, ThreadResolver
from src.services.outbound.transport import Network
from src.services.report_files.links import ReportLinks
from src.services.requests.batch_callbacks import BatchCallbacks
from src.services.requests.observers import Observers
from src.services.requests.store import RequestStore

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbound:
    """The parts that send callbacks."""

    policies: CallbackPolicies
    secrets: Sequence[str]
    signer: Signer
    links: ReportLinks
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
            signer=self.signer,
            rules=self.rules,
            observers=observers,
            now=now,
            pace=self.pace,  # kept across terms
        )


def open_outbound(
    settings: Settings,
    network: Network,
    policies: CallbackPolicies,
    stack: AsyncExitStack,
    *,
    now: Callable[[], datetime],
) -> Outbound:
    """Create the parts that send callbacks, without connecting to anything.

    Raises:
        ValueError: a setting is invalid; the message says which and why.
    """
    guard, lacks = _guard(network, stack), LocalLacks()
    secrets = given_secrets(settings) or [kept_secret(settings.data_dir)]
    tls = callback_tls(settings, network.tls)
    if proxies := _proxies_of_the_environment():
        log.info("%s: ignored for callbacks, which connect directly to the address that was checked.", proxies)
    signer, keys = Signer(secrets), given_keys(settings) or SecretKeys([kept_key(settings.data_dir)])
    links = _links(settings, keys)
    return Outbound(
        policies=policies,
        secrets=secrets,
        signer=signer,
        links=links,
        lacks=lacks,
        tls=tls,
        connect=lambda receiver: ReceiverClient(receiver, guard, tls, network.open_socket, lacks=lacks),
        guard=guard,
        rules=DeliveryRules(
            attempts=AttemptRules(links=links, timeout_s=settings.callback_timeout_seconds),
            retry_delays_s=settings.callback_retry_delays,
            probe_after_s=settings.callback_probe_seconds,
            expires_after=timedelta(hours=settings.callback_expiry_hours),
        ),
        pace=DeliveryPace(parse_rate(settings.callback_rate_per_receiver)),
        pinger=_pinger(settings, network, tls, signer, stack, now),
    )


def _links(settings: Settings, keys: SecretKeys) -> ReportLinks:
    hour_s = 3_600
    return ReportLinks(
        settings.public_base_url,
        keys.derived("download links"),
        settings.callback_link_hours * hour_s if settings.auth_required else None,
    )


def _pinger(
    settings: Settings,
    network: Network,
    tls: ssl.SSLContext,
    signer: Signer,
    stack: AsyncExitStack,
    now: Callable[[], datetime],
) -> Pinger:
    """Create the pinger with a guard and slots of its own: these belong to one loop, and callbacks use the worker's."""
    guard = _guard(network, stack)
    return Pinger(
        guard=guard,
        connect=lambda receiver: ReceiverClient(receiver, guard, tls, network.open_socket),
        signer=signer,
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
