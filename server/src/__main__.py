"""Entry point of the service: `python -m src`, from `server/`. `make run` sets everything up first."""

import argparse
import errno
import gc
import logging.config
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.routing import APIWebSocketRoute
from pydantic import ValidationError

from src.config import Settings
from src.errors import ServiceError
from src.http_server.protocol import limited_protocol
from src.logs import log_thread_errors, logging_config

EXIT_INVALID_SETTING = 2
EXIT_NOT_STARTED = 3
#: Thresholds of the garbage collector's generations, in objects and collections. Python's default of 700 objects is
#: reached every few requests.
GC_THRESHOLDS = (10_000, 20, 20)
#: Soft limit on open file descriptors, if the hard limit allows it: a connection takes one, a download two.
OPEN_FILES_MAX = 65_536
UVICORN: dict[str, Any] = {
    "loop": "uvloop",
    "http": "httptools",
    "proxy_headers": False,  # the app reads forwarded headers itself, from TRUSTED_PROXIES only
    "server_header": False,
    "access_log": False,
    "ws_max_size": 65_536,  # bytes of one message
    "ws_per_message_deflate": False,  # every client gets the same text, and it would be compressed for each
    "timeout_graceful_shutdown": 5,  # seconds for requests in progress
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the service until a signal stops it.

    Args:
        arguments: the command line without the program's name; defaults to `sys.argv`.

    Returns:
        The exit status: 0 stopped, 2 a setting is invalid, 3 the service could not start.
    """
    options = _parse(arguments)
    # Through the environment, so that Settings reads them in the process that --reload starts, too.
    os.environ.update({name: value for name, value in vars(options).items() if name.isupper() and value})
    try:
        settings = Settings()
    except ValidationError as error:
        return _fail(EXIT_INVALID_SETTING, *(_explain(problem["loc"], problem["msg"]) for problem in error.errors()))
    except OSError as error:
        return _fail(EXIT_INVALID_SETTING, f"{error.filename} cannot be read: {error.strerror}.")
    except UnicodeDecodeError:
        return _fail(EXIT_INVALID_SETTING, "The file .env is not UTF-8 text: rewrite it after .env.example.")
    try:
        listener = _bind(settings.host, settings.port)
        return _reload(settings, listener) if options.reload else _serve(settings, listener)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            reason = f"Port {settings.port} is in use; choose another with `make run PORT=9000`."
        else:
            reason = f"Cannot listen on {settings.host}, port {settings.port}: {error.strerror}."
        return _fail(EXIT_NOT_STARTED, reason)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m src",
        description="Serve financial reports over HTTP, synchronously or with a callback. Without DATABASE_URL the"
        " service starts its own PostgreSQL. Ctrl-C or SIGTERM stops everything.",
        epilog="Options take precedence over the environment, and the environment over .env; .env.example explains"
        " every setting. Exit status: 0 stopped, 2 a setting is invalid, 3 the service could not start.",
    )
    add = parser.add_argument
    add("--host", dest="HOST", help="address to listen on (HOST; default 127.0.0.1, this machine only)")
    add("--port", dest="PORT", help="port to listen on (PORT; default 8000)")
    add("--data-dir", dest="DATA_DIR", help="folder for reports and the database (DATA_DIR; default ./data)")
    add("--reload", action="store_true", help="restart when a source file changes, for development")
    return parser.parse_args(arguments)


def _bind(host: str, port: int) -> socket.socket:
    """Bind the address before anything slow is started; OSError if it is not available."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def _serve(settings: Settings, listener: socket.socket) -> int:
    logging.config.dictConfig(logging_config(settings.log_format, debug=settings.debug))
    threading.excepthook = log_thread_errors
    allow_open_files()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, _exit_cleanly)
    gc.disable()  # objects created during startup stay; `startup` enables it again
    try:
        from src.app import app  # noqa: PLC0415 - takes a second; the checks above report errors at once
    except ValueError as error:
        return _fail(EXIT_INVALID_SETTING, str(error))
    protocol = limited_protocol(trusted_proxies=settings.trusted_proxies, has_websocket=partial(_has_websocket, app))
    options = {**UVICORN, "http": protocol, "timeout_keep_alive": settings.keep_alive_seconds}
    config = uvicorn.Config(_with_readable_errors(app), interface="asgi3", lifespan="on", log_config=None, **options)
    server = _Server(config)
    server.before_shutdown = partial(_before_stop, app)
    server.ready = f"Ready on {settings.public_base_url} (docs: /docs)"
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # closing the terminal stops us too, unless under nohup
        signal.signal(signal.SIGHUP, lambda _, frame: server.handle_exit(signal.SIGTERM, frame))
    server.run(sockets=[listener])
    return 0


