"""What each operation asks of its caller; decided before anything is looked up, so that a refusal tells nothing."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from re import Pattern

from starlette.routing import compile_path

from src.services.identity.caller import Scope


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call an operation."""

    #: None: everybody with credentials.
    scope: Scope | None
    #: Whether callers without credentials may, where no credentials are required.
    in_open_mode: bool = True
    #: Whether credentials are neither required nor looked at.
    public: bool = False
    #: Whether a signed link is as good as credentials.
    by_link: bool = False

    @property
    def scopes(self) -> list[str]:
        """The scope as a list, as the OpenAPI document has it."""
        return [] if self.scope is None else [str(self.scope)]


PUBLIC = Access(None, public=True)
READ = Access(Scope.READ)
READ_OR_LINK = Access(Scope.READ, by_link=True)
SUBMIT = Access(Scope.SUBMIT)
MANAGE = Access(Scope.MANAGE)
#: Open where no credentials are required: the demo's tools, and metrics.
OPERATE = Access(Scope.ADMIN)
#: What only makes sense with credentials, also where none are required.
MANAGE_KEYS = Access(Scope.MANAGE, in_open_mode=False)
MANAGE_ACCOUNTS = Access(Scope.ADMIN, in_open_mode=False)
ANYBODY_KNOWN = Access(None)

#: Every operation of the OpenAPI document, and the WebSocket. What is missing here is refused by a test.
ACCESS: Mapping[str, Access] = {
    "POST /api/sync": SUBMIT,
    "POST /api/async": SUBMIT,
    "POST /api/batch": SUBMIT,
    "GET /api/batches": READ,
    "GET /api/batches/{batch_id}": READ,
    "GET /api/batches/{batch_id}/requests": READ,
    "GET /api/batches/{batch_id}/callback-logs": READ,
    "POST /api/batches/{batch_id}/cancel": SUBMIT,
    "POST /api/batches/{batch_id}/redeliver": SUBMIT,
    "DELETE /api/batches/{batch_id}": SUBMIT,
    "GET /api/requests": READ,
    "GET /api/requests/counts": READ,
    "GET /api/requests/{request_id}": READ,
    "GET /api/requests/{request_id}/callback-logs": READ,
    "GET /api/requests/{request_id}/explain": READ,
    "POST /api/requests/{request_id}/cancel": SUBMIT,
    "POST /api/requests/{request_id}/redeliver": SUBMIT,
    "DELETE /api/requests/{request_id}": SUBMIT,
    "DELETE /api/requests": MANAGE,
    "POST /api/redeliveries": SUBMIT,
    "GET /api/redeliveries": READ,
    "GET /api/redeliveries/{redelivery_id}": READ,
    "POST /api/redeliveries/{redelivery_id}/cancel": SUBMIT,
    "GET /api/reports/{file}": READ_OR_LINK,
    "POST /api/reports/{file}/link": READ,
    "GET /api/queue": READ,
    "GET /api/queue/depths": READ,
    "GET /api/queue/fifo-proof": READ,
    "POST /api/receivers/{origin:path}/resume": SUBMIT,
    "POST /api/receivers/{origin:path}/probe": SUBMIT,
    "GET /api/me": ANYBODY_KNOWN,
    "POST /api/keys": MANAGE_KEYS,
    "GET /api/keys": MANAGE_KEYS,
    "GET /api/keys/{key_id}": MANAGE_KEYS,
    "POST /api/keys/{key_id}/rotate": MANAGE_KEYS,
    "DELETE /api/keys/{key_id}": MANAGE_KEYS,
    "GET /api/accounts": MANAGE_ACCOUNTS,
    "PUT /api/accounts/{name:path}": MANAGE_ACCOUNTS,
    "GET /api/webhook-secrets": MANAGE_KEYS,
    "POST /api/webhook-secrets/rotate": MANAGE_KEYS,
    "GET /.well-known/webhook-keys/{set}": PUBLIC,
    "GET /api/settings": READ,
    "GET /api/events": READ,
    "WS /api/ws": READ,
    "POST /api/ws/tickets": READ,
    "GET /api/health": READ,
    # Of the whole service, like metrics.
    "GET /api/health/last-hour": OPERATE,
    "GET /api/health/live": PUBLIC,
    "GET /api/health/ready": PUBLIC,
    "GET /metrics": OPERATE,
    "POST /api/callbacks/check": SUBMIT,
    "POST /api/callbacks/receive": PUBLIC,
    "GET /api/callbacks/history": READ,
    "DELETE /api/callbacks/history": SUBMIT,
    "GET /api/callbacks/simulate-failures": READ,
    "POST /api/callbacks/simulate-failures": SUBMIT,
    "GET /api/callbacks/signing-secret": MANAGE,
    "POST /api/benchmark/sync": OPERATE,
    "POST /api/benchmark/async": OPERATE,
    "POST /api/benchmark/both": OPERATE,
    "GET /api/benchmark/runs": READ,
    "GET /api/benchmark/runs/{run_id}": READ,
    "POST /api/benchmark/runs/{run_id}/stop": OPERATE,
    "DELETE /api/benchmark/runs/{run_id}": OPERATE,
    "GET /api/benchmark/runs/{run_id}/export": READ,
    "GET /api/benchmark/comparison": READ,
}

_EXACT: dict[str, Access] = {name: access for name, access in ACCESS.items() if "{" not in name}


def _patterns() -> dict[str, list[tuple[Pattern[str], Access]]]:
    found: dict[str, list[tuple[Pattern[str], Access]]] = defaultdict(list)
    for name, access in ACCESS.items():
        if "{" in name:
            method, template = name.split(" ", 1)
            # The router's own expressions: what it would route is what is judged.
            found[method].append((compile_path(template)[0], access))
    return dict(found)


_PATTERNS = _patterns()


def access_to(method: str, path: str) -> Access:
    """Return who may call an operation, named by its method (`WS` for a WebSocket) and the path of the call.

    Below `/api/` a path or method that is none asks for credentials; everything else is the page, and public.
    """
    if method == "HEAD":
        method = "GET"
    exact = _EXACT.get(f"{method} {path}")
    if exact is not None:
        return exact
    if not path.startswith("/api/"):
        return PUBLIC
    return next((access for pattern, access in _PATTERNS.get(method, ()) if pattern.match(path)), ANYBODY_KNOWN)
