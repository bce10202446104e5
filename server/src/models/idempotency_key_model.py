"""The `idempotency_keys` table: the request or batch each caller's key refers to."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from src.models.base import CALLER_LENGTH_MAX, Base


class IdempotencyKeyModel(Base):
    """One key of one caller on one route. Deleted with its request or batch, or 24 hours after that has ended."""

    __tablename__ = "idempotency_keys"

    caller: Mapped[str] = mapped_column(String(CALLER_LENGTH_MAX), primary_key=True)
    route: Mapped[str] = mapped_column(String(40), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    #: SHA-256 of the canonical body: the same key with a different body is rejected.
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32))
    #: One of them is set.
    request_id: Mapped[UUID | None] = mapped_column(ForeignKey("requests.id", ondelete="CASCADE"))
    batch_id: Mapped[UUID | None] = mapped_column(ForeignKey("batches.id", ondelete="CASCADE"))
    created_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("num_nonnulls(request_id, batch_id) = 1", name="of_one"),
        Index("ix_idempotency_keys_request_id", "request_id"),
        Index("ix_idempotency_keys_batch_id", "batch_id", postgresql_where=text("batch_id IS NOT NULL")),
        Index("ix_idempotency_keys_created_at", "created_at"),
    )
