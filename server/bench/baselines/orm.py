"""The accepting route with one SQLAlchemy ORM session per request, as in FastAPI's own guide.

One pooled engine, one session from a dependency, `add`, `commit`. The position comes from an identity column. There is
no idempotency key, no rate limit and no check of the callback URL: it does less than ours.
"""

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import Depends, FastAPI
from sqlalchemy import BigInteger, DateTime, FetchedValue
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from src.routes.wire.requests import AcceptedAnswer, AsyncRequest

POOL_CONNECTIONS = 16


class Base(DeclarativeBase):
    """Base of the one table."""


class AcceptedModel(Base):
    """A request; `tables.ORM` creates the table."""

    __tablename__ = "accepted"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    queue_position: Mapped[int] = mapped_column(BigInteger, FetchedValue())
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    callback_url: Mapped[str]
    status: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


engine = create_async_engine(os.environ["BENCH_DATABASE_URL"], pool_size=POOL_CONNECTIONS, max_overflow=0)
sessions = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


async def open_session() -> AsyncIterator[AsyncSession]:
    """Provide one session per request."""
    async with sessions() as session:
        yield session


@app.post("/api/async", status_code=202)
async def accept(body: AsyncRequest, session: Annotated[AsyncSession, Depends(open_session)]) -> AcceptedAnswer:
    """Store a request and respond."""
    accepted = AcceptedModel(
        id=uuid4(),
        payload=body.payload.model_dump(mode="json"),
        callback_url=body.callback_url,
        status="PENDING",
        created_at=datetime.now(UTC),
    )
    session.add(accepted)
    await session.commit()
    return AcceptedAnswer(
        request_id=accepted.id,
        queue_position=accepted.queue_position,
        status="pending",
        message="Accepted. The result will be sent to the callback URL.",
        status_url=f"/api/requests/{accepted.id}",
    )
