"""A model of the service, a dict of what must be so, and the rules by which it is compared with the real one.

The real one is a process with a real database, over HTTP. Whatever may happen at any moment (a report ends, a
callback is sent) is only compared after everything has settled; what an answer says is compared at once.
"""

import asyncio
import hashlib
import json
import re
from collections.abc import Collection, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aiohttp
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.support.crash_servers import CrashServer
from tests.support.database_state import settled
from tests.support.databases import run_sql
from tests.support.receivers import Receiver
from tests.support.waiting import eventually

#: What a callback's attempts are answered, by the way its receiver behaves.
ATTEMPTS = {200: [200], 500: [500] * 4, 400: [400]}
#: One more in a row that used up its attempts, and the receiver is paused.
USED_UP_MAX = 4
STEP_WITHIN_S = 60.0
RECEIVERS_CALLED = 2
RECEIVERS = st.sampled_from(range(RECEIVERS_CALLED))
NUMBERS = st.integers(0, 99)

T = TypeVar("T")


@dataclass
class Expected:
    """What must be true of one request."""

    request_id: str
    route: str
    body: dict[str, Any]
    key: str | None
    queue_position: int | None
    receiver: int | None
    #: What each series of attempts is answered; a redelivery begins one.
    series: list[int] = field(default_factory=list)
    #: Those of them that a cancel has cut short, perhaps before the first attempt.
    cut: set[int] = field(default_factory=set)
    #: Whether it was cancelled as a whole.
    is_cancelled: bool = False
    #: How many attempts its log had, when it was last looked at.
    logged: int = 0

    @property
    def status(self) -> str:
        """How its report has ended, when all has settled."""
        return "CANCELLED" if self.is_cancelled else "COMPLETED"

    @property
    def callback_status(self) -> str | None:
        """How its callback has ended, when all has settled."""
        if self.route == "sync":
            return None
        if len(self.series) - 1 in self.cut:
            return "CANCELLED"
        return "SUCCESS" if self.series[-1] == 200 else "FAILED"

    def explains(self, answers: Sequence[int]) -> bool:
        """Whether its attempts may have been answered so."""
        series = [
            "".join(f"(?:{one},)" + ("?" if number in self.cut else "") for one in ATTEMPTS[answer])
            for number, answer in enumerate(self.series)
        ]
        return re.fullmatch("".join(series), "".join(f"{one}," for one in answers)) is not None


@dataclass
class World:
    """The real service with its receivers; outlives the single runs."""

    loop: asyncio.AbstractEventLoop
    session: aiohttp.ClientSession
    server: CrashServer
    receivers: list[Receiver]
    database_url: str
    #: How each receiver answers, and how many callbacks in a row used up their attempts there, at most.
    answers: list[int] = field(default_factory=list)
    used_up: list[int] = field(default_factory=list)
    #: How many callbacks each had got when it began to answer so.
    got_before: list[int] = field(default_factory=list)
    last_position: int = 0
    runs: int = 0
    asked: int = 0
    restarts: int = 0
    crashes: int = 0
    #: How often the wall clock was set an hour ahead while the process was down.
    clock_jumps: int = 0

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something on the loop of the receivers; called from the model's thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(STEP_WITHIN_S)

    async def ask(self, method: str, path: str, body: str | None = None, key: str | None = None) -> tuple[int, Any]:
        """Send one request; returns status and JSON."""
        self.asked += 1
        headers = {"content-type": "application/json", **({"X-Idempotency-Key": key} if key else {})}
        url = f"{self.server.base_url}/api{path}"
        async with self.session.request(method, url, data=body, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)

    async def redeliver_all(self, wanted: dict[str, str], count: int) -> None:
        """Redeliver in bulk, as many as a dry run counts, and wait until all of them are queued."""
        status, answer = await self.ask("POST", "/redeliveries", json.dumps({"filter": wanted}))
        assert (status, answer["count"]) == (200, count)
        body = {"filter": wanted, "dry_run": False, "expected_count": count}
        status, answer = await self.ask("POST", "/redeliveries", json.dumps(body))
        assert (status, answer["count"]) == (202, count)

        async def is_queued() -> bool:
            found = (await self.ask("GET", f"/redeliveries/{answer['id']}"))[1]
            return (found["status"], found["queued"]) == ("COMPLETED", count)

        await eventually(is_queued)

    async def stop_and_start(self, how: str) -> None:
        """Stop the process, or kill it, and start it again; perhaps at another time."""
        if how == "kill":
            await self.server.kill()
            self.crashes += 1
        else:
            assert await self.server.stop() == 0
            self.restarts += 1
        self.clock_jumps += how == "set the clock"
        await self.server.start(WALL_CLOCK_OFFSET_S=str(self.clock_jumps * 3600))

    async def download(self, request_id: str) -> bytes:
        """Read a report."""
        async with self.session.get(f"{self.server.base_url}/api/reports/{request_id}.csv") as answer:
            assert answer.status == 200
            return await answer.read()

    async def begin_again(self) -> None:
        """Forget all requests, but not the positions: those only grow."""
        await run_sql(self.database_url, "DELETE FROM requests")
        for number, receiver in enumerate(self.receivers):
            receiver.callbacks.clear()
            self.answer(number, 200)

    def answer(self, number: int, status: int) -> None:
        """Let a receiver answer otherwise."""
        self.answers[number] = status
        self.got_before[number] = len(self.receivers[number].callbacks)
        self.receivers[number].answer = lambda _number, _callback: status

    def forget_what_was_used_up(self, number: int) -> None:
        """Begin to count anew, if a receiver has answered anything but 500: after that nothing is in a row."""
        if self.answers[number] != 500 and len(self.receivers[number].callbacks) > self.got_before[number]:
            self.used_up[number] = 0


