"""Keyset cursors of lists sorted newest first: the creation time and id of the last entry of a page."""

import base64
from datetime import UTC, datetime
from uuid import UUID

from src.errors import Invalid


def write_cursor(created_at: datetime, request_id: UUID) -> str:
    """Return the cursor that points behind a request."""
    text = f"{created_at.astimezone(UTC).isoformat()} {request_id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> tuple[datetime, UUID]:
    """Parse a cursor. Only the canonical form is accepted: times are not converted, so nothing can overflow.

    Raises:
        Invalid: it is malformed.
    """
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        created_at, request_id = text.split(" ")
        after = datetime.fromisoformat(created_at), UUID(request_id)
        if after[0].tzinfo is UTC and write_cursor(*after) == cursor:
            return after
    except ValueError:  # includes binascii.Error and UnicodeDecodeError
        pass
    raise Invalid("This is not a cursor that a list of requests gave out; begin again without one.", "cursor")
