"""Log lines: one line each whatever a caller wrote, and nothing in them that is somebody's secret.

Messages are data here: control characters are escaped and the queries of URLs are cut out, whoever logs them. What
an exception says may be what a caller sent, so it is told only while debugging; where it was raised always is.
"""

import asyncio
import logging
import re
import threading
import traceback
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal

import orjson

from src.errors import ServiceError
from src.random_ids import new_hex

LogFormat = Literal["plain", "json"]

log = logging.getLogger(__name__)

MESSAGE_CHARS_MAX = 2_000
#: Of one exception's traceback, and exceptions that led to one another.
FRAMES_MAX = 40
CAUSES_MAX = 10
#: Exceptions whose text is ours or the system's.
_HARMLESS = (ServiceError, OSError)
#: Control characters, line and paragraph separators, changes of the writing direction, lone surrogates.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_QUERY = re.compile(r"(?<=\S)\?[^\s\"'<>]+")

"".encode("unicode_escape")  # finds the codec's module now: it cannot be opened when too many files are

#: The id of the HTTP call that this context belongs to, as the header `X-Request-ID` tells it; empty: to none.
call_id: ContextVar[str] = ContextVar("call_id", default="")


def new_call_id() -> str:
    """Make an id for a call that brought none."""
    return new_hex(8)


def harmless(text: str) -> str:
    """Make text fit for one log line."""
    cut = _QUERY.sub("?…", text[:MESSAGE_CHARS_MAX])
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), cut)


class LineFormatter(logging.Formatter):
    """Writes `LEVEL logger [call id]: message`, then a traceback in lines that begin with a bar; or JSON lines.

    Args:
        style: `plain` or `json`.
        debug: tell also what exceptions say.
    """

    def __init__(self, *, style: LogFormat, debug: bool) -> None:
        super().__init__()
        self._json = style == "json"
        self._debug = debug

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        message = harmless(record.getMessage())
        trace = [harmless(line) for line in self._trace(record)]
        if self._json:
            return self._as_json(record, message, trace)
        call = f" [{call_id.get()}]" if call_id.get() else ""
        return "\n  | ".join([f"{record.levelname} {record.name}{call}: {message}", *trace])

    def _as_json(self, record: logging.LogRecord, message: str, trace: list[str]) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname,
            "logger": record.name,
            "call_id": call_id.get() or None,
            "message": message,
        }
        return orjson.dumps({**line, "traceback": trace} if trace else line, option=orjson.OPT_UTC_Z).decode()

    def _trace(self, record: logging.LogRecord) -> Iterator[str]:
        error = record.exc_info[1] if record.exc_info else None
        for _ in range(CAUSES_MAX):
            if error is None:
                return
            for frame in traceback.extract_tb(error.__traceback__, limit=-FRAMES_MAX):
                yield f"{frame.filename}:{frame.lineno} {frame.name}"
            yield type(error).__qualname__ + self._told(error)
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)

    def _told(self, error: BaseException) -> str:
        if self._debug or isinstance(error, _HARMLESS):
            return f": {error}"
        return " (DEBUG=true tells what it says)" if str(error) else ""


def log_loop_errors(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what an event loop was told of and nobody else; its own words may repeat what a callback was called with."""
    error = context.get("exception")
    log.error("A task or callback failed and nobody waited for it.", exc_info=error)
    log.debug("%s", context.get("message"))


def log_thread_errors(arguments: threading.ExceptHookArgs) -> None:
    """Log how a thread ended that was not to end."""
    name = arguments.thread.name if arguments.thread else "unknown"
    log.error("The thread %s ended.", name, exc_info=arguments.exc_value)


def logging_config(style: LogFormat, *, debug: bool) -> dict[str, Any]:
    """Describe the logging of the whole process, for `logging.config.dictConfig`."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": "src.logs.LineFormatter", "style": style, "debug": debug}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {"src": {"level": "DEBUG" if debug else "INFO"}},
    }
