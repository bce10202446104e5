"""The `ended_pauses` table: pauses that are over, for who asks later what was paused then."""

from datetime import datetime

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from src.models.base import CALLER_LENGTH_MAX, Base


class EndedPauseModel(Base):
    """A pause of a lane, or of a receiver for everybody, and when it ended. Kept for 30 days."""

    __tablename__ = "ended_pauses"

    receiver: Mapped[str] = mapped_column(String(300), primary_key=True)
    #: Whose lane; empty: everybody's.
    caller: Mapped[str] = mapped_column(String(CALLER_LENGTH_MAX), primary_key=True)
    paused_at: Mapped[datetime] = mapped_column(primary_key=True)
    ended_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(Text)

    __table_args__ = (Index("ix_ended_pauses_ended_at", "ended_at"),)
