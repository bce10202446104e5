"""Jobs as read from the table."""

from datetime import date
from uuid import UUID

from src.models import Priority
from src.services.report_generator import ReportParameters
from src.services.requests.records import Job, LaneKey

LANE = LaneKey("192.0.2.1", "http://127.0.0.1:9001")


def job(
    position: int,
    lane: LaneKey = LANE,
    *,
    rows: int = 1,
    generation_attempts: int = 0,
    priority: Priority = Priority.NORMAL,
) -> Job:
    """A job at a position; its request id is the position as a number."""
    return Job(
        request_id=UUID(int=position),
        queue_position=position,
        caller=lane.caller,
        parameters=ReportParameters(rows, "Any", 1, date(2026, 1, 1), date(2026, 1, 31), "USD"),
        callback_url=f"{lane.receiver}/x",
        receiver=lane.receiver,
        generation_attempts=generation_attempts,
        priority=priority,
    )
