"""The `queue_counter` table: a single row from which queue positions are assigned."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from src.models.base import Base


class QueueCounterModel(Base):
    """The last assigned position.

    With a sequence, a reader could see position 8 before 7 if two writers commit in the opposite order. The lock on
    this row is held until COMMIT, so positions become visible in order and without gaps, across all processes.
    """

    __tablename__ = "queue_counter"

    only_row: Mapped[bool] = mapped_column(Boolean, primary_key=True, server_default=text("true"))
    last_position: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))

    __table_args__ = (CheckConstraint("only_row", name="only_row"),)
