"""W3C Trace Context: the part of a distributed trace that something belongs to (https://www.w3.org/TR/trace-context/).

Only `traceparent` is read and sent on: receivers get no `tracestate` and no `baggage`, which were meant for us.
"""

import hashlib
import re
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Self

#: Version, trace id, parent id, flags; what a later version appends is ignored (section 4.3).
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII | re.DOTALL)
_SAMPLED = 1


@dataclass(frozen=True, slots=True)
class TraceContext:
    """One span of a trace, by its ids in lower-case hexadecimal digits."""

    trace_id: str
    span_id: str
    #: Whether whoever began the trace records it; everybody after follows.
    sampled: bool = True

    @classmethod
    def parse(cls, header: str) -> Self | None:
        """Read a `traceparent`; a malformed one counts as missing (section 3.2)."""
        found = _TRACEPARENT.fullmatch(header)
        if found is None:
            return None
        version, trace_id, span_id, flags, more = found.groups()
        if version == "ff" or (version == "00" and more is not None) or not int(trace_id, 16) or not int(span_id, 16):
            return None
        return cls(trace_id, span_id, bool(int(flags, 16) & _SAMPLED))

    @property
    def header(self) -> str:
        """The `traceparent` of this span."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"

    def child(self, name: str) -> Self:
        """Return a span below this one. Its id depends on the name alone, so that it outlives the process."""
        digest = hashlib.sha256(f"{self.trace_id}{self.span_id}{name}".encode())
        return type(self)(self.trace_id, digest.hexdigest()[:16], self.sampled)


#: The span of the HTTP call this context belongs to; None outside of calls, and where nothing is traced.
current_trace: ContextVar[TraceContext | None] = ContextVar("current_trace", default=None)
