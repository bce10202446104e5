"""The `idempotency_keys` table: the request each caller's key refers to."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from src.models.base import CALLER_LENGTH_MAX, Base


class IdempotencyKeyModel(Base):
    """One key of one caller on one route. Deleted with its request, or 24 hours after the request has ended."""

    __tablename__ = "idempotency_keys"

    caller: Mapped[str] = mapped_column(String(CALLER_LENGTH_MAX), primary_key=True)
    route: Mapped[str] = mapped_column(String(40), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    #: SHA-256 of the canonical body: the same key with a different body is rejected.
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32))
    request_id: Mapped[UUID] = mapped_column(ForeignKey("requests.id", ondelete="CASCADE"))
    created_at: Mapped[datetime]

    __table_args__ = (
        Index("ix_idempotency_keys_request_id", "request_id"),
        Index("ix_idempotency_keys_created_at", "created_at"),
    )
