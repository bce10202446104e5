"""What can go wrong, apart from HTTP.

    ServiceError                    something the caller is told in words
    ├── Invalid                     the request can be read, but asks for something that is not allowed
    │   ├── ForbiddenCallbackUrl    the callback URL breaks a rule; `rule` names it
    │   └── IdempotencyKeyReused    the same key came with another body
    ├── NotFound                    no such request or report
    ├── Conflict                    true, but not now: the state of the request forbids it
    │   └── StillProcessing         the first request with this key is still being worked on
    ├── NotStarted                  the operator is told what to mend
    ├── LeadershipLost              another process works now; nothing was changed
    └── Unavailable                 try again later; nothing was stored
        ├── QueueFull               more requests wait than `MAX_PENDING_REQUESTS`
        ├── CallerQueueFull         a caller has more requests waiting than `MAX_PENDING_PER_CALLER`
        ├── TooManyReceivers        a caller has more receivers waiting than `MAX_RECEIVERS_PER_CALLER`
        └── DatabaseAway            PostgreSQL does not answer, is read-only, full or busy

`routes/http/problems.py` alone turns these into HTTP.
"""


class ServiceError(Exception):
    """Something the caller is told in words.

    Args:
        detail: one sentence for the caller; never a traceback, a path, SQL or hostile input.
    """

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Invalid(ServiceError):
    """The request can be read, but asks for something that is not allowed.

    Args:
        detail: one sentence for the caller.
        pointer: where in the body, as a JSON pointer (RFC 6901); empty: the whole.
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


class IdempotencyKeyReused(Invalid):
    """The same idempotency key came with another body."""


class NotFound(ServiceError):
    """There is no such request or report."""


class Conflict(ServiceError):
    """The state of the request forbids it now."""


class StillProcessing(Conflict):
    """The first request with this idempotency key is still being worked on.

    Args:
        detail: one sentence for the caller.
        retry_after_s: when it is worth asking again, seconds.
    """

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class LeadershipLost(ServiceError):
    """Another process works now; nothing was changed."""


class Unavailable(ServiceError):
    """The service cannot do this now; nothing was stored.

    Args:
        detail: one sentence for the caller.
        retry_after_s: when it is worth trying again, seconds.
    """

    def __init__(self, detail: str, retry_after_s: int = 5) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class QueueFull(Unavailable):
    """More requests wait than `MAX_PENDING_REQUESTS` allows."""


class CallerQueueFull(Unavailable):
    """More requests of one caller wait than `MAX_PENDING_PER_CALLER` allows."""


class TooManyReceivers(Unavailable):
    """More receivers wait for callbacks of one caller than `MAX_RECEIVERS_PER_CALLER` allows."""


class DatabaseAway(Unavailable):
    """PostgreSQL does not answer, or refuses what it does at other times.

    Args:
        detail: one sentence for the caller.
        retry_after_s: when it is worth trying again, seconds.
        refuses_writes: it may be read, but takes no changes: it is read-only or full.
    """

    def __init__(self, detail: str, retry_after_s: int = 5, *, refuses_writes: bool = False) -> None:
        super().__init__(detail, retry_after_s)
        self.refuses_writes = refuses_writes


class NotStarted(ServiceError):
    """The service cannot start; the sentence says what the operator can do."""
