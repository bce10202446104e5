"""Log formatting: one line per record whatever a caller wrote, and no secrets.

Messages are untrusted: control characters are escaped and query strings are cut from URLs, whoever logs them. The
text of an exception may be what a caller sent, so it is logged only while debugging; where it was raised always is.
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
from src.trace_context import current_trace

LogFormat = Literal["plain", "json"]

log = logging.getLogger(__name__)

MESSAGE_CHARS_MAX = 2_000
#: Frames per traceback, and exceptions per chain of causes.
FRAMES_MAX = 40
CAUSES_MAX = 10
#: Exceptions whose text is ours or the operating system's.
_SAFE_ERRORS = (ServiceError, OSError)
#: Control characters, line and paragraph separators, bidirectional overrides, lone surrogates.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
#: Keys and webhook secrets, wherever somebody put one: of a key its id may be shown.
_CREDENTIAL = re.compile(r"(frg_[0-9A-Za-z]{8}|whsec_)[0-9A-Za-z+/=_-]{24,}", re.ASCII)
_QUERY = re.compile(r"(?<=\S)\?[^\s\"'<>]+")

"".encode("unicode_escape")  # imports the codec now: once the process is out of file descriptors it is too late

#: The id of the HTTP call this context belongs to, as in the header `X-Request-ID`; empty outside of calls.
call_id: ContextVar[str] = ContextVar("call_id", default="")


def new_call_id() -> str:
    """Generate an id for a call without one."""
    return new_hex(8)


def without_credentials(text: str) -> str:
    """Cut out what is a key or a webhook secret by its form."""
    return _CREDENTIAL.sub(r"\1…", text)


def sanitize(text: str) -> str:
    """Truncate and escape text to fit on one log line, without the query strings of URLs and without credentials."""
    cut = without_credentials(_QUERY.sub("?…", text[: 2 * MESSAGE_CHARS_MAX]))[:MESSAGE_CHARS_MAX]
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), cut)


class LineFormatter(logging.Formatter):
    """Formats records as `LEVEL logger [call id]: message`, traceback lines prefixed with a bar; or as JSON lines.

    Args:
        style: `plain` or `json`.
        debug: include the text of exceptions.
    """

    def __init__(self, *, style: LogFormat, debug: bool) -> None:
        super().__init__()
        self._json = style == "json"
        self._debug = debug

    def format(self, record: logging.LogRecord) -> str:
        message = sanitize(record.getMessage())
        trace = [sanitize(line) for line in self._trace(record)]
        if self._json:
            return self._as_json(record, message, trace)
        call = f" [{call_id.get()}]" if call_id.get() else ""
        return "\n  | ".join([f"{record.levelname} {record.name}{call}: {message}", *trace])

    def _as_json(self, record: logging.LogRecord, message: str, trace: list[str]) -> str:
        trace_of_call = current_trace.get()
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname,
            "logger": record.name,
            "call_id": call_id.get() or None,
            "trace_id": trace_of_call and trace_of_call.trace_id,
            "message": message,
            **getattr(record, "fields", {}),
        }
        return orjson.dumps({**line, "traceback": trace} if trace else line, option=orjson.OPT_UTC_Z).decode()

    def _trace(self, record: logging.LogRecord) -> Iterator[str]:
        error = record.exc_info[1] if record.exc_info else None
        for _ in range(CAUSES_MAX):
            if error is None:
                return
            for frame in traceback.extract_tb(error.__traceback__, limit=-FRAMES_MAX):
                yield f"{frame.filename}:{frame.lineno} {frame.name}"
            yield type(error).__qualname__ + self._text(error)
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)

    def _text(self, error: BaseException) -> str:
        if self._debug or isinstance(error, _SAFE_ERRORS):
            return f": {error}"
        return " (set DEBUG=true to see its text)" if str(error) else ""


def log_loop_errors(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log an error that reached only the event loop. Its message may repeat a callback's arguments: debug only."""
    error = context.get("exception")
    log.error("A task or callback failed and nothing awaited it.", exc_info=error)
    log.debug("%s", context.get("message"))


def log_thread_errors(arguments: threading.ExceptHookArgs) -> None:
    """Log an uncaught exception of a thread, for `threading.excepthook`."""
    name = arguments.thread.name if arguments.thread else "unknown"
    log.error("Uncaught exception in thread %s.", name, exc_info=arguments.exc_value)


def logging_config(style: LogFormat, *, debug: bool) -> dict[str, Any]:
    """Build the logging configuration of the process, for `logging.config.dictConfig`."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": "src.logs.LineFormatter", "style": style, "debug": debug}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {"src": {"level": "DEBUG" if debug else "INFO"}},
    }
