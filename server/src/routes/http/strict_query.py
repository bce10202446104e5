"""Strict query parsing: known names, each once, values in their plain notation.

FastAPI ignores unknown parameters, takes the last of two values, and lets pydantic accept `1_0` and `+5` as numbers.
A misspelled filter would then list everything.
"""

import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, Literal, get_args, get_origin
from urllib.parse import parse_qsl
from uuid import UUID

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

#: The notation of values, and its description.
Form = tuple[re.Pattern[str], str]
_FORMS: dict[Any, Form] = {
    int: (re.compile(r"0|-?[1-9]\d*", re.ASCII), "Write a whole number in plain digits, such as 50"),
    float: (re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII), "Write a number as in JSON, such as 0.5"),
    bool: (re.compile(r"true|false", re.ASCII), "Write true or false"),
    datetime: (
        re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII),
        "Write a time as RFC 3339 does, such as 2026-01-31T09:30:00Z; a plus sign is %2B in a query",
    ),
    UUID: (re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII), "Write an id as it was given"),
}
_ANY: Form = (re.compile(r".*", re.DOTALL), "")
#: A name that may be repeated in a response; any other may be hostile.
_SAFE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", re.ASCII)

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class QueryChecks:
    """The query parameters of one operation.

    Args:
        dependant: FastAPI's description of the operation and its dependencies.
    """

    def __init__(self, dependant: Dependant) -> None:
        self._forms = _query_forms(dependant)

    def check(self, query: bytes) -> None:
        """Check a query string that is not empty.

        Raises:
            RequestValidationError: with all errors found.
        """
        try:
            given = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict")
        except ValueError:
            raise RequestValidationError([_fault("", "The query is not percent-encoded UTF-8")]) from None
        faults = [fault for name, value in given if (fault := self._fault_of(name, value))]
        names = [name for name, _ in given]
        faults += [_fault(name, "Send this parameter once") for name in self._forms if names.count(name) > 1]
        if faults:
            raise RequestValidationError(faults)

    def _fault_of(self, name: str, value: str) -> Mapping[str, Any] | None:
        if name not in self._forms:
            known = f"this operation takes {', '.join(self._forms)}" if self._forms else "this operation takes none"
            return _fault(name, f"There is no such query parameter; {known}")
        form, how = self._forms[name]
        return None if form.fullmatch(value) else _fault(name, how)


class PlainRoute(APIRoute):
    """A route with strict query parsing. The base of every operation of the API."""

    def get_route_handler(self) -> Handler:
        return self.checking_query(super().get_route_handler())

    def checking_query(self, handle: Handler) -> Handler:
        """Wrap a handler so that the query is checked first, at no cost if there is none."""
        checks = QueryChecks(self.dependant)

        async def handle_strictly(request: Request) -> Response:
            if query := request.scope["query_string"]:
                checks.check(query)
            return await handle(request)

        return handle_strictly


def _query_forms(dependant: Dependant) -> dict[str, Form]:
    forms = {field.alias: _form_of(field.field_info.annotation) for field in dependant.query_params}
    for inner in dependant.dependencies:
        forms |= _query_forms(inner)
    return forms


def _form_of(annotation: Any) -> Form:
    """Return the notation of a parameter; that of `Annotated[int, …] | None` is an int's."""
    if isinstance(annotation, type):
        words = list(annotation) if issubclass(annotation, Enum) else None
        return _one_of(words) if words else _FORMS.get(annotation, _ANY)
    arguments = get_args(annotation)
    if get_origin(annotation) is Literal:
        return _one_of(arguments)
    return _form_of(next(argument for argument in arguments if argument is not type(None)))


def _one_of(words: Sequence[Any]) -> Form:
    """Check the words here, because dependencies may look up the resource before pydantic validates parameters."""
    known = [str(word.value if isinstance(word, Enum) else word) for word in words]
    return re.compile("|".join(map(re.escape, known))), f"Write one of {', '.join(known)}"


def _fault(name: str, detail: str) -> Mapping[str, Any]:
    shown = name if _SAFE_NAME.fullmatch(name) else "query"
    return {"type": "query", "loc": ("query", shown), "msg": detail}
