"""Filters of the history, and the plan to evaluate them: by an index, or by scanning a bounded number of requests."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_

from src.models import CallbackStatus, Mode, Priority, RequestModel, Status
from src.models.request_model import ENDED
from src.services.identity.caller import View
from src.services.requests.visible import visible

R = RequestModel
#: Returns the condition on the columns of a request.
Check = Callable[[Any], ColumnElement[bool]]
State = tuple[Mode, Status, CallbackStatus | None]

_URL = re.compile(r"(?P<origin>(?P<scheme>https?)://(?P<authority>[^/?]*))(?P<path>[/?].*)?", re.IGNORECASE | re.DOTALL)
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The filters of a list; None does not filter."""

    #: Whose requests.
    view: View
    mode: Mode | None = None
    status: Status | None = None
    callback_status: CallbackStatus | None = None
    priority: Priority | None = None
    #: Scheme, host and port.
    receiver: str | None = None
    #: Of the last attempt to deliver the callback.
    error_code: str | None = None
    #: Accepted at or after `since`, and before `until`.
    since: datetime | None = None
    until: datetime | None = None
    batch_id: UUID | None = None
    #: A request id, an idempotency key, the beginning of a callback URL or receiver, or part of the report's name.
    text: str | None = None

    @property
    def states(self) -> Sequence[State]:
        """The matching states; empty if the filters contradict each other, such as sync and a callback."""
        about_callbacks = self.receiver is not None or self.error_code is not None
        wanted = (self.mode, self.status, self.callback_status)
        return [
            state
            for state in _all_states()
            if all(want in (None, is_so) for want, is_so in zip(wanted, state, strict=True))
            and (state[2] is not None or not about_callbacks)
        ]

    @property
    def by_state(self) -> bool:
        """Whether any filter is on the state."""
        return (self.mode, self.status, self.callback_status) != (None, None, None)

    @property
    def about_callbacks(self) -> list[ColumnElement[bool]]:
        """The conditions on the receiver and on the error of the last attempt."""
        receiver = [] if self.receiver is None else [R.receiver == self.receiver]
        return receiver + ([] if self.error_code is None else [R.callback_error_code == self.error_code])

    @property
    def bounds(self) -> list[ColumnElement[bool]]:
        """The conditions on the time of acceptance."""
        since = [] if self.since is None else [R.created_at >= self.since]
        return visible(self.view) + since + ([] if self.until is None else [R.created_at < self.until])


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to find the matching requests."""

    filters: Filters
    #: Only these requests, which the text identifies.
    ids: Sequence[UUID] | None = None
    #: The condition on the leading column of an index: one receiver, or one error code.
    leading: ColumnElement[bool] | None = None
    #: The receivers to search, if there are several.
    receivers: Sequence[str] | None = None
    #: A condition without an index, evaluated on each of the newest requests.
    check: Check | None = None

    @property
    def states(self) -> Sequence[State]:
        """The states to look through: requests without a callback have no receiver and no callback error."""
        if self.ids is not None or (self.leading is None and self.receivers is None):
            return self.filters.states
        return [state for state in self.filters.states if state[2] is not None]


@dataclass(frozen=True, slots=True)
class UrlBeginning:
    """A text that is a prefix of a callback URL, of a receiver, or of both."""

    text: str
    #: The receiver, if the text extends past it.
    receiver: str | None

    @classmethod
    def of(cls, text: str) -> "UrlBeginning | None":
        """Parse a text; returns None if no URL begins with it."""
        if (match := _URL.fullmatch(text)) is None:
            return None
        origin, path = match["origin"].lower(), match["path"]
        if path is None:
            return cls(origin, None)
        has_port = re.search(r":\d+$", match["authority"])
        return cls(origin + path, origin if has_port else f"{origin}:{_DEFAULT_PORTS[match['scheme'].lower()]}")

    @property
    def end(self) -> str:
        """The exclusive upper bound of all texts with this prefix."""
        return self.text[:-1] + chr(ord(self.text[-1]) + 1)

    def begins(self, request: Any) -> ColumnElement[bool]:
        """Return the condition that the callback URL or the receiver of a request has this prefix."""
        names = (request.callback_url, request.receiver)
        return or_(*(name.startswith(self.text, autoescape=True) for name in names))


def plan_of_batch(filters: Filters) -> Plan:
    """Plan to look through the requests of one batch, which are few."""
    checks = list[Check]()
    url = UrlBeginning.of(filters.text) if filters.text else None
    if url is not None:
        checks.append(url.begins)
    elif filters.text is not None:
        checks.append(lambda request: _name(request).icontains(filters.text, autoescape=True))
    return Plan(filters=filters, check=_all_of(checks))


def plan_for(filters: Filters, receivers: Sequence[str] | None = None) -> Plan:
    """Choose how to find the matching requests, if the text is neither an id nor a key.

    Args:
        filters: the filters.
        receivers: those with the text as prefix; None if there are too many, or it is unknown.
    """
    leading, checks = None, list[Check]()
    url = UrlBeginning.of(filters.text) if filters.text else None
    if filters.error_code is not None:
        leading = R.callback_error_code == filters.error_code
        if filters.receiver is not None:
            checks.append(lambda request: request.receiver == filters.receiver)
    elif filters.receiver is not None:
        leading = R.receiver == filters.receiver
    elif url is not None and url.receiver is not None:
        leading = R.receiver == url.receiver
    elif url is not None and receivers is not None and filters.priority is None:
        return Plan(filters=filters, receivers=receivers)
    if url is not None:
        checks.append(url.begins)
    elif filters.text is not None:
        checks.append(lambda request: _name(request).icontains(filters.text, autoescape=True))
    if filters.priority is not None:
        checks.append(lambda request: request.priority == filters.priority)
    return Plan(filters=filters, leading=leading, check=_all_of(checks))


def _name(request: Any) -> Any:
    return request.input_payload["report_name"].as_string()


def _all_of(checks: Sequence[Check]) -> Check | None:
    return (lambda request: and_(*(check(request) for check in checks))) if checks else None


def _all_states() -> Iterator[State]:
    for mode, status in product(Mode, Status):
        yield mode, status, None
        if mode is Mode.ASYNC:
            for callback_status in CallbackStatus if status in ENDED else [CallbackStatus.PENDING]:
                yield mode, status, callback_status