class ServiceMachine(RuleBasedStateMachine):
    """Does to the service and to the model the same.

    What is drawn must not depend on how the service answers: a number is drawn, and stands for one of the requests.
    """

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[str, Expected] = {}
        self.keys: dict[tuple[str, str], Expected] = {}
        self.deleted: list[str] = []
        #: The priorities of all positions, also of those that were deleted since.
        self.priorities: dict[int, str] = {}
        self.stops = ""
        #: Whether nothing is under way.
        self.has_settled = True
        #: Whether callbacks may have come more often than attempts were recorded.
        self.repeats = False

    # --- rules -------------------------------------------------------------------------------------------

    @initialize(stops=st.sampled_from(["", "", "", "restart", "kill", "set the clock"]))
    def begin(self, stops: str) -> None:
        self.world.runs += 1
        self.stops = stops
        self.world.run(self.world.begin_again())

    @rule(
        key=st.sampled_from([None, None, "k1", "k2"]),
        rows=st.sampled_from([1, 30]),
        receiver=RECEIVERS,
        priority=st.sampled_from(["high", "normal", "low"]),
        spaces=st.booleans(),
    )
    def submit(self, key: str | None, rows: int, receiver: int, priority: str, spaces: bool) -> None:
        """Ask for a report later: it is new, or a duplicate, or its key was used for another."""
        answers = self.world.answers[receiver]
        if answers == 500 and self.world.used_up[receiver] >= USED_UP_MAX:
            return
        url = self.world.receivers[receiver].url
        body = {"payload": {"num_transactions": rows}, "callback_url": url, "priority": priority}
        status, answer = self.world.run(self.world.ask("POST", "/async", written(body, spaces=spaces), key))
        known = self.keys.get(("async", key)) if key else None
        if known is not None:
            self._compare_with_the_first(known, body, status, answer)
            return
        assert status == 202, answer
        self.world.last_position += 1
        assert answer["queue_position"] == self.world.last_position
        expected = Expected(answer["request_id"], "async", body, key, self.world.last_position, receiver, [answers])
        self.world.used_up[receiver] += answers == 500
        self.priorities[self.world.last_position] = priority
        self._remember(expected)

    @rule(
        key=st.sampled_from([None, "k1"]),
        rows=st.sampled_from([1, 30]),
        spaces=st.booleans(),
    )
    def submit_sync(self, key: str | None, rows: int, spaces: bool) -> None:
        """Ask for a report now."""
        body = {"num_transactions": rows}
        status, answer = self.world.run(self.world.ask("POST", "/sync", written(body, spaces=spaces), key))
        known = self.keys.get(("sync", key)) if key else None
        if known is not None:
            self._compare_with_the_first(known, body, status, answer)
            return
        assert status == 200, answer
        assert answer["summary"]["total_transactions"] == rows
        self._remember(Expected(answer["request_id"], "sync", body, key, None, None))

    @rule(number=NUMBERS)
    def look(self, number: int) -> None:
        """Look at one: it is there, and its state is a possible one."""
        if not (request_id := self._one_of(self.model, number)):
            return
        status, detail = self.world.run(self.world.ask("GET", f"/requests/{request_id}"))
        assert status == 200
        assert detail["queue_position"] == self.model[request_id].queue_position
        possible = {"CANCELLED"} if self.model[request_id].is_cancelled else {"PENDING", "PROCESSING", "COMPLETED"}
        assert detail["status"] in possible
        assert detail["callback_status"] in {"PENDING", self.model[request_id].callback_status}

    @rule(number=NUMBERS)
    def download(self, number: int) -> None:
        """Read a report that has ended: it is what was asked for and what the result says."""
        if not (request_id := self._one_of(self.model, number)):
            return
        self.settle()
        _, detail = self.world.run(self.world.ask("GET", f"/requests/{request_id}"))
        if self.model[request_id].is_cancelled:
            assert detail["result_payload"] is None
            assert self.world.run(self.world.ask("GET", f"/reports/{request_id}.csv"))[0] == 404
            return
        report = self.world.run(self.world.download(request_id))
        body = self.model[request_id].body
        assert hashlib.sha256(report).hexdigest() == detail["result_payload"]["sha256"]
        assert report.count(b"\n") == 1 + body.get("payload", body)["num_transactions"]

    @rule(number=NUMBERS)
    def delete(self, number: int) -> None:
        """Delete one; only while it is being processed that is refused."""
        if not (request_id := self._one_of(self.model, number)):
            return
        status, answer = self.world.run(self.world.ask("DELETE", f"/requests/{request_id}"))
        if status == 409:
            assert not self.has_settled
            return
        assert (status, answer) == (200, {"deleted": True, "id": request_id})
        gone = self.model.pop(request_id)
        self.keys = {key: one for key, one in self.keys.items() if one is not gone}
        self.deleted.append(request_id)

    @rule(number=NUMBERS)
    def look_for_a_deleted_one(self, number: int) -> None:
        """It is gone, with everything that belonged to it."""
        if not (request_id := self._one_of(self.deleted, number)):
            return
        for path in ("", "/callback-logs"):
            assert self.world.run(self.world.ask("GET", f"/requests/{request_id}{path}"))[0] == 404
        assert self.world.run(self.world.ask("GET", f"/reports/{request_id}.csv"))[0] == 404
        for change in ("redeliver", "cancel"):
            assert self.world.run(self.world.ask("POST", f"/requests/{request_id}/{change}"))[0] == 404

    @rule(number=NUMBERS, notify=st.booleans())
    def cancel(self, number: int, notify: bool) -> None:
        """Cancel one: what has not ended ends so, else its callback if that is owed; else it is refused."""
        if not (request_id := self._one_of(self.model, number)):
            return
        expected = self.model[request_id]
        before = (expected.is_cancelled, set(expected.cut))
        body = json.dumps({"notify": notify})
        status, answer = self.world.run(self.world.ask("POST", f"/requests/{request_id}/cancel", body))
        if status == 409:
            assert answer["type"].endswith(":already-ended")
            assert "CANCELLED" not in {expected.status, expected.callback_status}
            return
        assert status == 200, answer
        if expected.is_cancelled or expected.callback_status == "CANCELLED":
            assert (expected.is_cancelled, expected.cut) == before
            return
        assert (expected.route, self.has_settled) == ("async", False)
        expected.is_cancelled = answer["status"] == "CANCELLED"
        if expected.is_cancelled and notify:
            assert answer["callback_status"] in {"PENDING", expected.callback_status}
            return
        assert answer["callback_status"] == "CANCELLED"
        expected.cut.add(len(expected.series) - 1)

    @rule(number=NUMBERS)
    def redeliver(self, number: int) -> None:
        """Send a callback again, if the first delivery has ended."""
        if not (request_id := self._one_of(self.model, number)):
            return
        expected = self.model[request_id]
        receiver = expected.receiver
        answers = 200 if receiver is None else self.world.answers[receiver]
        if receiver is not None and answers == 500 and self.world.used_up[receiver] >= USED_UP_MAX:
            return
        status, answer = self.world.run(self.world.ask("POST", f"/requests/{request_id}/redeliver"))
        if receiver is None or expected.is_cancelled or status == 409:
            assert status == 409, answer
            # Of one that was cancelled just now an attempt may still be under way.
            assert receiver is None or expected.is_cancelled or expected.cut or not self.has_settled
            return
        assert status == 202, answer
        self.world.used_up[receiver] += answers == 500
        expected.series.append(answers)
        self.has_settled = False

    @rule(receiver=RECEIVERS, ended=st.sampled_from(["SUCCESS", "FAILED"]))
    def redeliver_all(self, receiver: int, ended: str) -> None:
        """Send again whatever has ended so at a receiver."""
        self.settle()
        answers = self.world.answers[receiver]
        wanted = [
            one
            for one in self.model.values()
            if one.receiver == receiver and one.callback_status == ended and not one.is_cancelled
        ]
        if not wanted or (answers == 500 and self.world.used_up[receiver] + len(wanted) > USED_UP_MAX):
            return
        origin = self.world.receivers[receiver].origin
        self.world.run(self.world.redeliver_all({"receiver": origin, "callback_status": ended}, len(wanted)))
        self.world.used_up[receiver] += len(wanted) * (answers == 500)
        for one in wanted:
            one.series.append(answers)
        self.has_settled = False

    @rule(receiver=RECEIVERS, status=st.sampled_from([200, 200, 500, 400]))
    def let_a_receiver_answer(self, receiver: int, status: int) -> None:
        """Change how a receiver answers, once nothing is under way."""
        self.settle()
        self.world.answer(receiver, status)

    @rule()
    def settle(self) -> None:
        """Let everything end, and compare all of it."""
        if not self.has_settled:
            self.world.run(settled(self.world.database_url))
            self.has_settled = True
            self._compare_everything()

    @rule()
    def delete_all(self) -> None:
        """Delete everything that has settled."""
        self.settle()
        status, answer = self.world.run(self.world.ask("DELETE", "/requests"))
        assert (status, answer) == (200, {"deleted": True, "count": len(self.model)})
        self.model.clear()
        self.keys.clear()

    @precondition(lambda self: bool(self.stops))
    @rule()
    def stop(self) -> None:
        """Stop the process and start it again: once in a run at most."""
        self.world.run(self.world.stop_and_start(self.stops))
        self.stops = ""
        self.repeats = True

    def teardown(self) -> None:
        """Compare all of it once more."""
        self.settle()

    # --- comparing ---------------------------------------------------------------------------------------

    def _remember(self, expected: Expected) -> None:
        self.model[expected.request_id] = expected
        if expected.key:
            self.keys[expected.route, expected.key] = expected
        self.has_settled = False

    def _compare_with_the_first(self, known: Expected, body: dict[str, Any], status: int, answer: Any) -> None:
        if known.body != body:
            assert status == 422, answer
            return
        assert (status, answer["status"], answer["request_id"]) == (200, "duplicate", known.request_id)
        assert answer["queue_position"] == known.queue_position
        if known.is_cancelled:
            assert answer["original_result"] is None
        else:
            assert answer["original_result"] is not None or not self.has_settled

    @staticmethod
    def _one_of(request_ids: Collection[str], number: int) -> str | None:
        return list(request_ids)[number % len(request_ids)] if request_ids else None

    def _compare_everything(self) -> None:
        listed = self.world.run(self.world.ask("GET", "/requests?limit=200"))[1]["requests"]
        found = {one["request_id"]: (one["status"], one["callback_status"]) for one in listed}
        assert found == {one.request_id: (one.status, one.callback_status) for one in self.model.values()}
        proof = self.world.run(self.world.ask("GET", "/queue/fifo-proof"))[1]
        assert (proof["generation_inversions"], proof["delivery_inversions"]) == (0, 0)
        for expected in self.model.values():
            logs = self.world.run(self.world.ask("GET", f"/requests/{expected.request_id}/callback-logs"))[1]["logs"]
            assert expected.explains([log["status_code"] for log in logs])
            expected.logged = len(logs)
            assert [log["attempt_number"] for log in logs] == list(range(1, len(logs) + 1))
        for number in range(len(self.world.receivers)):
            self._compare_callbacks(number)

    def _compare_callbacks(self, number: int) -> None:
        receiver = self.world.receivers[number]
        self.world.forget_what_was_used_up(number)
        # What was cancelled before it was sent may be sent later, by a redelivery.
        later = {one.queue_position for one in self.model.values() if one.cut}
        first_ones = [position for position in dict.fromkeys(receiver.positions) if position not in later]
        for priority in ("high", "normal", "low"):
            of_priority = [position for position in first_ones if self.priorities[position] == priority]
            assert of_priority == sorted(of_priority)
        got: dict[str, int] = {}
        for callback in receiver.callbacks:
            request_id = callback.body["request_id"]
            assert callback.headers["webhook-id"] == f"msg_{request_id.replace('-', '')}"
            got[request_id] = got.get(request_id, 0) + 1
        for expected in self.model.values():
            if expected.receiver == number:
                sent = got.get(expected.request_id, 0)
                # One that was under way when its callback was cancelled is logged a moment later.
                late = bool(expected.cut)
                assert expected.logged <= sent <= expected.logged + late or (self.repeats and sent > expected.logged)


def machine_for(world: World) -> type[ServiceMachine]:
    """Bind the rules to one service."""
    return type("BoundServiceMachine", (ServiceMachine,), {"world": world})


def written(body: dict[str, Any], *, spaces: bool) -> str:
    """Write a body in one of two ways that mean the same."""
    return json.dumps(body, indent=2) if spaces else json.dumps(dict(reversed(body.items())), separators=(",", ":"))
