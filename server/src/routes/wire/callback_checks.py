"""What is asked and answered about a callback URL that nothing was submitted with yet."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, Strict

from src.services.delivery.ping import Pinged
from src.services.outbound.client import Reply
from src.services.outbound.url_rules import Verdict


class CallbackCheckRequest(BaseModel):
    """A URL to look at, and whether to send something there."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"callback_url": "https://example.com/hook", "ping": True}]}
    )

    callback_url: Annotated[str, Strict()] = Field(description="As it would be submitted, with whatever is wrong.")
    ping: Annotated[bool, Strict()] = Field(
        default=False, description="Send one signed `test.ping` there, if the rules allow it."
    )


class RuleCheck(BaseModel):
    """What became of one rule."""

    model_config = ConfigDict(from_attributes=True)

    rule: str
    passed: bool | None = Field(description="Null: not looked at, because another rule is broken.")
    why: str | None
    setting: str | None = Field(description="The setting by which the operator decides this.")


class PingResult(BaseModel):
    """The outcome of the test message. Times are null for phases not reached, and nothing of the body is repeated."""

    status: int | None
    error_code: str | None = Field(description="As in the callback log; null after a 2xx.")
    dns_ms: float | None
    connect_ms: float | None
    tls_ms: float | None
    first_byte_ms: float | None = Field(description="From when the connection was open.")
    certificate_expires_at: datetime | None

    @classmethod
    def of(cls, pinged: Pinged) -> Self:
        """Show an outcome."""
        timings = pinged.timings
        return cls(
            status=pinged.outcome.status_code if isinstance(pinged.outcome, Reply) else None,
            error_code=pinged.error_code,
            dns_ms=_ms(pinged.dns_s),
            connect_ms=_ms(timings.connect_s),
            tls_ms=_ms(timings.tls_s),
            first_byte_ms=_ms(timings.first_byte_s),
            certificate_expires_at=timings.certificate_expires_at,
        )


class CallbackCheckAnswer(BaseModel):
    """What would become of a callback URL."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "allowed": True,
                    "canonical": "https://example.com/hook",
                    "receiver": "https://example.com:443",
                    "checks": [{"rule": "public-address", "passed": True, "why": None, "setting": None}],
                    "ping": {
                        "status": 200,
                        "error_code": None,
                        "dns_ms": 3.2,
                        "connect_ms": 11.8,
                        "tls_ms": 25.1,
                        "first_byte_ms": 40.6,
                        "certificate_expires_at": "2027-01-31T09:30:00Z",
                    },
                }
            ]
        }
    )

    allowed: bool
    canonical: str | None = Field(description="The only form that is stored and called; null where it is not allowed.")
    receiver: str | None = Field(description="Scheme, host and port: with the caller the lane.")
    checks: list[RuleCheck] = Field(description="The rules, by name.")
    ping: PingResult | None = Field(description="Null where none was asked for or none is allowed.")

    @classmethod
    def of(cls, verdict: Verdict, pinged: Pinged | None) -> Self:
        """Show what was found."""
        return cls(
            allowed=verdict.url is not None,
            canonical=verdict.url and verdict.url.url,
            receiver=verdict.url and verdict.url.receiver,
            checks=[RuleCheck.model_validate(check) for check in verdict.checks],
            ping=pinged and PingResult.of(pinged),
        )


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)
