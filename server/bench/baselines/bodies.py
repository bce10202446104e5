"""Bodies of the Celery baseline: the fields and bounds of ours, without importing what only our service needs."""

from datetime import date, timedelta
from hashlib import sha256
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, Strict

DEFAULT_PERIOD = timedelta(days=30)


class ReportBody(BaseModel):
    """The parameters of a report."""

    model_config = ConfigDict(extra="forbid")

    num_transactions: Annotated[int, Strict()] = Field(default=50, ge=1, le=1_000_000)
    report_name: Annotated[str, Strict()] = Field(default="Monthly_Report", min_length=1, max_length=100)
    seed: Annotated[int, Strict()] | None = None
    period_start: date | None = None
    period_end: date | None = None
    currency: Annotated[str, Strict()] = Field(default="USD", pattern=r"^[A-Z]{3}$")

    def filled_in(self, today: date) -> dict[str, Any]:
        """Return the parameters with all defaults, as JSON values."""
        start, end = self.period_start or today - DEFAULT_PERIOD, self.period_end or today
        seed = int.from_bytes(sha256(self.report_name.encode()).digest()[:6]) if self.seed is None else self.seed
        period = {"period_start": start.isoformat(), "period_end": end.isoformat()}
        return {**self.model_dump(), "seed": seed, **period}


class JobBody(BaseModel):
    """A report, and where to deliver it."""

    model_config = ConfigDict(extra="forbid")

    payload: ReportBody = Field(default_factory=ReportBody)
    callback_url: Annotated[str, Strict()] = Field(max_length=2048)


class JobAnswer(BaseModel):
    """The response to an accepted job."""

    request_id: UUID
    queue_position: int
    status: str
    message: str
    status_url: str
