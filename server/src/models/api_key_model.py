"""The `api_keys` table: what keys allow, and how to recognise them. The keys themselves are stored nowhere."""

from datetime import datetime

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from src.models.account_model import ACCOUNT_LENGTH_MAX
from src.models.base import Base

KEY_NAME_LENGTH_MAX = 100


class ApiKeyModel(Base):
    """One key of an account. Revoked and expired keys stay, so that whoever uses one learns why it is refused."""

    __tablename__ = "api_keys"

    #: Part of the key's text, and not secret.
    id: Mapped[str] = mapped_column(String(8), primary_key=True)
    account: Mapped[str] = mapped_column(String(ACCOUNT_LENGTH_MAX), ForeignKey("accounts.name", ondelete="CASCADE"))
    #: For people; need not be unique.
    name: Mapped[str] = mapped_column(String(KEY_NAME_LENGTH_MAX))
    #: SHA-256 of the whole key.
    sha256: Mapped[bytes] = mapped_column(LargeBinary(32))
    scopes: Mapped[list[str]] = mapped_column(ARRAY(String(20)))
    created_at: Mapped[datetime]
    #: Null: never.
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    #: The key that a rotation created in place of this one.
    replaced_by: Mapped[str | None] = mapped_column(String(8))
    #: To the minute.
    last_used_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_api_keys_account", "account"),
        CheckConstraint("octet_length(sha256) = 32", name="sha256"),
    )
