"""Use case: tell Prometheus what this process does."""

import asyncio

from src.errors import DatabaseAway, Unavailable
from src.services.metrics.snapshot import Snapshot, TableFigures
from src.services.parts import Parts


async def take_snapshot(parts: Parts, *, whoever_leads: bool = False) -> Snapshot:
    """Look at every part; what does not answer is told as such.

    Args:
        parts: what is looked at.
        whoever_leads: look into the table even if another process leads; not for figures that are added up.
    """
    state = parts.engine.state()
    storage, (database_up, table) = await asyncio.gather(
        asyncio.get_running_loop().run_in_executor(parts.threads, parts.storage.state),
        _database(parts, told=state.leading or whoever_leads),
    )
    idle, connections = parts.connections()
    return Snapshot(
        leading=state.leading,
        busy=state.busy_with is not None,
        websockets=parts.streams.watchers,
        connections_idle=idle,
        connections_used=connections - idle,
        database_up=database_up,
        storage_up=storage.writable,
        tasks=parts.tasks.states(),
        table=table,
    )


async def _database(parts: Parts, *, told: bool) -> tuple[bool, TableFigures | None]:
    try:
        _, table = await asyncio.gather(parts.database.check(), parts.table_figures.get() if told else _nothing())
    except DatabaseAway:
        return False, None
    except Unavailable:  # it answers, but too many read
        return True, None
    return True, table


async def _nothing() -> None:
    """Stand in for figures that are not told."""
