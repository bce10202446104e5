"""The `stream_tickets` table: tickets that were not used yet. The tickets themselves are stored nowhere."""

from datetime import datetime

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from src.models.account_model import ACCOUNT_LENGTH_MAX
from src.models.base import Base


class StreamTicketModel(Base):
    """One ticket; the stream that uses it deletes it."""

    __tablename__ = "stream_tickets"

    #: Of the whole ticket.
    sha256: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    #: Of its maker; null: the unnamed account, which has no key.
    account: Mapped[str | None] = mapped_column(
        String(ACCOUNT_LENGTH_MAX), ForeignKey("accounts.name", ondelete="CASCADE")
    )
    key_id: Mapped[str | None] = mapped_column(String(8))
    scopes: Mapped[list[str]] = mapped_column(ARRAY(String(20)))
    #: When the credential of its maker ends; null: never.
    credential_expires_at: Mapped[datetime | None]
    #: By the clock of the database, which all servers share.
    expires_at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = (CheckConstraint("octet_length(sha256) = 32", name="sha256"),)
