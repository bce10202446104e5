"""The settings of the service: types, units, bounds and descriptions.

Values come from the environment, then from `.env` in `server/` or at the repository's root. Lists are
comma-separated; an empty value means the default. A test keeps `.env.example` equal to this file.
"""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from src.database_url import read_database_url
from src.logs import LogFormat
from src.storage_url import check_endpoint, read_storage_url

SERVER_FOLDER = Path(__file__).resolve().parent.parent
PACE_PATTERN = r"^(off|[1-9]\d{0,4}/(second|minute))$"
REDELIVERY_RATE_PATTERN = r"^[1-9]\d{0,4}/(second|minute)$"
RATE_LIMIT_PATTERN = r"^(off|[1-9]\d{0,6}/(second|minute|hour|day))$"


def _split(value: Any) -> Any:
    """Split `a, b` into a list of two; leave anything but text alone."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _network(value: Any) -> Any:
    return ip_network(value, strict=False) if isinstance(value, str) else value


_BROWSER_ORIGIN = re.compile(
    r"(http(?!.*:80$)|https(?!.*:443$))://([a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(:[1-9]\d{0,4})?", re.ASCII
)


def _browser_origin(text: str) -> str:
    """Reject what no browser ever sends as `Origin` (RFC 6454, 6.1): it would silently match nothing."""
    if not _BROWSER_ORIGIN.fullmatch(text):
        raise ValueError(
            "write each origin as browsers send it: scheme, host in lower case, and the port unless it is the "
            "scheme's own, such as https://app.example.com or http://localhost:3000; no path and no wildcard"
        )
    return text


_NAME = r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*"
_BASE_URL = re.compile(rf"https?://({_NAME}\.?|\[[0-9A-Fa-f:.]+\])(:\d{{1,5}})?", re.ASCII)
_DEFAULT_PORTS = {"http": 80, "https": 443}


def _host_name(text: str) -> str:
    """Reject what cannot occur in `Host`: it would silently match nothing."""
    if not re.fullmatch(rf"\.?{_NAME}", text, re.ASCII):
        raise ValueError(
            "write each name as it appears in a URL, without scheme, port or wildcard, such as reports.example.com; "
            ".example.com matches that name and its subdomains; IP addresses are always allowed"
        )
    return text.lower()


def _base_url(text: str) -> str:
    try:
        is_valid = _BASE_URL.fullmatch(text) and urlsplit(text).port != 0
    except ValueError:  # such as a port of 70000
        is_valid = False
    if not is_valid:
        raise ValueError(
            "write scheme, host and, unless it is the scheme's default, port, such as https://app.example.com"
        )
    return text


def _storage_url(url: str) -> str:
    if url:
        read_storage_url(url)
    return url


def _endpoint(url: str) -> str:
    return check_endpoint(url) if url else url


CommaSeparated = BeforeValidator(_split)
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]


class Settings(BaseSettings):
    """The settings of one server process."""

    model_config = SettingsConfigDict(
        env_file=(SERVER_FOLDER.parent / ".env", SERVER_FOLDER / ".env"),
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,  # it may be a secret
    )

    database_url: str = Field(
        default="",
        description="URL of PostgreSQL 14 or newer: postgresql://user:password@host:5432/name?sslmode=require, as "
        "hosting providers hand it out, not a pooler's; empty: an embedded one under DATA_DIR",
    )
    host: str = Field(default="127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(default=8000, ge=1, le=65535, description="port to listen on")
    data_dir: Path = Field(
        default=Path("data"), description="folder for reports, the embedded database and the secrets that are generated"
    )
    storage_url: Annotated[str, AfterValidator(_storage_url)] = Field(
        default="",
        description="where reports are stored: file:///folder, or s3://bucket/prefix (AWS, R2, MinIO, SeaweedFS, "
        "…); empty: DATA_DIR/reports",
    )
    storage_fallback_url: Annotated[str, AfterValidator(_storage_url)] = Field(
        default="",
        description="while reports move: the store where they were, which is only read; python -m src.manage storage "
        "move copies them",
    )
    storage_downloads: Literal["auto", "proxy"] = Field(
        default="auto",
        description="auto: downloads of reports in S3 are redirected to a presigned URL; proxy: they always go "
        "through this server",
    )
    storage_signed_url_seconds: int = Field(
        default=60, ge=1, le=604_800, description="lifetime of a presigned URL, seconds"
    )
    aws_endpoint_url: Annotated[str, AfterValidator(_endpoint)] = Field(
        default="",
        description="S3 endpoint, e.g. https://ACCOUNT.r2.cloudflarestorage.com; empty: AWS in its region",
    )
    aws_region: str = Field(
        default="", pattern=r"^[A-Za-z0-9-]{0,64}$", description="region of the bucket; auto for R2; empty: us-east-1"
    )
    aws_access_key_id: str = Field(
        default="",
        pattern=r"^[!-~]{0,128}$",
        description="access key of S3; empty: the credentials AWS provides to this machine or container "
        "(AWS_ROLE_ARN with AWS_WEB_IDENTITY_TOKEN_FILE, container and instance roles)",
    )
    aws_secret_access_key: SecretStr = Field(default=SecretStr(""), description="secret access key of S3")
    aws_session_token: SecretStr = Field(
        default=SecretStr(""), description="session token of S3, for temporary credentials"
    )
    public_base_url: Annotated[str, AfterValidator(_base_url)] = Field(
        default="",
        description="base of links and of the demo receiver's URL; empty: http://localhost:PORT",
    )
    allowed_hosts: Annotated[tuple[Annotated[str, AfterValidator(_host_name)], ...], NoDecode, CommaSeparated] = Field(
        default=(),
        description="names accepted in the Host header in addition to IP addresses, localhost and the host of "
        "PUBLIC_BASE_URL, e.g. the service's name for other containers; .example.com includes its "
        "subdomains",
    )
    keep_alive_seconds: int = Field(
        default=75,
        ge=1,
        le=3_600,
        description="idle timeout of a connection between requests, seconds; longer than that of a proxy in front "
        "(60 s is common), or requests are lost when both close at the same moment",
    )

    simulated_ms_per_transaction: float = Field(
        default=10, ge=0, le=1000, description="simulated work per row of a report, ms; 0 disables it"
    )
    simulated_max_seconds: float = Field(
        default=10, ge=0, le=60, description="maximum simulated work per report, seconds"
    )
    sync_max_transactions: int = Field(
        default=1_000, ge=1, le=1_000_000, description="maximum number of rows of a sync report"
    )
    async_max_transactions: int = Field(
        default=1_000_000, ge=1, le=9_999_999, description="maximum number of rows of an async report"
    )

    rate_limit_sync: str = Field(
        default="30/minute",
        pattern=RATE_LIMIT_PATTERN,
        description="rate limit per caller for requests to /api/sync, or off",
    )
    rate_limit_async: str = Field(
        default="60/minute",
        pattern=RATE_LIMIT_PATTERN,
        description="rate limit per caller for requests to /api/async, manual redeliveries, resumes and probes, or off",
    )
    redelivery_rate: str = Field(
        default="50/second",
        pattern=REDELIVERY_RATE_PATTERN,
        description="rate (N/second or N/minute) at which a bulk redelivery of an account queues callbacks again; "
        "without credentials no faster than RATE_LIMIT_ASYNC",
    )
    rate_limit_storage_url: SecretStr = Field(
        default=SecretStr(""),
        description="URL of a Redis (redis://host:6379/0, rediss:// with TLS) in which several servers share rate "
        "limits; empty, or while it is unavailable: each server counts on its own",
    )
    max_pending_requests: int = Field(
        default=100_000, ge=1, description="maximum number of pending requests; above it, submissions get a 503"
    )
    max_pending_per_caller: int = Field(
        default=10_000,
        ge=1,
        description="maximum number of pending requests per caller; above it, the caller's submissions get a 429",
    )
    max_receivers_per_caller: int = Field(
        default=1_000,
        ge=1,
        description="maximum number of receivers per caller with pending requests or callbacks; above it, "
        "submissions for further receivers get a 429",
    )
    batch_max_body_kb: int = Field(
        default=1_024,
        ge=64,
        le=16_384,
        description="maximum size of the body of a batch, KiB; other bodies may have 64",
    )
    max_waiters: int = Field(
        default=1_000,
        ge=0,
        description="maximum number of calls that wait for reports to end (Prefer: wait=N); further ones are answered "
        "at once",
    )
    max_waiters_per_caller: int = Field(
        default=250,
        ge=0,
        description="maximum number of such calls per caller; further ones are answered at once",
    )
    prefer_wait_max_seconds: int = Field(
        default=50,
        ge=0,
        le=3_600,
        description="maximum time that a call with Prefer: wait=N waits, seconds; common proxies give up after 60",
    )
    retention_days: int = Field(
        default=0,
        ge=0,
        le=36_500,
        description="days after which finished requests are deleted with their logs and files; 0 keeps them forever",
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode, CommaSeparated] = Field(
        default=(), description="networks (CIDR) of proxies whose X-Forwarded-For identifies the caller"
    )

    cors_allowed_origins: Annotated[
        tuple[Annotated[str, AfterValidator(_browser_origin)], ...], NoDecode, CommaSeparated
    ] = Field(
        default=(),
        description="origins, matched exactly, whose pages may use the API and its event stream, e.g. "
        "https://app.example.com; empty: only the page served by this server",
    )

    callback_allowed_origins: Annotated[tuple[str, ...], NoDecode, CommaSeparated] = Field(
        default=(),
        description="origins, matched exactly, that may receive callbacks although their address is not public, "
        "e.g. http://127.0.0.1:9001",
    )
    priority_shares: Annotated[tuple[Annotated[int, Field(ge=1, le=100)], ...], NoDecode, CommaSeparated] = Field(
        default=(8, 3, 1),
        min_length=3,
        max_length=3,
        description="of so many starts in a row those of high, normal and low priority, while all of them wait",
    )
    callback_retry_delays: Annotated[tuple[Annotated[float, Field(ge=0, le=86_400)], ...], NoDecode, CommaSeparated] = (
        Field(default=(2, 4, 8), max_length=20, description="delays before the second, third, … attempt, seconds")
    )
    callback_timeout_seconds: float = Field(
        default=10,
        gt=0,
        le=120,
        description="total timeout of one attempt: resolving, connecting, sending and reading, seconds",
    )
    callback_rate_per_receiver: str = Field(
        default="1000/second",
        pattern=PACE_PATTERN,
        description="rate limit (N/second or N/minute) for attempts to one receiver, and to one address; attempts "
        "above it are delayed; or off",
    )
    callback_probe_seconds: float = Field(
        default=30,
        gt=0,
        le=300,
        description="delay before the first probe of a receiver paused because it keeps failing; doubled after "
        "each failed probe, up to 5 minutes, seconds",
    )
    callback_expiry_hours: float = Field(
        default=24, gt=0, le=8_760, description="age at which an undelivered callback is given up, hours"
    )
    ssl_cert_file: str = Field(
        default="",
        description="PEM file of additional certificate authorities, such as a company's own, trusted for receivers",
    )
    ssl_cert_dir: str = Field(default="", description="folders of such PEM files, separated by colons")
    webhook_signing_secrets: Annotated[tuple[SecretStr, ...], NoDecode, CommaSeparated] = Field(
        default=(),
        description="signing secrets (whsec_…): the first one signs, all are announced during rotation; empty: "
        "generated at the first start and stored under DATA_DIR",
    )

    webhook_signatures: Literal["v1", "v1a", "both"] = Field(
        default="v1",
        description="signatures of callbacks: v1 (HMAC-SHA256 with a shared secret), v1a (Ed25519, verified with the "
        "public keys of the account) or both; with v1a several servers need the same SECRETS_KEY",
    )
    secrets_key: Annotated[tuple[SecretStr, ...], NoDecode, CommaSeparated] = Field(
        default=(),
        description="Fernet keys that encrypt the webhook secrets of accounts and sign download links: the first one "
        "encrypts and signs, each decrypts and verifies; servers on one database need the same; empty: generated at "
        "the first start and stored under DATA_DIR",
    )
    callback_link_hours: int = Field(
        default=24,
        ge=1,
        le=8_760,
        description="with AUTH_REQUIRED: for how long the links to reports in a callback are good, hours",
    )

    auth_required: bool = Field(
        default=False,
        description="require a key or token, except for the page, its documentation, liveness, readiness, the demo "
        "receiver, public keys of webhooks and signed links",
    )
    auth_failure_rate: str = Field(
        default="30/minute",
        pattern=RATE_LIMIT_PATTERN,
        description="rate limit per address for refused credentials, or off; good ones always work",
    )
    bootstrap_admin_key: SecretStr = Field(
        default=SecretStr(""),
        description="the operator's key, as python -m src.manage keys generate prints one, never stored: of the "
        "account operator, with all scopes, good while it is set; empty: none",
    )
    jwt_issuer: str = Field(
        default="",
        description="`iss` of the access tokens (JWT) that are accepted beside keys; set it together with JWT_AUDIENCE "
        "and JWT_JWKS_URL; empty: none",
    )
    jwt_audience: str = Field(default="", description="`aud` that such tokens must name: this service")
    jwt_jwks_url: str = Field(
        default="", description="where the issuer publishes its keys (JWK set): https, or http on this machine"
    )
    jwt_account_claim: str = Field(default="sub", min_length=1, description="claim of a token that names the account")
    jwt_account_prefix: str = Field(
        default="",
        description="what precedes the names of accounts of tokens; set it where people choose the claim themselves",
    )
    jwt_scopes: Annotated[list[str], NoDecode] = Field(
        default=["submit", "submit:high", "read", "manage"],
        description="scopes that tokens may give, of those in their `scope` or `scp`",
    )
    metrics_token: SecretStr = Field(
        default=SecretStr(""), description="bearer token that GET /metrics asks for; empty: none"
    )
    otel_exporter_otlp_endpoint: str = Field(
        default="",
        pattern=r"^(https?://[^/?#\s]+(/[^?#\s]*)?)?$",
        description="base URL of an OpenTelemetry collector that takes OTLP over HTTP, e.g. http://localhost:4318; "
        "empty: nothing is traced",
    )
    demo_tools: bool = Field(
        default=True, description="enable the demo receiver and its switches, benchmarks and delete-all"
    )
    log_format: LogFormat = Field(default="plain", description="format of log lines: plain or json")
    debug: bool = Field(
        default=False,
        description="log every call, and the text of exceptions, which may contain what a caller sent",
    )

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, value: str) -> str:
        if value:
            read_database_url(value)
        return value

    @field_validator("rate_limit_storage_url")
    @classmethod
    def _check_redis_url(cls, value: SecretStr) -> SecretStr:
        """Reject anything but a Redis URL, without repeating it: it may contain a password."""
        url = value.get_secret_value()
        try:
            is_valid = not url or (urlsplit(url).scheme in {"redis", "rediss"} and bool(urlsplit(url).hostname))
            is_valid = is_valid and urlsplit(url).port != 0
        except ValueError:  # such as a port of 70000
            is_valid = False
        if not is_valid:
            raise ValueError("write redis://host:port/number, or rediss:// for TLS, with user:password@ if needed")
        return value

    @field_validator("webhook_signing_secrets", "secrets_key", "jwt_scopes", mode="before")
    @classmethod
    def _split_secrets(cls, value: Any) -> Any:
        return _split(value)

    @model_validator(mode="before")
    @classmethod
    def _derive_base_url(cls, values: Any) -> Any:
        """Derive `PUBLIC_BASE_URL` from `PORT` unless it is set."""
        if isinstance(values, dict) and not values.get("public_base_url"):
            port = str(values.get("port") or 8000)
            if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
                port = "8000"  # report the port as invalid, not also the URL derived from it
            return {**values, "public_base_url": f"http://localhost:{port}"}
        return values

    @property
    def public_origin(self) -> str:
        """The origin of `PUBLIC_BASE_URL` as browsers send it (RFC 6454, 6.2)."""
        url = urlsplit(self.public_base_url.lower())
        return self.public_base_url.lower().removesuffix(f":{_DEFAULT_PORTS[url.scheme]}")

    @property
    def host_names(self) -> tuple[str, ...]:
        """The names of this server, in lower case; `.example.com` includes its subdomains."""
        public = urlsplit(self.public_base_url).hostname or ""
        # Including the name it listens on: a benchmark's load is sent to `own_url`.
        return (*self.allowed_hosts, public.removesuffix("."), self.host.lower())

    @property
    def reports_folder(self) -> Path:
        """The folder of the report files."""
        return self.data_dir / "reports"

    @property
    def s3_access(self) -> dict[str, str]:
        """How to reach S3, as `S3Access` takes it."""
        return {
            "endpoint": self.aws_endpoint_url,
            "region": self.aws_region,
            "access_key_id": self.aws_access_key_id,
            "secret_access_key": self.aws_secret_access_key.get_secret_value(),
            "session_token": self.aws_session_token.get_secret_value(),
        }

    @property
    def own_url(self) -> str:
        """The URL at which a program on this machine reaches this server."""
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  compared with, not bound to
        return f"http://{everywhere.get(self.host, f'[{self.host}]' if ':' in self.host else self.host)}:{self.port}"

    @property
    def demo_receiver_url(self) -> str:
        """The only URL at which this server may call itself."""
        return f"{self.public_base_url}/api/callbacks/receive"
