"""What is asked and answered about keys, and about who asks."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, Strict

from src.models.account_model import ACCOUNT_LENGTH_MAX
from src.models.api_key_model import KEY_NAME_LENGTH_MAX
from src.routes.wire.redeliveries import BodyMoment
from src.routes.wire.requests import ABSENT, PlainText
from src.services.identity.caller import Scope
from src.services.identity.key_store import OVERLAP_HOURS_MAX, ApiKey

Account = Annotated[str, Strict(), Field(min_length=1, max_length=ACCOUNT_LENGTH_MAX, pattern="^[!-~]+$")]


class NewKeyRequest(BaseModel):
    """The key to create."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"name": "ci", "scopes": ["submit", "read"]}]}
    )

    name: PlainText = Field(min_length=1, max_length=KEY_NAME_LENGTH_MAX, description="What the key is for.")
    account: Account = Field(default=ABSENT, description="Another account than your own asks for `admin`.")
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope), description="None that you lack.")
    expires_at: BodyMoment | None = Field(
        default=None, description="Null: when the key that creates it ends, or never."
    )


class RotateRequest(BaseModel):
    """How a key is replaced."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [{"overlap_hours": 24}]})

    overlap_hours: int = Field(
        default=24, ge=0, le=OVERLAP_HOURS_MAX, strict=True, description="For how long the old key is still good."
    )
    expires_at: BodyMoment = Field(default=ABSENT, description="Left out: the end of the old key.")


class KeyItem(BaseModel):
    """What is known of a key; never the key itself."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    account: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute.")
    revoked_at: datetime | None
    replaced_by: str | None


class KeyList(BaseModel):
    """Keys, by account and id."""

    keys: list[KeyItem]
    next_cursor: str | None


class NewKeyAnswer(BaseModel):
    """A new key, told this once."""

    id: str
    name: str
    account: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    key: str = Field(examples=["frg_…"])

    @classmethod
    def of(cls, key: ApiKey, text: str) -> Self:
        """Show a new key."""
        return cls(
            id=key.id,
            name=key.name,
            account=key.account,
            scopes=list(key.scopes),
            created_at=key.created_at,
            expires_at=key.expires_at,
            key=text,
        )


class KeyRevokedAnswer(BaseModel):
    """The key is refused from now on."""

    revoked: bool
    id: str


class RateLeft(BaseModel):
    """What is left of a rate limit; null where it is off."""

    limit: int
    remaining: int
    reset_s: int


class WaitingLeft(BaseModel):
    """How many requests wait, and how many may."""

    limit: int
    used: int


class LimitsLeft(BaseModel):
    """What is left of each limit of the caller; null where a rate limit is off."""

    sync: RateLeft | None
    async_: RateLeft | None = Field(alias="async", serialization_alias="async")
    waiting: WaitingLeft

    model_config = ConfigDict(populate_by_name=True)


class MeAnswer(BaseModel):
    """Who calls. Without credentials `account` and `key_id` are null."""

    account: str | None
    scopes: list[Scope]
    key_id: str | None
    expires_at: datetime | None
    limits: LimitsLeft