def allow_open_files() -> None:
    """Raise the soft limit on open files: it is 1,024 or 256 only for old programs that use select()."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (OPEN_FILES_MAX, 10_240, 4_096):  # macOS allows less than its hard limit, without saying how much
        most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        if soft == resource.RLIM_INFINITY or soft >= most:
            return
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            return


def _reload(settings: Settings, listener: socket.socket) -> int:
    listener.close()  # uvicorn binds again, for the processes it starts
    source = str(Path(__file__).parent)
    logs = logging_config(settings.log_format, debug=settings.debug)
    logs["loggers"]["uvicorn.error"] = {"level": "INFO"}  # logs where it listens, and restarts
    options = {**UVICORN, "reload": True, "reload_dirs": source, "log_config": logs}
    options["timeout_keep_alive"] = settings.keep_alive_seconds
    uvicorn.run("src.app:app", host=settings.host, port=settings.port, **options)
    return 0


class _Server(uvicorn.Server):
    """Uvicorn with a message when it is ready, always shut down gracefully: a second Ctrl-C does not force an exit."""

    ready = ""
    #: Runs before the server stops accepting connections.
    before_shutdown: Callable[[], Awaitable[None]] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self.should_exit:
            super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        _freeze_startup_objects()
        if not self.should_exit:
            print(self.ready, flush=True)  # noqa: T201 - the terminal is the reader

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.before_shutdown is not None:
            await self.before_shutdown()
        await super().shutdown(sockets)


def _has_websocket(app: FastAPI, path: str) -> bool:
    return any(isinstance(route, APIWebSocketRoute) and route.path_regex.match(path) for route in app.routes)


async def _before_stop(app: FastAPI) -> None:
    """End what would outlast the graceful shutdown: benchmarks, and calls that wait for a report."""
    if parts := getattr(app.state, "parts", None):
        await parts.before_stop()


def _freeze_startup_objects() -> None:
    """Exclude the objects created during startup from garbage collection.

    They are 150,000 objects that stay. Traversing them took 120 ms twice a second under load, a fifth of an accept.
    """
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    gc.enable()


def _with_readable_errors(app: Any) -> Any:
    """Wrap the app so that an expected startup error is printed as its message, not as a traceback."""

    async def lifespan(scope: Any, receive: Any, send: Any) -> None:
        async def explain(message: Any) -> None:
            reason = _readable(sys.exc_info()[1])  # Starlette sends this message while it handles the exception
            if message["type"] == "lifespan.startup.failed" and reason:
                logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
                _fail(EXIT_NOT_STARTED, reason)
            await send(message)

        await app(scope, receive, explain)

    return lambda scope, receive, send: (lifespan if scope["type"] == "lifespan" else app)(scope, receive, send)


def _readable(error: BaseException | None) -> str | None:
    if isinstance(error, OSError):
        return f"{error.filename or 'DATA_DIR'} cannot be used: {error.strerror or type(error).__name__}."
    return error.detail if isinstance(error, ServiceError) else None


def _exit_cleanly(_signal: int, _frame: FrameType | None) -> None:
    """Exit with status 0: uvicorn shuts down gracefully, then raises the signal again for the original handler."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)  # another signal must not interrupt what is still shutting down
    sys.exit(0)


def _explain(location: tuple[int | str, ...], message: str) -> str:
    """Describe an invalid setting, its meaning and the error, without its value, which may be secret."""
    name = str(location[0]) if location else ""
    field = Settings.model_fields.get(name)
    meaning = f" ({field.description})" if field is not None else ""
    return f"{name.upper() or 'Settings'}{meaning}: {message.removeprefix('Value error, ')}."


def _fail(status: int, *sentences: str) -> int:
    print(*sentences, sep="\n", file=sys.stderr, flush=True)  # noqa: T201 - the terminal is the reader
    return status


if __name__ == "__main__":
    sys.exit(main())
