"""The `leader` table: a single row that names the leading process."""

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, CheckConstraint, String, text
from sqlalchemy.orm import Mapped, mapped_column

from src.models.base import Base


class LeaderModel(Base):
    """The current term of leadership.

    The lock that makes a process the leader is held by a connection, and the process may not notice at once that it
    has lost it. So every change by the worker carries its epoch as a fencing token, and earlier epochs are rejected.
    """

    __tablename__ = "leader"

    only_row: Mapped[bool] = mapped_column(Boolean, primary_key=True, server_default=text("true"))
    #: Incremented by every election.
    epoch: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    #: Host and pid of the leader, for humans.
    held_by: Mapped[str | None] = mapped_column(String(200))
    elected_at: Mapped[datetime | None]

    __table_args__ = (CheckConstraint("only_row", name="only_row"),)
