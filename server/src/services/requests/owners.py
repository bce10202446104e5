"""Whose requests are."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, literal, select

from src.models import RequestModel
from src.services.requests.history import Read

R = RequestModel


async def accounts_of(read: Read, request_ids: Iterable[UUID]) -> dict[UUID, str | None]:
    """Return the accounts of requests, by their ids; None: the unnamed one."""
    ids = list(request_ids)
    if not ids:
        return {}
    rows = await read(select(R.id, R.account).where(R.id == any_(literal(ids, ARRAY(Uuid)))))
    return {row.id: row.account for row in rows}
