"""The `queue_counter` table: one row that hands out queue positions."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from src.models.base import Base


class QueueCounterModel(Base):
    """The last position given out.

    A sequence would show position 8 before 7 to a reader when two writers commit in the other order. The
    row's lock is held until COMMIT, so positions become visible in order, without gaps, over all processes.
    """

    __tablename__ = "queue_counter"

    only_row: Mapped[bool] = mapped_column(Boolean, primary_key=True, server_default=text("true"))
    last_position: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))

    __table_args__ = (CheckConstraint("only_row", name="only_row"),)
