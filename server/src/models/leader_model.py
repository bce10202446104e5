"""The `leader` table: one row that says which process works."""

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, CheckConstraint, String, text
from sqlalchemy.orm import Mapped, mapped_column

from src.models.base import Base


class LeaderModel(Base):
    """The current term of leadership.

    The lock that makes a process the leader belongs to a connection, and a process may not notice at once that
    it has lost it. So every change the worker makes names its epoch, and one of an earlier epoch is refused.
    """

    __tablename__ = "leader"

    only_row: Mapped[bool] = mapped_column(Boolean, primary_key=True, server_default=text("true"))
    #: Grows by one with every election.
    epoch: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    #: Host and process id of the leader, for people.
    held_by: Mapped[str | None] = mapped_column(String(200))
    elected_at: Mapped[datetime | None]

    __table_args__ = (CheckConstraint("only_row", name="only_row"),)
