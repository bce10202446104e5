"""Start the service: `python -m src`, from `server/`. `make run` does it after setting everything up."""

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

EXIT_SETTING_WRONG = 2
EXIT_NOT_STARTED = 3
#: New objects before a look for cycles among them, and such looks before one that goes further back. Python's own 700
#: is reached every few requests.
GC_THRESHOLDS = (10_000, 20, 20)
#: Files that this process may have open at once, if the system lets it: a connection is one, a download two.
OPEN_FILES_MAX = 65_536
UVICORN: dict[str, Any] = {
    "loop": "uvloop",
    "http": "httptools",
    "proxy_headers": False,  # the app reads forwarded headers itself, from TRUSTED_PROXIES alone
    "server_header": False,
    "access_log": False,
    "ws_max_size": 65_536,  # bytes of one message
    "ws_per_message_deflate": False,  # the same text goes to everybody, and would be compressed for each
    "timeout_graceful_shutdown": 5,  # seconds that requests under way may take
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the service until a signal stops it.

    Args:
        arguments: the command line without the program's name; the process's own when missing.

    Returns:
        The exit status: 0 stopped, 2 a setting is wrong, 3 the service could not start.
    """
    options = _parse(arguments)
    # Where Settings looks, also in the process that --reload starts.
    os.environ.update({name: value for name, value in vars(options).items() if name.isupper() and value})
    try:
        settings = Settings()
    except ValidationError as error:
        return _refuse(EXIT_SETTING_WRONG, *(_explain(problem["loc"], problem["msg"]) for problem in error.errors()))
    except OSError as error:
        return _refuse(EXIT_SETTING_WRONG, f"{error.filename} cannot be read: {error.strerror}.")
    except UnicodeDecodeError:
        return _refuse(EXIT_SETTING_WRONG, "The file .env is not text in UTF-8: write it anew after .env.example.")
    try:
        listener = _bind(settings.host, settings.port)
        return _reload(settings, listener) if options.reload else _serve(settings, listener)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            reason = f"Port {settings.port} is in use; choose another with `make run PORT=9000`."
        else:
            reason = f"{settings.host}, port {settings.port}, cannot be listened on: {error.strerror}."
        return _refuse(EXIT_NOT_STARTED, reason)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m src",
        description="Serve financial reports over HTTP, at once or by callback. Without DATABASE_URL the service"
        " brings its own PostgreSQL. Ctrl-C or SIGTERM stops everything.",
        epilog="An option wins over the environment, and the environment over .env; .env.example explains every"
        " setting. Exit status: 0 stopped, 2 a setting is wrong, 3 the service could not start.",
    )
    add = parser.add_argument
    add("--host", dest="HOST", help="address to listen on (HOST; default 127.0.0.1, this machine only)")
    add("--port", dest="PORT", help="port to listen on (PORT; default 8000)")
    add("--data-dir", dest="DATA_DIR", help="folder for reports and the database (DATA_DIR; default ./data)")
    add("--reload", action="store_true", help="restart when a source file changes, for development")
    return parser.parse_args(arguments)


def _bind(host: str, port: int) -> socket.socket:
    """Take the address before anything slow is started; OSError when it cannot be had."""
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
        signal.signal(each, _leave_quietly)
    gc.disable()  # what starting makes is there to stay; `startup` enables it again
    try:
        from src.app import app  # noqa: PLC0415 - takes a second; what is checked above answers at once
    except ValueError as error:
        return _refuse(EXIT_SETTING_WRONG, str(error))
    protocol = limited_protocol(trusted_proxies=settings.trusted_proxies, has_websocket=partial(_has_websocket, app))
    options = {**UVICORN, "http": protocol, "timeout_keep_alive": settings.keep_alive_seconds}
    config = uvicorn.Config(_explained(app), interface="asgi3", lifespan="on", log_config=None, **options)
    server = _Server(config)
    server.before_shutdown = partial(_before_stop, app)
    server.ready = f"Ready on {settings.public_base_url} (docs: /docs)"
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # a closed terminal stops us too, unless under nohup
        signal.signal(signal.SIGHUP, lambda _, frame: server.handle_exit(signal.SIGTERM, frame))
    server.run(sockets=[listener])
    return 0


def allow_open_files() -> None:
    """Use what the hard limit allows: the soft one is 1,024 or 256 for the sake of old programs that use select()."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (OPEN_FILES_MAX, 10_240, 4_096):  # macOS allows less than its hard limit, and does not say how much
        most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        if soft == resource.RLIM_INFINITY or soft >= most:
            return
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            return


def _reload(settings: Settings, listener: socket.socket) -> int:
    listener.close()  # uvicorn binds again, for the processes that it starts
    source = str(Path(__file__).parent)
    logs = logging_config(settings.log_format, debug=settings.debug)
    logs["loggers"]["uvicorn.error"] = {"level": "INFO"}  # says where it listens, and that it starts again
    options = {**UVICORN, "reload": True, "reload_dirs": source, "log_config": logs}
    options["timeout_keep_alive"] = settings.keep_alive_seconds
    uvicorn.run("src.app:app", host=settings.host, port=settings.port, **options)
    return 0


class _Server(uvicorn.Server):
    """Uvicorn, which says when it answers, and always stops in order: a second Ctrl-C cuts nothing off."""

    ready = ""
    #: What comes before the doors close.
    before_shutdown: Callable[[], Awaitable[None]] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self.should_exit:
            super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        _collect_what_comes_from_now_on()
        if not self.should_exit:
            print(self.ready, flush=True)  # noqa: T201 - the terminal is the reader

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.before_shutdown is not None:
            await self.before_shutdown()
        await super().shutdown(sockets)


def _has_websocket(app: FastAPI, path: str) -> bool:
    return any(isinstance(route, APIWebSocketRoute) and route.path_regex.match(path) for route in app.routes)


async def _before_stop(app: FastAPI) -> None:
    """End what would measure closed doors, and whoever waits for it gets an answer."""
    if parts := getattr(app.state, "parts", None):
        await parts.before_stop()


def _collect_what_comes_from_now_on() -> None:
    """Leave what starting made out of garbage collection.

    It is 150,000 objects that stay. To go through them took 120 ms twice a second under load, a fifth of an accept.
    """
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    gc.enable()


def _explained(app: Any) -> Any:
    """Wrap the app so that a start it refuses in words ends with these words, not with a traceback."""

    async def live(scope: Any, receive: Any, send: Any) -> None:
        async def explain(message: Any) -> None:
            reason = _in_words(sys.exc_info()[1])  # Starlette sends this message while it handles the exception
            if message["type"] == "lifespan.startup.failed" and reason:
                logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
                _refuse(EXIT_NOT_STARTED, reason)
            await send(message)

        await app(scope, receive, explain)

    return lambda scope, receive, send: (live if scope["type"] == "lifespan" else app)(scope, receive, send)


def _in_words(error: BaseException | None) -> str | None:
    if isinstance(error, OSError):
        return f"{error.filename or 'DATA_DIR'} cannot be used: {error.strerror or type(error).__name__}."
    return error.detail if isinstance(error, ServiceError) else None


def _leave_quietly(_signal: int, _frame: FrameType | None) -> None:
    """End with status 0: uvicorn stops in order, then raises the signal again for the handler it found."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)  # another one must not cut off what is still being stopped
    sys.exit(0)


def _explain(location: tuple[int | str, ...], message: str) -> str:
    """Say which setting is wrong, what it means and what is wrong; not its value, which may be secret."""
    name = str(location[0]) if location else ""
    field = Settings.model_fields.get(name)
    meaning = f" ({field.description})" if field is not None else ""
    return f"{name.upper() or 'Settings'}{meaning}: {message.removeprefix('Value error, ')}."


def _refuse(status: int, *sentences: str) -> int:
    print(*sentences, sep="\n", file=sys.stderr, flush=True)  # noqa: T201 - the terminal is the reader
    return status


if __name__ == "__main__":
    sys.exit(main())
