"""Checks whether what clients were told is true, by comparing the final state with their history.

A request whose answer was lost may exist once or not at all; one that was acknowledged exists once and was called
back, one that was refused does not exist. Orders hold, and bytes come out the same.
"""

import hashlib
import json
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import asyncpg

from src.services.report_generator import ReportParameters, generate
from tests.support.database_state import fetch
from tests.support.history import History, Outcome
from tests.support.receivers import Callback, Receiver

#: Findings of one kind that are told.
TOLD_MAX = 5

ALL_ASYNC = """
SELECT id::text, queue_position, status, callback_status, completed_at, failure_reason,
       input_payload::text AS input, input_payload->>'report_name' AS name, result_payload->>'sha256' AS sha256
FROM requests WHERE mode = 'async' ORDER BY queue_position
"""


@dataclass
class Verdict:
    """The result of a check: figures, and a description of every fault."""

    acknowledged: int = 0
    unknown: int = 0
    #: Requests whose answer was lost, and that exist.
    unknown_stored: int = 0
    callbacks: int = 0
    #: Callbacks beyond the first of each request: at least once is the promise.
    repeated: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)

    def fault(self, kind: str, detail: object) -> None:
        """Note a fault."""
        self.faults[kind] += 1
        if self.faults[kind] <= TOLD_MAX:
            self.told.append(f"{kind}: {detail}")

    def __str__(self) -> str:
        return (
            f"{self.acknowledged} acknowledged, {self.faults['lost']} lost; {self.unknown} unknown, of which"
            f" {self.unknown_stored} exist, {self.faults['doubled']} twice; {self.callbacks} callbacks,"
            f" {self.repeated} repeated or retried, {self.faults['no callback']} missing;"
            f" {self.faults['generated too early'] + self.faults['delivered too early']} FIFO inversions,"
            f" {self.faults['position']} bad positions, {self.faults['bytes']} files differ"
        )


async def check(history: History, url: str, receivers: Sequence[Receiver], reports: Path) -> Verdict:
    """Compare what clients and receivers saw with what is stored. Everything must have settled.

    Args:
        history: what clients were told.
        url: the database.
        receivers: all of them.
        reports: the folder with the files.
    """
    rows = await fetch(url, ALL_ASYNC)
    last_position = (await fetch(url, "SELECT last_position FROM queue_counter"))[0][0]
    verdict = Verdict()
    _check_outcomes(history, rows, verdict)
    _check_positions(history, rows, last_position, verdict)
    _check_reports(rows, reports, verdict)
    _check_callbacks(rows, receivers, verdict)
    return verdict


def _check_outcomes(history: History, rows: Sequence[asyncpg.Record], verdict: Verdict) -> None:
    """Check: acknowledged requests exist once, refused ones never, unknown ones at most once."""
    stored: dict[str, list[asyncpg.Record]] = defaultdict(list)
    for row in rows:
        stored[row["name"]].append(row)
    for operation in history.operations:
        found = stored.pop(operation.name, [])
        said = [(request_id, operation.queue_position) for request_id in operation.request_ids]
        if len(found) > 1 or len(said) > 1:
            verdict.fault("doubled", operation)
        if operation.outcome is Outcome.ACKNOWLEDGED:
            verdict.acknowledged += 1
            if [(row["id"], row["queue_position"]) for row in found] != said:
                verdict.fault("lost", operation)
        elif operation.outcome is Outcome.UNKNOWN:
            verdict.unknown += 1
            verdict.unknown_stored += bool(found)
        elif found:
            verdict.fault("refused but stored", operation)
    for name in stored:
        verdict.fault("from nowhere", name)


def _check_positions(history: History, rows: Sequence[asyncpg.Record], last: int, verdict: Verdict) -> None:
    """Check: positions have no gaps or duplicates; a request sent after another's acknowledgement comes after it."""
    positions = [row["queue_position"] for row in rows]
    if positions != list(range(1, last + 1)):
        missing = sorted(set(range(1, last + 1)) - set(positions))
        verdict.fault("position", f"the last is {last}, missing are {missing[:10]}")
    acknowledged = sorted(history.with_outcome(Outcome.ACKNOWLEDGED), key=lambda one: one.acknowledged_s)
    highest, ahead = 0, deque(acknowledged)
    for operation in sorted(acknowledged, key=lambda one: one.first_sent_s):
        while ahead and ahead[0].acknowledged_s < operation.first_sent_s:
            highest = max(highest, ahead.popleft().queue_position)
        if operation.queue_position < highest:
            verdict.fault("position", f"{operation} stands before {highest}, which was acknowledged earlier")


def _check_reports(rows: Sequence[asyncpg.Record], reports: Path, verdict: Verdict) -> None:
    """Check: all completed, in order; each file matches its record and a second generation."""
    for row in rows:
        if row["status"] != "COMPLETED":
            verdict.fault("lost", f"{row['name']} is {row['status']}: {row['failure_reason']}")
            continue
        file = reports / f"{row['id']}.csv"
        on_disk = hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else "no file"
        if not row["sha256"] == on_disk == report_sha256(row["input"]):
            verdict.fault("bytes", f"{row['name']}: {row['sha256']}, on disk {on_disk}")
    for before, after in pairwise([row for row in rows if row["completed_at"]]):
        if after["completed_at"] < before["completed_at"]:
            verdict.fault("generated too early", f"{after['queue_position']} before {before['queue_position']}")


def report_sha256(parameters: str) -> str:
    """Generate a report again; returns its SHA-256 in hex."""
    digest = hashlib.sha256()
    for chunk, _ in generate(ReportParameters.from_json(json.loads(parameters))):
        digest.update(chunk)
    return digest.hexdigest()


def _check_callbacks(rows: Sequence[asyncpg.Record], receivers: Sequence[Receiver], verdict: Verdict) -> None:
    """Check: at least one callback per request, the first ones in order, all of one request identical."""
    got: dict[str, list[Callback]] = defaultdict(list)
    for receiver in receivers:
        for callback in receiver.callbacks:
            got[callback.body["request_id"]].append(callback)
        first_ones = list(dict.fromkeys(receiver.positions))
        for before, after in pairwise(first_ones):
            if after < before:
                verdict.fault("delivered too early", f"{before} came before {after} at {receiver.origin}")
    for row in rows:
        _check_callbacks_of_one(row, got.pop(row["id"], []), verdict)
    for request_id in got:
        verdict.fault("callback from nowhere", request_id)


def _check_callbacks_of_one(row: asyncpg.Record, callbacks: Sequence[Callback], verdict: Verdict) -> None:
    verdict.callbacks += len(callbacks)
    verdict.repeated += max(0, len(callbacks) - 1)
    if not callbacks:
        verdict.fault("no callback", f"{row['name']}, callback {row['callback_status']}")
    for callback in callbacks:
        # One id for each request and one request for each id: it is made from the request's.
        if callback.headers["webhook-id"] != f"msg_{row['id'].replace('-', '')}":
            verdict.fault("webhook-id", f"{row['name']}: {callback.headers['webhook-id']}")
        if callback.position != row["queue_position"]:
            verdict.fault("position", f"the callback of {row['name']} says {callback.position}")
        if row["status"] == "COMPLETED" and callback.body["data"]["sha256"] != row["sha256"]:
            verdict.fault("bytes", f"the callback of {row['name']} tells of other bytes")
