"""What nobody waits for: freeing expired idempotency keys, ending what processes that died left behind."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from src.services.request_store import RequestStore

CLEANS_EVERY_S = 30.0


async def clean_up(store: RequestStore, now: Callable[[], datetime]) -> None:
    """Clean up in small batches, again and again."""
    while True:
        await store.fail_abandoned_sync(now())
        await store.expire_keys(now())
        await asyncio.sleep(CLEANS_EVERY_S)
