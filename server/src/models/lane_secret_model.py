"""The `lane_secret` table: one row with the secret that makes opaque names of lanes."""

from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from src.models.base import Base


class LaneSecretModel(Base):
    """The secret of this database: the same for all its servers, and after a restart."""

    __tablename__ = "lane_secret"

    only_row: Mapped[bool] = mapped_column(Boolean, primary_key=True, server_default=text("true"))
    #: Random; without it nobody can tell a caller from the name of its lane.
    secret: Mapped[UUID] = mapped_column(server_default=text("gen_random_uuid()"))

    __table_args__ = (CheckConstraint("only_row", name="only_row"),)
