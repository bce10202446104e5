"""Cursors of lists that are read newest first: the time and the id of the last one that was shown."""

import base64
from datetime import UTC, datetime
from uuid import UUID

from src.errors import Invalid


def write_cursor(created_at: datetime, request_id: UUID) -> str:
    """Make the cursor behind a request."""
    text = f"{created_at.astimezone(UTC).isoformat()} {request_id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> tuple[datetime, UUID]:
    """Read a cursor, in the one form in which it is given out: nothing is converted, so nothing can overflow.

    Raises:
        Invalid: it is not one.
    """
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        created_at, request_id = text.split(" ")
        after = datetime.fromisoformat(created_at), UUID(request_id)
        if after[0].tzinfo is UTC and write_cursor(*after) == cursor:
            return after
    except ValueError:  # binascii.Error and UnicodeDecodeError are some
        pass
    raise Invalid("This is not a cursor that a list of requests gave out; begin again without one.", "cursor")
