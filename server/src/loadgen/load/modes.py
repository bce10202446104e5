"""The requests of each mode, and what counts as success."""

from typing import Any, Protocol

import orjson

from src.loadgen.callbacks.ledger import Accepted
from src.loadgen.callbacks.receiver import Receivers
from src.loadgen.errors import CannotRun, printable
from src.loadgen.http.client import HttpClient
from src.loadgen.http.connection import BAD_RESPONSE, LOCAL_RESOURCES, TIMEOUT, Response
from src.loadgen.options.faults import Mixer
from src.loadgen.options.options import Options


class Mode(Protocol):
    """A mode of the service, as seen by its client."""

    name: str
    path: str

    def warm_up_requests(self) -> list[bytes]:
        """Return the requests sent first, to check that the server implements this API."""
        ...

    def request(self) -> tuple[bytes, int]:
        """Return the next request, and the index of the receiver of its callback."""
        ...

    def judge(self, response: Response, began_s: float, receiver: int) -> str | None:
        """Return the kind of failure, or None for a success."""
        ...

    def refused(self, response: Response) -> str | None:
        """Explain in a sentence why the server rejected the first request, if this mode knows why."""
        ...


class SyncMode:
    """`POST /api/sync`: the response is the report."""

    name = "sync"
    path = "/api/sync"

    def __init__(self, client: HttpClient, options: Options) -> None:
        body = orjson.dumps({"num_transactions": options.num_transactions})
        self._request = client.request("POST", self.path, body)

    def warm_up_requests(self) -> list[bytes]:
        return [self._request]

    def request(self) -> tuple[bytes, int]:
        return self._request, 0

    def judge(self, response: Response, _began_s: float, _receiver: int) -> str | None:
        """Count a 2xx with a request id as success."""
        return failure_of(response) or (None if request_of(response) else BAD_RESPONSE)

    def refused(self, response: Response) -> str | None:  # noqa: ARG002  only async has an explanation
        return None


class AsyncMode:
    """`POST /api/async`: the response is an acknowledgement, the report is delivered to a receiver."""

    name = "async"
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
        """Return one request per receiver: the server must be allowed to call all of them."""
        return self._requests

    def request(self) -> tuple[bytes, int]:
        index = self._mixer.next()
        return self._requests[index], index

    def judge(self, response: Response, began_s: float, receiver: int) -> str | None:
        """Count a 2xx with a request id as success, and record it in the ledger, as its callback is now due."""
        if failure := failure_of(response):
            return failure
        accepted = request_of(response)
        if accepted is None:
            return BAD_RESPONSE
        position = accepted.get("queue_position")
        position = position if isinstance(position, int) else None
        self._receivers.ledger.accept(Accepted(accepted["request_id"], began_s, receiver, position))
        return None

    def refused(self, response: Response) -> str | None:
        """Name the setting that allows the server to call back."""
        if response.status != 422 or b"callback" not in response.body.lower():
            return None
        origins = ",".join(dict.fromkeys(receiver.origin for receiver in self._receivers.all))
        port = int(self._receivers.all[0].origin.rpartition(":")[2])
        return (
            f"The server may not call back this program: start it with CALLBACK_ALLOWED_ORIGINS={origins}"
            f" and this program with --callback-port {port}. It says: {problem_of(response)}"
        )


def failure_of(response: Response) -> str | None:
    """Return the kind of failure if there is no response or it is not a success."""
    if response.failure is not None:
        return response.failure
    return None if 200 <= response.status < 300 else f"status_{response.status}"


def request_of(response: Response) -> dict[str, Any] | None:
    """Return the response's JSON object if it has a request id."""
    try:
        body = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        return None
    return body if isinstance(body, dict) and isinstance(body.get("request_id"), str) else None


def problem_of(response: Response) -> str:
    """Return the text of an error response (RFC 9457), sanitized for a terminal."""
    try:
        problem = orjson.loads(response.body)
        parts = [str(problem.get("detail") or problem.get("title") or "")]
        parts += [str(error.get("detail")) for error in problem.get("errors") or []]
    except (orjson.JSONDecodeError, AttributeError, TypeError):
        return "nothing readable."
    return printable(" ".join(dict.fromkeys(part for part in parts if part))) or "nothing."


def check_first(mode: Mode, client: HttpClient, response: Response) -> None:
    """Check that the response to the first request comes from this service.

    Raises:
        CannotRun: it does not; the message says what to do.
    """
    url = f"{client.target.url}{mode.path}"
    if response.failure == TIMEOUT:
        raise CannotRun(f"{url} did not answer in time ({response.detail}); --timeout sets the limit.")
    if response.failure == LOCAL_RESOURCES:
        raise CannotRun(f"{client.target.url} cannot be reached: {response.detail}. The server is not to blame.")
    if response.failure is not None:
        raise CannotRun(f"{client.target.url} cannot be reached: {response.detail}. Is the server running there?")
    if response.status == 429:
        name = f"RATE_LIMIT_{mode.name.upper()}"
        raise CannotRun(
            f"{url} enforces its rate limit (429): start the server with {name}=off. It says: {problem_of(response)}"
        )
    if explained := mode.refused(response):
        raise CannotRun(explained)
    if response.status in {404, 405, 501} or (response.status < 400 and request_of(response) is None):
        raise CannotRun(
            f"{url} does not implement this service's API: it answered {response.status} without a request_id to POST."
            " Set --url to the base URL of a Financial Report Generator."
        )
    if failure_of(response) is not None:
        raise CannotRun(f"{url} answered {response.status} to the first request: {problem_of(response)}")
