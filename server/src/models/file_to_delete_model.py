"""The `files_to_delete` table: reports whose requests are gone."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, DateTime, text
from sqlalchemy.orm import Mapped, mapped_column

from src.models.base import Base


class FileToDeleteModel(Base):
    """One report. A trigger writes it in the transaction that deletes the request, whatever statement that is."""

    __tablename__ = "files_to_delete"

    request_id: Mapped[UUID] = mapped_column(primary_key=True)
    #: By the database's clock, as it is compared with.
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"), index=True)
    #: Whether it is deleted once more later: a write that was under way may still land.
    again: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
