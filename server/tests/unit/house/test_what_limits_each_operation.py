"""Everything that changes something has a limit with a name. A new operation fails here until it is in the table."""

import re
from collections.abc import Iterator

import pytest
from starlette.routing import Route

from src.app import LIKE_A_SUBMISSION, create_app
from src.config import Settings
from src.controllers.async_controller import ASYNC_ROUTE
from src.controllers.sync_controller import SYNC_ROUTE
from src.routes.middleware.rate_limits import RateLimits
from tests.support.openapi import document

SYNC, ASYNC = "RATE_LIMIT_SYNC", "RATE_LIMIT_ASYNC"
#: A delete needs something that was counted when it was made.
MADE_BEFORE = "as many as there are things to delete"
ONE_RUN = "one run at a time (409), whose own length is limited"
KEYS = "1,000 keys of an account that are good or of the last 30 days, KEYS_OF_ACCOUNT_MAX"
DEMO = "a demo tool that changes a value in memory"

LIMITS = {
    "POST /api/sync": SYNC,
    "POST /api/async": ASYNC,
    "POST /api/batch": ASYNC,
    "POST /api/requests/{request_id}/redeliver": ASYNC,
    "POST /api/batches/{batch_id}/redeliver": ASYNC,
    "POST /api/batches/{batch_id}/cancel": "once for each batch that was accepted; further ones change nothing",
    "DELETE /api/batches/{batch_id}": MADE_BEFORE,
    "POST /api/redeliveries": ASYNC,
    "POST /api/redeliveries/{redelivery_id}/cancel": "the one redelivery that is under way",
    "POST /api/receivers/{origin:path}/resume": ASYNC,
    "POST /api/receivers/{origin:path}/probe": ASYNC,
    "POST /api/callbacks/check": "10 of a caller in a minute, CHECKS_RATE",
    "POST /api/requests/{request_id}/cancel": "once for each request that was accepted; further ones change nothing",
    "DELETE /api/requests/{request_id}": MADE_BEFORE,
    "DELETE /api/requests": MADE_BEFORE,
    "POST /api/ws/tickets": "300 of a caller in a minute, TICKETS_RATE; each is gone after 30 s or its use",
    "POST /api/reports/{file}/link": "stores nothing",
    "POST /api/webhook-secrets/rotate": "5 secrets of an account that sign at once, ALIVE_MAX",
    "POST /api/keys": KEYS,
    "POST /api/keys/{key_id}/rotate": KEYS,
    "DELETE /api/keys/{key_id}": MADE_BEFORE,
    "PUT /api/accounts/{name:path}": "the operator alone; it changes one row and makes none",
    "POST /api/benchmark/sync": ONE_RUN,
    "POST /api/benchmark/async": ONE_RUN,
    "POST /api/benchmark/both": ONE_RUN,
    "POST /api/benchmark/runs/{run_id}/stop": "the one run that is under way",
    "DELETE /api/benchmark/runs/{run_id}": MADE_BEFORE,
    "POST /api/callbacks/receive": "the last 100 are remembered; a body has 64 KiB at most",
    "DELETE /api/callbacks/history": DEMO,
    "POST /api/callbacks/simulate-failures": DEMO,
}


def operations() -> Iterator[str]:
    """Name everything that is not only read."""
    for route in create_app(Settings(_env_file=None)).routes:
        if isinstance(route, Route) and not route.path.startswith("/docs"):
            yield from (f"{method} {route.path}" for method in sorted((route.methods or set()) - {"GET", "HEAD"}))


def test_every_operation_that_changes_something_names_its_limit() -> None:
    assert [operation for operation in operations() if operation not in LIMITS] == []


@pytest.mark.parametrize("operation", [name for name, limit in LIMITS.items() if limit in {SYNC, ASYNC}])
def test_an_operation_is_counted_by_the_limit_in_the_table(operation: str) -> None:
    limits = RateLimits(
        {SYNC_ROUTE: "30/minute", ASYNC_ROUTE: "60/minute"}, dict.fromkeys(LIKE_A_SUBMISSION, ASYNC_ROUTE)
    )
    path = re.sub(r"\{[^}]*\}", "http://127.0.0.1:9001" if "origin" in operation else "x", operation.split()[1])
    allowance = limits.hit(path, "caller")

    assert allowance is not None
    assert allowance.limit == {SYNC: 30, ASYNC: 60}[LIMITS[operation]]


def test_every_operation_that_is_counted_documents_its_429() -> None:
    paths = document()["paths"]
    counted = [name.replace(":path}", "}").split() for name, limit in LIMITS.items() if limit in {SYNC, ASYNC}]

    assert [(method, path) for method, path in counted if "429" not in paths[path][method.lower()]["responses"]] == []


@pytest.mark.parametrize("operation", [name for name, limit in LIMITS.items() if limit not in {SYNC, ASYNC}])
def test_what_has_another_limit_is_not_counted(operation: str) -> None:
    limits = RateLimits({ASYNC_ROUTE: "60/minute"}, dict.fromkeys(LIKE_A_SUBMISSION, ASYNC_ROUTE))

    assert limits.hit(operation.split()[1], "caller") is None


def test_a_limit_that_is_off_counts_nothing_that_shares_it() -> None:
    limits = RateLimits({ASYNC_ROUTE: "off"}, dict.fromkeys(LIKE_A_SUBMISSION, ASYNC_ROUTE))

    assert limits.hit("/api/requests/x/redeliver", "caller") is None
