"""The `paused_receivers` table: lanes and receivers that kept failing, and are only probed until they recover."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from src.models.base import CALLER_LENGTH_MAX, Base


class PausedReceiverModel(Base):
    """A paused lane, or a receiver paused for every caller. Deleting the row resumes it."""

    __tablename__ = "paused_receivers"

    #: Scheme, host and port.
    receiver: Mapped[str] = mapped_column(String(300), primary_key=True)
    #: The lane's caller; empty: the receiver cannot even be connected to, and is paused for every caller.
    caller: Mapped[str] = mapped_column(String(CALLER_LENGTH_MAX), primary_key=True, server_default="")
    paused_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(Text)
    #: Number of probes so far; the delay doubles with each.
    probes: Mapped[int] = mapped_column(Integer)
    next_probe_at: Mapped[datetime]

    __table_args__ = (CheckConstraint("probes >= 0", name="probes"),)
