"""Links to reports: plain ones, and signed ones that are good without credentials until they end.

`/api/reports/{file}?expires=<seconds since 1970>&signature=<64 hex digits>`: HMAC-SHA256 (RFC 2104) over file and end.
They are the same for every storage; an object store's own URL is made when one is followed, and never stored.
"""

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from src.errors import LinkExpired, LinkInvalid
from src.services.report_files.production import REPORTS_PATH
from src.services.report_files.storage import file_name

LINK_SECONDS_MAX = 604_800
#: Exactly as it was written, so that a link that was changed in any way is refused; `redirect` is no part of it.
_QUERY = re.compile(rb"expires=([1-9][0-9]{0,11})&signature=([0-9a-f]{64})(?:&redirect=(?:true|false))?")


@dataclass(frozen=True, slots=True)
class ReportLinks:
    """Makes links to reports, and judges signed ones. Thread-safe.

    Args:
        base_url: prefix of every link, so that a receiver needs no other knowledge of this server.
        keys: the first one signs, each verifies.
        callbacks_for_s: for how long the links in a callback are good, seconds; None: they are not signed.
    """

    base_url: str
    keys: Sequence[bytes]
    callbacks_for_s: int | None

    def in_callback(self, request_id: UUID, end: int | None) -> str:
        """Return the link to a report as a callback carries it.

        Args:
            request_id: the request.
            end: what `callback_end` returns.
        """
        file = file_name(request_id)
        return self.signed(file, end) if end else f"{self.base_url}{REPORTS_PATH}{file}"

    def callback_end(self, at: datetime) -> int | None:
        """Return when the links in a callback sent at a time end, seconds since 1970; None: never, they are plain."""
        return None if self.callbacks_for_s is None else int(at.timestamp()) + self.callbacks_for_s

    def signed(self, file: str, end: int) -> str:
        """Return a link to a file that is good without credentials until it ends."""
        return f"{self.base_url}{REPORTS_PATH}{file}?expires={end}&signature={_signature(self.keys[0], file, end)}"

    def check(self, file: str, query: bytes, now: datetime) -> None:
        """Judge a signed link.

        Args:
            file: the last part of its path.
            query: as it was received.
            now: the time, aware UTC.

        Raises:
            LinkInvalid: it was changed, or signed with another key.
            LinkExpired: it was good until it ended.
        """
        parts = _QUERY.fullmatch(query)
        if parts is None:
            raise LinkInvalid("This is not the link as it was made.")
        end, given = int(parts[1]), parts[2].decode()
        # All are computed and compared, so that timing does not tell which one, or how much of it, matched.
        if not sum(hmac.compare_digest(_signature(key, file, end), given) for key in self.keys):
            raise LinkInvalid("This is not the link as it was made.")
        if now.timestamp() >= end:
            raise LinkExpired("The link has expired; ask whoever made it for a new one.")


def _signature(key: bytes, file: str, end: int) -> str:
    return hmac.digest(key, f"{file}\n{end}".encode("utf-8", "surrogatepass"), "sha256").hex()
