"""The `lane_secret` table: a single row with the secret from which opaque lane ids are derived."""

from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from src.models.base import Base


class LaneSecretModel(Base):
    """The secret of this database, shared by all its servers and stable across restarts."""

    __tablename__ = "lane_secret"

    only_row: Mapped[bool] = mapped_column(Boolean, primary_key=True, server_default=text("true"))
    #: Random; without it, a caller cannot be derived from the id of its lane.
    secret: Mapped[UUID] = mapped_column(server_default=text("gen_random_uuid()"))

    __table_args__ = (CheckConstraint("only_row", name="only_row"),)
