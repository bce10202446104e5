"""The `paused_receivers` table: what failed on and on, and is left alone but for a probe now and then."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from src.models.base import Base


class PausedReceiverModel(Base):
    """A lane that is paused, or a receiver that is paused for everybody. Without its row it goes on."""

    __tablename__ = "paused_receivers"

    #: Scheme, host and port.
    receiver: Mapped[str] = mapped_column(String(300), primary_key=True)
    #: Whose lane; empty: the receiver does not even connect, and is paused for everybody.
    caller: Mapped[str] = mapped_column(String(64), primary_key=True, server_default="")
    paused_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(Text)
    #: Probes made so far; each wait is twice as long as the one before.
    probes: Mapped[int] = mapped_column(Integer)
    next_probe_at: Mapped[datetime]

    __table_args__ = (CheckConstraint("probes >= 0", name="probes"),)
