"""Resources the load generator's own machine may run out of: files, ports, memory. Not the server's fault."""

import errno
import resource
from contextlib import suppress
from dataclasses import replace

from src.loadgen.errors import CannotRun
from src.loadgen.options.command_line import CONNECTIONS_DEFAULT
from src.loadgen.options.options import Options

#: Open files besides the connections to the server: interpreter, event loop, receivers with their connections, output.
RESERVED_FILES = 64
#: macOS enforces this, although it reports no limit.
FILES_MAX = 10_240

LACKING = {
    errno.EMFILE: "has no more file descriptors for this program (ulimit -n)",
    errno.ENFILE: "has no more file descriptors",
    errno.EADDRNOTAVAIL: "has no free port left for another connection",
    errno.ENOBUFS: "has no more network buffers",
    errno.ENOMEM: "has no more memory",
    errno.EAGAIN: "lets this program start no more threads",
}


def lack_behind(error: BaseException) -> str | None:
    """Return what this machine ran out of, as a phrase that follows "this machine"; None for any other error.

    uvloop and asyncio combine several errors of one connection into one without an errno.
    """
    number = error.errno if isinstance(error, OSError) else None
    if number is None and isinstance(error, RuntimeError) and "new thread" in str(error):
        number = errno.EAGAIN
    return LACKING.get(number) if number is not None else None


def with_files_enough(options: Options) -> Options:
    """Raise the limit on open files to what the run needs, or reduce its connections to the limit.

    Every connection is an open file, and the soft limit is often 1,024. Fewer connections than the default of
    `--connections` are fine: further requests are queued here, and their wait counts.

    Raises:
        CannotRun: the requested number of connections is not possible.
    """
    allowed = _raised_limit()
    modes = len(options.modes)  # each has its own connections
    wanted = options.connections_max if options.rate else options.concurrency
    if modes * wanted + RESERVED_FILES <= allowed:
        return options
    fitting = int(allowed - RESERVED_FILES) // modes
    if options.rate and wanted == CONNECTIONS_DEFAULT and fitting > 0:
        return replace(options, connections_max=fitting)
    raise CannotRun(
        f"{wanted:,} connections need {modes * wanted + RESERVED_FILES:,} open files, and the limit is {allowed:,}:"
        " raise it (ulimit -n), or use fewer connections."
    )


def _raised_limit() -> float:
    """Raise the soft limit on open files to the hard one; returns the new limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wished in (hard, FILES_MAX):
        if soft != resource.RLIM_INFINITY and (wished == resource.RLIM_INFINITY or wished > soft):
            with suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (wished, hard))
                soft = wished
    return float("inf") if soft == resource.RLIM_INFINITY else soft
