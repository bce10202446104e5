"""The `accounts` table: who owns requests and keys."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from src.models.base import Base

ACCOUNT_LENGTH_MAX = 100
RATE_LIMIT_LENGTH_MAX = 20


class AccountModel(Base):
    """An account, created by its first key."""

    __tablename__ = "accounts"

    #: 1 to 100 visible ASCII characters.
    name: Mapped[str] = mapped_column(String(ACCOUNT_LENGTH_MAX), primary_key=True)
    created_at: Mapped[datetime]
    #: When all of its keys were disabled; null: they are good.
    disabled_at: Mapped[datetime | None]
    #: Limits of its own; null: those of the settings. The rates are written as there.
    rate_limit_sync: Mapped[str | None] = mapped_column(String(RATE_LIMIT_LENGTH_MAX))
    rate_limit_async: Mapped[str | None] = mapped_column(String(RATE_LIMIT_LENGTH_MAX))
    #: How many of its requests may wait.
    max_pending: Mapped[int | None]
