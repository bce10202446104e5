"""What is asked of the server in each mode, and what counts as success."""

from typing import Any, Protocol

import orjson

from src.loadgen.callbacks.ledger import Accepted
from src.loadgen.callbacks.receiver import Receivers
from src.loadgen.errors import CannotRun, printable
from src.loadgen.http.client import HttpClient
from src.loadgen.http.connection import BAD_ANSWER, LOCAL_RESOURCES, TIMEOUT, Answer
from src.loadgen.options.faults import Mixer
from src.loadgen.options.options import Options


class Side(Protocol):
    """One mode of the service."""

    mode: str
    path: str

    def warm_up_requests(self) -> list[bytes]:
        """What is sent first, to see whether the other side speaks this API."""
        ...

    def request(self) -> tuple[bytes, int]:
        """The next request, and the place of its callback's receiver."""
        ...

    def judge(self, answer: Answer, began_s: float, receiver: int) -> str | None:
        """The kind of failure, if it is one."""
        ...

    def refused(self, answer: Answer) -> str | None:
        """Explain, in a sentence, why the server refused the first request, if this side knows."""
        ...


class SyncSide:
    """`POST /api/sync`: the answer is the report."""

    mode = "sync"
    path = "/api/sync"

    def __init__(self, client: HttpClient, options: Options) -> None:
        body = orjson.dumps({"num_transactions": options.num_transactions})
        self._request = client.request("POST", self.path, body)

    def warm_up_requests(self) -> list[bytes]:
        """The one that is always sent."""
        return [self._request]

    def request(self) -> tuple[bytes, int]:
        """The same every time."""
        return self._request, 0

    def judge(self, answer: Answer, _began_s: float, _receiver: int) -> str | None:
        """A success is a 2xx with a request's id."""
        return failure_of(answer) or (None if request_of(answer) else BAD_ANSWER)

    def refused(self, answer: Answer) -> str | None:  # noqa: ARG002  the other side knows more
        """Nothing that is special to this mode."""
        return None


class AsyncSide:
    """`POST /api/async`: the answer is an acknowledgement, the report comes to a receiver."""

    mode = "async"
    path = "/api/async"

    def __init__(self, client: HttpClient, options: Options, receivers: Receivers) -> None:
        self._receivers = receivers
        self._mixer = Mixer(options.faults)
        payload = {"num_transactions": options.num_transactions}
        self._requests = [
            client.request("POST", self.path, orjson.dumps({"payload": payload, "callback_url": receiver.url}))
            for receiver in receivers.all
        ]

    def warm_up_requests(self) -> list[bytes]:
        """One for each receiver: the server has to be allowed to call all of them."""
        return self._requests

    def request(self) -> tuple[bytes, int]:
        """The one for the receiver whose turn it is."""
        place = self._mixer.next()
        return self._requests[place], place

    def judge(self, answer: Answer, began_s: float, receiver: int) -> str | None:
        """A success is a 2xx with a request's id; it is taken down, because a callback is owed from now on."""
        if failure := failure_of(answer):
            return failure
        accepted = request_of(answer)
        if accepted is None:
            return BAD_ANSWER
        position = accepted.get("queue_position")
        position = position if isinstance(position, int) else None
        self._receivers.ledger.accept(Accepted(accepted["request_id"], began_s, receiver, position))
        return None

    def refused(self, answer: Answer) -> str | None:
        """Name the setting that lets the server call back."""
        if answer.status != 422 or b"callback" not in answer.body.lower():
            return None
        origins = ",".join(dict.fromkeys(receiver.origin for receiver in self._receivers.all))
        port = int(self._receivers.all[0].origin.rpartition(":")[2])
        return (
            f"The server may not call back to this program: start it with CALLBACK_ALLOWED_ORIGINS={origins}"
            f" and this program with --callback-port {port}. It says: {problem_of(answer)}"
        )


def failure_of(answer: Answer) -> str | None:
    """The kind of failure by which an answer did not come or is no success."""
    if answer.failure is not None:
        return answer.failure
    return None if 200 <= answer.status < 300 else f"status_{answer.status}"


def request_of(answer: Answer) -> dict[str, Any] | None:
    """The answer's JSON object, if it has a request's id."""
    try:
        body = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None
    return body if isinstance(body, dict) and isinstance(body.get("request_id"), str) else None


def problem_of(answer: Answer) -> str:
    """What an error answer says in words (RFC 9457), fit for a terminal."""
    try:
        problem = orjson.loads(answer.body)
        parts = [str(problem.get("detail") or problem.get("title") or "")]
        parts += [str(error.get("detail")) for error in problem.get("errors") or []]
    except (orjson.JSONDecodeError, AttributeError, TypeError):
        return "nothing that can be read."
    return printable(" ".join(dict.fromkeys(part for part in parts if part))) or "nothing."


def check_first(side: Side, client: HttpClient, answer: Answer) -> None:
    """See whether the answer to the first request is one of this service.

    Raises:
        CannotRun: it is not; the sentence says what to do.
    """
    url = f"{client.target.url}{side.path}"
    if answer.failure == TIMEOUT:
        raise CannotRun(f"{url} did not answer in time ({answer.detail}); --timeout sets how long that is.")
    if answer.failure == LOCAL_RESOURCES:
        raise CannotRun(f"{client.target.url} cannot be reached: {answer.detail}. The server is not to blame.")
    if answer.failure is not None:
        raise CannotRun(f"{client.target.url} cannot be reached: {answer.detail}. Is the server running there?")
    if answer.status == 429:
        name = f"RATE_LIMIT_{side.mode.upper()}"
        raise CannotRun(
            f"{url} refuses by its rate limit (429): start the server with {name}=off. It says: {problem_of(answer)}"
        )
    if explained := side.refused(answer):
        raise CannotRun(explained)
    if answer.status in {404, 405, 501} or (answer.status < 400 and request_of(answer) is None):
        raise CannotRun(
            f"{url} does not speak this service's API: it answered {answer.status} without a request_id to POST."
            " Give --url the base URL of a Financial Report Generator."
        )
    if failure_of(answer) is not None:
        raise CannotRun(f"{url} answered {answer.status} to the first request: {problem_of(answer)}")
