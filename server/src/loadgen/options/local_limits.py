"""What this program's own machine may lack: files, ports, memory. None of it is the server's fault."""

import errno
import resource
from contextlib import suppress
from dataclasses import replace

from src.loadgen.errors import CannotRun
from src.loadgen.options.command_line import CONNECTIONS_DEFAULT
from src.loadgen.options.options import Options

#: Besides connections to the server: the interpreter, the event loop, receivers and who calls them, what is written.
FILES_OF_ITS_OWN = 64
#: macOS lets nobody have more, though it says that there is no limit.
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
    """What this machine lacked, in words that follow its name; None when the error is somebody else's.

    uvloop and asyncio put several errors of one connection into one without a number.
    """
    number = error.errno if isinstance(error, OSError) else None
    if number is None and isinstance(error, RuntimeError) and "new thread" in str(error):
        number = errno.EAGAIN
    return LACKING.get(number) if number is not None else None


def with_files_enough(options: Options) -> Options:
    """Let the program open as many files as the run needs, or fit the run to what is allowed.

    Each connection is an open file, and the soft limit is often 1,024. Fewer connections than `--connections` has by
    default are no fault: requests beyond them wait here, and their wait counts.

    Raises:
        CannotRun: so many callers cannot be had.
    """
    allowed = _raised_limit()
    sides = len(options.modes)  # each keeps its own connections
    wanted = options.connections_max if options.rate else options.concurrency
    if sides * wanted + FILES_OF_ITS_OWN <= allowed:
        return options
    fitting = int(allowed - FILES_OF_ITS_OWN) // sides
    if options.rate and wanted == CONNECTIONS_DEFAULT and fitting > 0:
        return replace(options, connections_max=fitting)
    raise CannotRun(
        f"{wanted:,} connections need {sides * wanted + FILES_OF_ITS_OWN:,} open files, and this program may have"
        f" {allowed:,}: raise the limit (ulimit -n), or ask for fewer."
    )


def _raised_limit() -> float:
    """Raise the soft limit on open files to the hard one; returns what is allowed now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wished in (hard, FILES_MAX):
        if soft != resource.RLIM_INFINITY and (wished == resource.RLIM_INFINITY or wished > soft):
            with suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (wished, hard))
                soft = wished
    return float("inf") if soft == resource.RLIM_INFINITY else soft
