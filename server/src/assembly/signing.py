"""Creates the parts that sign: callbacks, for each account with its own secrets, and links."""

import base64
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from src.assembly.rules import given_keys, given_secrets
from src.config import Settings
from src.services.delivery.missing_secrets import MissingSecrets
from src.services.delivery.public_keys import PublicKeys
from src.services.delivery.signers import KnownSecrets, Scheme, Signers
from src.services.delivery.signing import Version
from src.services.delivery.signing_secrets import kept_secret
from src.services.delivery.webhook_secrets import SET_NAME_BYTES, Fetch, WebhookSecretStore
from src.services.identity.secrets_at_rest import SecretKeys, kept_key
from src.services.report_files.links import ReportLinks
from src.services.requests.changes import Hearing

HOUR_S = 3_600

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """The parts that sign."""

    scheme: Scheme
    links: ReportLinks
    known: KnownSecrets
    #: On the server's loop, like the next two.
    store: WebhookSecretStore
    signers: Signers
    missing: MissingSecrets
    public_keys: PublicKeys
    keys: SecretKeys
    #: Whether this process hears of changed secrets and keys.
    hearing: Hearing
    now: Callable[[], datetime]

    def signers_with(self, fetch: Fetch) -> Signers:
        """Return the signers of another event loop, on which secrets are read by `fetch`."""
        return Signers(self.scheme, self.known, WebhookSecretStore(fetch, self.keys, self.now).of, self.now)


async def open_signing(settings: Settings, fetch: Fetch, *, now: Callable[[], datetime]) -> Signing:
    """Create the parts that sign; secrets that are not set are generated at the first start.

    Args:
        settings: the configuration.
        fetch: runs a statement on the server's loop.
        now: the time, aware UTC.

    Raises:
        ValueError: a setting is invalid; the message says which and why.
        NotStarted: a file with a secret does not contain one, or what is stored cannot be decrypted.
    """
    keys = given_keys(settings) or SecretKeys([kept_key(settings.data_dir)])
    versions = list(Version) if settings.webhook_signatures == "both" else [Version(settings.webhook_signatures)]
    scheme = Scheme(
        frozenset(versions),
        given_secrets(settings) or [kept_secret(settings.data_dir)],
        keys.derived("signing keys of the unnamed account"),
    )
    hearing, store = Hearing(), WebhookSecretStore(fetch, keys, now)
    known = KnownSecrets(lambda: hearing.is_current)
    await store.check()
    # The oldest key of SECRETS_KEY gives the name to tell, which stays while another is put in front.
    names = [_name(key) for key in reversed(keys.derived("key set of the unnamed account"))]
    public_keys = PublicKeys(names, scheme.signing_keys, store.public_keys, settings.public_base_url)
    if Version.V1A in scheme.versions:
        log.info("Public keys of the account without a name, for v1a signatures: %s", public_keys.url(None))
    return Signing(
        scheme=scheme,
        links=_links(settings, keys),
        known=known,
        store=store,
        signers=Signers(scheme, known, store.of, now),
        missing=MissingSecrets(store.create_missing),
        public_keys=public_keys,
        keys=keys,
        hearing=hearing,
        now=now,
    )


def _links(settings: Settings, keys: SecretKeys) -> ReportLinks:
    return ReportLinks(
        settings.public_base_url,
        keys.derived("download links"),
        settings.callback_link_hours * HOUR_S if settings.auth_required else None,
    )


def _name(key: bytes) -> str:
    return base64.urlsafe_b64encode(key[:SET_NAME_BYTES]).rstrip(b"=").decode()
