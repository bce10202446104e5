"""FastAPI in front of Celery: checks, one durable INSERT, then the task is sent; the answer comes after both.

A pooled asyncpg INSERT, with the idempotency key as a unique column. There is no rate limit: it does less than ours.
The task is sent on the loop: Redis takes it in a fraction of a millisecond.
"""

import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID, uuid4

import asyncpg
import orjson
from fastapi import FastAPI, Header, HTTPException, Request

from bench.baselines.addresses import ForbiddenUrl, check_allowed
from bench.baselines.bodies import JobAnswer, JobBody
from bench.baselines.celery_app import TASK
from bench.baselines.celery_app import app as celery

POOL_CONNECTIONS = 16
INSERT = """
INSERT INTO jobs (id, idempotency_key, fingerprint, payload, callback_url) VALUES ($1, $2, $3, $4::jsonb, $5)
ON CONFLICT (idempotency_key) DO NOTHING RETURNING queue_position
"""
FIND = "SELECT id, queue_position, fingerprint FROM jobs WHERE idempotency_key = $1"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keep one pool."""
    async with asyncpg.create_pool(os.environ["BENCH_LIBPQ_URL"], max_size=POOL_CONNECTIONS) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/api/async", status_code=202)
async def accept(
    body: JobBody, request: Request, x_idempotency_key: Annotated[str | None, Header(max_length=255)] = None
) -> JobAnswer:
    """Store a job durably, hand it to Celery, and answer."""
    try:
        check_allowed(body.callback_url)
    except ForbiddenUrl:
        raise HTTPException(422, "This URL must not be called.") from None
    job_id, fingerprint = uuid4(), hashlib.sha256(body.model_dump_json().encode()).digest()
    payload = orjson.dumps(body.payload.filled_in(datetime.now(UTC).date())).decode()
    pool: asyncpg.Pool = request.app.state.pool
    position = await pool.fetchval(INSERT, job_id, x_idempotency_key, fingerprint, payload, body.callback_url)
    if position is None:
        return await _replay(pool, x_idempotency_key, fingerprint)
    celery.send_task(TASK, [str(job_id)])
    return _answer(job_id, position)


async def _replay(pool: asyncpg.Pool, key: str | None, fingerprint: bytes) -> JobAnswer:
    found = await pool.fetchrow(FIND, key)
    if found["fingerprint"] != fingerprint:
        raise HTTPException(422, "This idempotency key was used with another body.")
    return _answer(found["id"], found["queue_position"])


def _answer(job_id: UUID, position: int) -> JobAnswer:
    return JobAnswer(
        request_id=job_id,
        queue_position=position,
        status="pending",
        message="Accepted. The result will be sent to the callback URL.",
        status_url=f"/api/requests/{job_id}",
    )
