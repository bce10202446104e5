"""The service's exceptions, independent of HTTP.

    ServiceError                    an error with a message for the caller or the operator
    ├── Invalid                     the request is well-formed, but asks for something that is not allowed
    │   ├── InvalidEntries          several parts of a batch are not allowed; each is named
    │   ├── BatchExceedsRateLimit   a batch has more entries than the rate limit ever lets through at once
    │   ├── ForbiddenCallbackUrl    the callback URL breaks a rule; `rule` names it
    │   └── IdempotencyKeyReused    the same key was sent with a different body
    ├── ScopeMissing                the caller's key does not permit it; `scope` names what it lacks
    ├── LinkInvalid                 a signed link was changed
    ├── LinkExpired                 a signed link was good until it ended
    ├── NotFound                    no such request or report
    ├── Conflict                    not possible in the request's current state
    │   ├── NoCallback              the request has no callback, and will have none
    │   ├── StillProcessing         the first request with this key is still being processed
    │   ├── CountMoved              what matches a filter is not about what was expected
    │   ├── AlreadyEnded            there is nothing left to cancel
    │   └── Cancelled               the request was cancelled while it was waited for
    ├── NotStarted                  the service cannot start; the message says what to fix
    ├── LeadershipLost              another process is the leader now; nothing was changed
    └── Unavailable                 try again later; nothing was stored
        ├── CannotOpen              a secret in the database was encrypted with another SECRETS_KEY
        ├── IssuerAway              there are no keys to check a token with
        ├── QueueFull               `MAX_PENDING_REQUESTS` is reached
        ├── RateLimited             so many entries of a batch do not fit the rate limit now
        ├── CallerQueueFull         `MAX_PENDING_PER_CALLER` is reached
        ├── TooManyReceivers        `MAX_RECEIVERS_PER_CALLER` is reached
        └── DatabaseAway            PostgreSQL is unreachable, read-only, full or busy

Only `routes/http/problems.py` maps them to HTTP.
"""

from collections.abc import Sequence


class ServiceError(Exception):
    """An error with a message for the caller or the operator.

    Args:
        detail: one sentence for the caller; never a traceback, a path, SQL or hostile input.
    """

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Invalid(ServiceError):
    """The request is well-formed, but asks for something that is not allowed.

    Args:
        detail: one sentence for the caller.
        pointer: the offending part of the body as a JSON pointer (RFC 6901); empty for the whole body.
    """

    def __init__(self, detail: str, pointer: str = "") -> None:
        super().__init__(detail)
        self.pointer = pointer


class ForbiddenCallbackUrl(Invalid):
    """The callback URL breaks a rule.

    Args:
        detail: what is wrong and which setting would allow it.
        rule: the rule's short name, such as `loopback` or `port`.
        setting: the name of the setting that would allow it, if one would.
    """

    def __init__(self, detail: str, rule: str, setting: str | None = None) -> None:
        super().__init__(detail, "/callback_url")
        self.rule = rule
        self.setting = setting


class InvalidEntries(Invalid):
    """Several parts of a batch are not allowed.

    Args:
        faults: each part as a JSON pointer, and a sentence; at least one.
    """

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        pointer, detail = faults[0]
        super().__init__(f"{pointer}: {detail}", pointer)
        self.faults = faults


class BatchExceedsRateLimit(Invalid):
    """A batch has more entries than the rate limit ever lets through at once."""


class IdempotencyKeyReused(Invalid):
    """The same idempotency key was sent with a different body."""


class ScopeMissing(ServiceError):
    """The caller's key does not permit this.

    Args:
        detail: one sentence for the caller.
        scope: the scope it lacks.
    """

    def __init__(self, detail: str, scope: str) -> None:
        super().__init__(detail)
        self.scope = scope


class LinkInvalid(ServiceError):
    """A signed link was changed, or signed with another key."""


class LinkExpired(ServiceError):
    """A signed link was good until it ended."""


class NotFound(ServiceError):
    """There is no such request or report."""


class Conflict(ServiceError):
    """The operation is not possible in the request's current state."""


class NoCallback(Conflict):
    """The request has no callback, and will have none."""


class StillProcessing(Conflict):
    """The first request with this idempotency key is still being processed.

    Args:
        detail: one sentence for the caller.
        retry_after_s: seconds until a retry makes sense.
    """

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class CountMoved(Conflict):
    """What matches a filter is not about what was expected."""


class AlreadyEnded(Conflict):
    """The request and its callback have ended; there is nothing left to cancel."""


class Cancelled(Conflict):
    """The request was cancelled while its caller waited for the report."""


class LeadershipLost(ServiceError):
    """Another process is the leader now; nothing was changed."""


class Unavailable(ServiceError):
    """The service cannot do this now; nothing was stored.

    Args:
        detail: one sentence for the caller.
        retry_after_s: seconds until a retry makes sense.
    """

    def __init__(self, detail: str, retry_after_s: int = 5) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class CannotOpen(Unavailable):
    """A secret in the database was encrypted with another SECRETS_KEY, or for another account."""


class IssuerAway(Unavailable):
    """There are no keys to check a token with; its issuer does not give them."""


class QueueFull(Unavailable):
    """`MAX_PENDING_REQUESTS` is reached."""


class RateLimited(Unavailable):
    """So many entries of a batch do not fit the rate limit now."""


class CallerQueueFull(Unavailable):
    """The caller has reached `MAX_PENDING_PER_CALLER`."""


class TooManyReceivers(Unavailable):
    """The caller has reached `MAX_RECEIVERS_PER_CALLER`."""


class DatabaseAway(Unavailable):
    """PostgreSQL does not answer, or temporarily refuses to work.

    Args:
        detail: one sentence for the caller.
        retry_after_s: seconds until a retry makes sense.
        refuses_writes: reads work, writes do not: it is read-only or its disk is full.
    """

    def __init__(self, detail: str, retry_after_s: int = 5, *, refuses_writes: bool = False) -> None:
        super().__init__(detail, retry_after_s)
        self.refuses_writes = refuses_writes


class NotStarted(ServiceError):
    """The service cannot start; the message says what the operator can do about it."""
