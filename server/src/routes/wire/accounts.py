"""What is asked and answered about accounts."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, Strict

from src.config import RATE_LIMIT_PATTERN
from src.routes.wire.requests import ABSENT
from src.services.identity.account_store import ACCOUNT_PENDING_MAX, Account

Rate = Annotated[str, Strict(), Field(pattern=RATE_LIMIT_PATTERN)]
Number = Annotated[int, Strict(), Field(ge=1, le=ACCOUNT_PENDING_MAX)]


class AccountRequest(BaseModel):
    """What is to change of an account. What is left out stays as it is; null: as the settings of the service say."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"rate_limit_async": "600/minute", "max_pending": None}]},
    )

    rate_limit_sync: Rate | None = Field(
        default=ABSENT, description="Instead of `RATE_LIMIT_SYNC`: `60/minute` (second, minute, hour, day) or `off`."
    )
    rate_limit_async: Rate | None = Field(default=ABSENT, description="Instead of `RATE_LIMIT_ASYNC`, written alike.")
    max_pending: Number | None = Field(
        default=ABSENT, description="How many of its requests may wait, instead of `MAX_PENDING_PER_CALLER`."
    )
    disabled: Annotated[bool, Strict()] = Field(
        default=ABSENT, description="`true`: every key and token of it is refused; what was accepted goes on."
    )


class AccountItem(BaseModel):
    """An account, and its own limits; null: as the settings of the service say."""

    name: str = Field(description="The name of the account.", examples=["acme"])
    created_at: datetime = Field(description="When its first key was made, or its first token came.")
    rate_limit_sync: str | None = Field(description="Its own limit on `POST /api/sync`.")
    rate_limit_async: str | None = Field(description="Its own limit on async submissions.")
    max_pending: int | None = Field(description="How many of its requests may wait.")
    disabled: bool = Field(description="Whether its keys are refused.")
    disabled_at: datetime | None = Field(description="Since when its keys are refused.")

    @classmethod
    def of(cls, account: Account) -> Self:
        """Show an account."""
        return cls(
            name=account.name,
            created_at=account.created_at,
            rate_limit_sync=account.limits.rate_limit_sync,
            rate_limit_async=account.limits.rate_limit_async,
            max_pending=account.limits.max_pending,
            disabled=account.disabled_at is not None,
            disabled_at=account.disabled_at,
        )


class AccountList(BaseModel):
    """Accounts, by name."""

    accounts: list[AccountItem] = Field(description="The accounts of this page.")
    next_cursor: str | None
