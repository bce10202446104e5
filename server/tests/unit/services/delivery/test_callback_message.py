"""What a receiver is sent, and that the document tells it as it is."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args
from uuid import uuid4

import orjson
import pytest
from fastapi.routing import APIRoute
from pydantic import BaseModel

from src.app import create_app
from src.config import Settings
from src.routes.wire.callbacks import EXAMPLES, CallbackMessage
from src.services.delivery.message import message_body
from src.services.delivery.schedule import may_be_retried, succeeded
from src.services.outbound.client import Failure, Reply, lacks_resources
from src.services.outbound.guard import ErrorCode
from src.services.outbound.transport import STATUSES
from src.services.report_files.links import ReportLinks
from src.services.requests.records import Finished, OwedReport
from tests.support.jobs import job
from tests.support.openapi import document

REQUEST_ID = uuid4()
BASE_URL = "https://reports.example.com"
PLAIN = ReportLinks(BASE_URL, [b""], None)
RESULT = EXAMPLES["completed"]["value"]["data"]


def callback(result: str | None, failure: str | None = None) -> OwedReport:
    return OwedReport(
        job=replace(job(7), request_id=REQUEST_ID),
        finished=Finished(
            request_id=REQUEST_ID,
            completed_at=datetime(2026, 1, 31, 9, 30, tzinfo=UTC),
            result=result,
            failure_reason=failure,
        ),
    )


def test_the_links_of_a_report_are_absolute_and_lead_to_the_request_and_to_the_file() -> None:
    message = orjson.loads(message_body(callback(orjson.dumps(RESULT).decode()), PLAIN, None))

    assert message["type"] == "report.completed"
    assert message["links"] == {
        "request": f"{BASE_URL}/api/requests/{REQUEST_ID}",
        "report": f"{BASE_URL}/api/reports/{REQUEST_ID}.csv",
    }


def test_without_a_report_there_is_no_link_to_one() -> None:
    message = orjson.loads(message_body(callback(None, "It could not be generated."), PLAIN, None))

    assert message["type"] == "report.failed"
    assert message["data"] == {"reason": "It could not be generated."}
    assert message["links"] == {"request": f"{BASE_URL}/api/requests/{REQUEST_ID}"}


@pytest.mark.parametrize(("result", "failure"), [(orjson.dumps(RESULT).decode(), None), (None, "Out of disk.")])
def test_what_is_sent_has_exactly_the_fields_that_the_document_names(result: str | None, failure: str | None) -> None:
    body = message_body(callback(result, failure), PLAIN, None)
    read = CallbackMessage.model_validate_json(body)

    assert read.model_dump(mode="json", exclude_unset=True) == orjson.loads(body)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_of_the_document_are_callbacks(name: str) -> None:
    value = EXAMPLES[name]["value"]
    read: BaseModel = CallbackMessage.model_validate_json(orjson.dumps(value))

    assert read.model_dump(mode="json", exclude_unset=True) == value


def described(settings: Settings) -> list[str]:
    """Return what becomes the description of each callback in the document."""
    return [route.description for route in create_app(settings).webhooks.routes if isinstance(route, APIRoute)]


def numbers(cell: str) -> Iterator[int]:
    for part in cell.split(", "):
        first, _, last = part.partition(" to ")
        yield from range(int(first), int(last or first) + 1)


def test_the_document_says_of_each_answer_what_the_schedule_makes_of_it() -> None:
    descriptions = [one["post"]["description"] for one in document()["webhooks"].values()]
    rows = [line.strip("| ").split(" | ") for line in descriptions[0].splitlines() if "|" in line]
    told = {number: row[1] for row in rows[2:] if not row[0].startswith("none") for number in numbers(row[0])}
    codes = {code: row[1] for row in rows if row[0].startswith("none: ") for code in row[0][6:].split(", ")}

    assert descriptions == described(Settings(_env_file=None))
    assert sorted(told) == list(STATUSES)
    for status, words in told.items():
        reply = Reply(status, None, b"")
        assert words.startswith("delivered") == succeeded(reply)
        assert words.startswith("tried again after 2, 4 and 8 s, 4 attempts in all") == may_be_retried(reply)
    assert {code.strip("`") for code in codes} == set(get_args(ErrorCode))
    for code, words in codes.items():
        failure = Failure(code.strip("`"), "")
        assert ("tried again" in words) == may_be_retried(failure)
        assert ("however often" in words) == lacks_resources(failure)


@pytest.mark.parametrize(
    ("delays", "words"),
    [
        ("7", "tried again after 7 s, 2 attempts in all"),
        ("0.5,1", "tried again after 0.5 and 1 s, 3 attempts in all"),
        (",", "ends: this server tries once"),
    ],
)
def test_the_document_tells_the_waits_and_the_deadline_that_are_set(delays: str, words: str) -> None:
    settings = Settings(_env_file=None, callback_retry_delays=delays, callback_timeout_seconds=3)

    for description in described(settings):
        assert description.count(words) == 2
        assert "An attempt may take 3 s in all" in description
