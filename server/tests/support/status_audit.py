"""An independent audit of the service: a trigger in the test's database records every change of a status."""

from dataclasses import dataclass
from datetime import datetime

from tests.support.database_state import fetch
from tests.support.databases import run_sql

INSTALL = (
    """
CREATE TABLE audit (
    n bigserial PRIMARY KEY, request_id uuid, queue_position bigint, before text, after text, epoch bigint,
    backend int DEFAULT pg_backend_pid(), at timestamptz DEFAULT clock_timestamp())
""",
    """
CREATE FUNCTION write_down() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit (request_id, queue_position, before, after, epoch)
    SELECT new.id, new.queue_position, old.status, new.status, epoch FROM leader;
    RETURN NULL;
END
$$
""",
    """
CREATE TRIGGER audit AFTER UPDATE OF status ON requests FOR EACH ROW
WHEN (new.mode = 'async') EXECUTE FUNCTION write_down()
""",
)


@dataclass(frozen=True)
class Change:
    """One change of one request's status, in a leader's term."""

    request_id: str
    queue_position: int
    before: str
    after: str
    epoch: int
    backend: int
    at: datetime


async def install_audit(url: str) -> None:
    """Start recording."""
    await run_sql(url, *INSTALL)


async def changes(url: str) -> list[Change]:
    """Return the recorded changes, in order."""
    query = "SELECT request_id::text, queue_position, before, after, epoch, backend, at FROM audit ORDER BY n"
    return [Change(**record) for record in await fetch(url, query)]
