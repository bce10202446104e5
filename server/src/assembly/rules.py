"""The callback rules from the settings, parsed at startup: an invalid one is reported before anything starts."""

import ssl
from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

from limits import parse

from src.config import Settings
from src.services.delivery.signing import Signer
from src.services.identity.account_store import ACCOUNT_NAME
from src.services.identity.caller import Scope
from src.services.identity.key_format import MalformedKey, ReadKey, read_key
from src.services.identity.secrets_at_rest import SecretKeys
from src.services.identity.tokens import TokenRules
from src.services.outbound.callback_url import CallbackPolicy, parse_origin
from src.services.outbound.tls import OwnAuthorities, tls_context
from src.services.upkeep.redelivering import RedeliveryRates


def check_rules(settings: Settings) -> None:
    """Validate all settings parsed in this module.

    Raises:
        ValueError: a setting is invalid; the message says which and why.
    """
    callback_policy(settings)
    given_secrets(settings)
    given_keys(settings)
    bootstrap_key(settings)
    token_rules(settings)
    if settings.ssl_cert_file or settings.ssl_cert_dir:
        callback_tls(settings)


def callback_policy(settings: Settings) -> CallbackPolicy:
    """Return the policy that decides which URLs may be called.

    Raises:
        ValueError: a setting is not an origin; the message says which part is wrong.
    """
    try:
        origins = frozenset(parse_origin(origin) for origin in settings.callback_allowed_origins)
    except ValueError as error:
        raise ValueError(f"CALLBACK_ALLOWED_ORIGINS: {error}.") from None
    return CallbackPolicy(origins, settings.demo_receiver_url if settings.demo_tools else None)


def redelivery_rates(settings: Settings) -> RedeliveryRates:
    """Read how fast bulk redeliveries go."""
    named = _per_second(settings.redelivery_rate)
    unlimited = settings.rate_limit_async == "off"
    return RedeliveryRates(
        named=named, unnamed=named if unlimited else min(named, _per_second(settings.rate_limit_async))
    )


def _per_second(rate: str) -> float:
    item = parse(rate)
    return float(item.amount / item.get_expiry())


def callback_tls(
    settings: Settings, create: Callable[[OwnAuthorities], ssl.SSLContext] = tls_context
) -> ssl.SSLContext:
    """Create the TLS context of all callbacks, which trusts the authorities of the settings as well; takes some 50 ms.

    Raises:
        ValueError: a file cannot be read or holds no certificate; the sentence says which.
    """
    try:
        return create(OwnAuthorities(settings.ssl_cert_file, settings.ssl_cert_dir))
    except ValueError as error:
        raise ValueError(f"{error}.") from None


def given_secrets(settings: Settings) -> list[str]:
    """Return the configured signing secrets.

    Raises:
        ValueError: one is malformed; the message gives its index and never the secret itself.
    """
    secrets = [secret.get_secret_value() for secret in settings.webhook_signing_secrets]
    try:
        if secrets:
            Signer(secrets)
    except ValueError as error:
        raise ValueError(f"WEBHOOK_SIGNING_SECRETS: {error}.") from None
    return secrets


def given_keys(settings: Settings) -> SecretKeys | None:
    """Read SECRETS_KEY, if it is set.

    Raises:
        ValueError: a key is malformed; the message gives its index and never the key itself.
    """
    keys = [key.get_secret_value() for key in settings.secrets_key]
    try:
        return SecretKeys(keys) if keys else None
    except ValueError as error:
        raise ValueError(f"SECRETS_KEY: {error}.") from None


def bootstrap_key(settings: Settings) -> ReadKey | None:
    """Read the operator's key, if one is set.

    Raises:
        ValueError: it is not a key; the sentence never shows it.
    """
    text = settings.bootstrap_admin_key.get_secret_value()
    try:
        return read_key(text) if text else None
    except MalformedKey as error:
        raise ValueError(f"BOOTSTRAP_ADMIN_KEY: {error} `python -m src.manage keys generate` prints one.") from None


def token_rules(settings: Settings) -> TokenRules | None:
    """Read what tokens of the issuer must say; None if no issuer is trusted.

    Raises:
        ValueError: the settings of the issuer are incomplete, or its keys would be fetched over plain HTTP.
    """
    given = (settings.jwt_issuer, settings.jwt_audience, settings.jwt_jwks_url)
    if not any(given):
        return None
    if not all(given):
        raise ValueError("JWT_ISSUER, JWT_AUDIENCE and JWT_JWKS_URL: set all three or none.")
    try:
        url = urlsplit(settings.jwt_jwks_url)
        is_safe = bool(url.hostname) and (
            url.scheme == "https" or (url.scheme == "http" and _is_loopback(url.hostname))
        )
        is_safe = is_safe and url.port != 0
    except ValueError:
        is_safe = False
    if not is_safe:
        raise ValueError("JWT_JWKS_URL: write https://…, or http:// with a loopback address.")
    prefix = settings.jwt_account_prefix
    if prefix and not ACCOUNT_NAME.fullmatch(prefix):
        raise ValueError("JWT_ACCOUNT_PREFIX: write visible ASCII characters, 100 at most.")
    try:
        scopes = frozenset(map(Scope, settings.jwt_scopes))
    except ValueError:
        raise ValueError(f"JWT_SCOPES: write some of {', '.join(Scope)}.") from None
    return TokenRules(
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        account_claim=settings.jwt_account_claim,
        account_prefix=prefix,
        scopes=scopes,
    )


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False
