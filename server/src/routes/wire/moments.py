"""Times in queries: RFC 3339, as UTC."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a time says how far from UTC it is")
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # such as the year 1, an hour east of Greenwich
        raise ValueError("this time is out of range") from None


#: How it is written is looked at before, by `strict_query`.
Moment = Annotated[datetime, AfterValidator(_in_utc)]
