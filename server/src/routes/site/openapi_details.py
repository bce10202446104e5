"""What the OpenAPI document says of all operations alike: groups, ids, titles and the headers of responses."""

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from src.routes.http.problems import PROBLEM_JSON

TAGS = [
    {"name": "Submit", "description": "Ask for a report: at once or later."},
    {"name": "Requests", "description": "Read, explain, cancel, redeliver and delete what was submitted."},
    {"name": "Batches", "description": "Reports that are accepted together, and how they stand."},
    {"name": "Queue", "description": "What waits, what is under way, and proof of the order."},
    {"name": "Keys", "description": "Who calls, and the keys of accounts."},
    {"name": "Events", "description": "What happens, as it happens."},
    {"name": "Health", "description": "Whether the service works, and its metrics."},
    {"name": "Benchmark", "description": "Measure this server: sync, async, or both side by side."},
    {"name": "Demo receiver", "description": "A receiver of callbacks to experiment with, part of the demo."},
    {"name": "Callback", "description": "What the service sends to a `callback_url`."},
]
LICENSE = {"name": "MIT", "identifier": "MIT"}
CONTACT = {"name": "The operators of this service"}
SERVERS = [{"url": "/", "description": "This server."}]

_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-ID": {"schema": _TEXT, "description": "The id of this HTTP call: the caller's own, or a new one."},
    "X-RateLimit-Limit": {"schema": _COUNT, "description": "Calls that the rate limit permits in its window."},
    "X-RateLimit-Remaining": {"schema": _COUNT, "description": "Calls left in the window."},
    "X-RateLimit-Reset": {
        "schema": _COUNT,
        "description": "When the oldest counted call leaves the window, in seconds since 1970.",
    },
    "Retry-After": {"schema": _COUNT, "description": "When to try again, in seconds (RFC 9110, 10.2.3)."},
}
_RATE_LIMIT_HEADERS = [name for name in HEADERS if name.startswith("X-RateLimit-")]
#: Statuses of refusals that precede the rate limit.
_NOT_COUNTED = frozenset({"401", "403", "421"})
_ACRONYMS = {"fifo": "FIFO", "url": "URL", "http": "HTTP"}


def name_operations(routes: Iterable[BaseRoute]) -> None:
    """Give each operation its function's name as id, after which generated clients name theirs."""
    for route in routes:
        if isinstance(route, APIRoute):
            route.operation_id = route.name


def add_details(document: dict[str, Any], rate_limited: Collection[str]) -> None:
    """Complete a document.

    Args:
        document: changed in place.
        rate_limited: the paths whose POST is counted by a rate limit.
    """
    document["servers"] = SERVERS
    document["components"]["headers"] = HEADERS
    limited = {re.sub(r":\w+\}", "}", path) for path in rate_limited}
    used: set[str] = set()
    for path, method, operation in _operations(document):
        used.update(operation["tags"])
        operation["summary"] = _title(operation)
        counted = method == "post" and path in limited
        for status, response in operation["responses"].items():
            names = ["X-Request-ID"]
            if counted and status not in _NOT_COUNTED:
                names += _RATE_LIMIT_HEADERS
            if status in {"429", "503"} and PROBLEM_JSON in response.get("content", {}):
                names.append("Retry-After")
            references = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
            response["headers"] = {**response.get("headers", {}), **references}
    document["tags"] = [tag for tag in TAGS if tag["name"] in used | {"Callback"}]
    for schema in _schemas(document["components"]["schemas"]):
        if "prefixItems" in schema:  # its length is fixed, and tools for older versions look for `items`
            schema.setdefault("items", {})


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _title(operation: dict[str, Any]) -> str:
    first, *others = operation["operationId"].split("_")
    return " ".join([first.capitalize(), *(_ACRONYMS.get(word, word) for word in others)])


def _schemas(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from _schemas(child)
    elif isinstance(node, list):
        for child in node:
            yield from _schemas(child)
