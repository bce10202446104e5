"""Entry point of the load generator: `python -m src.loadgen --help`."""

import asyncio
import os
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import uvloop

from src.loadgen.errors import CannotRun
from src.loadgen.figures.summary import local_failures
from src.loadgen.options.local_limits import lack_behind, with_files_enough
from src.loadgen.options.options import Options, parse_options
from src.loadgen.program import measure
from src.loadgen.show.progress import Bar, JsonLines, NoProgress, Progress, write_line
from src.loadgen.show.report import html_report
from src.loadgen.show.table import table

EXIT_BROKEN = 1
EXIT_CANNOT_RUN = 2
EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a load test.

    Args:
        arguments: the command line without the program's name; defaults to `sys.argv`.

    Returns:
        The exit status: 0 success, 1 a threshold was broken, 2 the test could not be run, or not as specified, 130
        interrupted.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        options = with_files_enough(parse_options(arguments))
        _check_writable(options)
        return _run(options)
    except CannotRun as error:
        return _refuse(error.sentence, as_json=_wants_json(arguments))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that flushing at exit does not fail as well
        return EXIT_INTERRUPTED
    except (OSError, RuntimeError) as error:
        if (lack := lack_behind(error)) is None:
            raise
        return _refuse(f"The run was aborted: this machine {lack}.", as_json=_wants_json(arguments))


def _run(options: Options) -> int:
    progress = _progress(options)
    try:
        summary = uvloop.run(measure(options, progress))
    finally:
        progress.end()
    if isinstance(progress, JsonLines):
        write_line({"type": "summary", "summary": summary})
    else:
        sys.stdout.write(table(summary, coloured=sys.stdout.isatty() and "NO_COLOR" not in os.environ))
    _keep(summary, options)
    return _status(summary)


def _keep(summary: dict[str, Any], options: Options) -> None:
    """Write the requested files, unless nothing was measured."""
    if not any(result and result["total_requests"] for result in (summary["sync"], summary["async"])):
        return
    try:
        if options.json_path is not None:
            options.json_path.write_bytes(orjson.dumps(summary, option=orjson.OPT_INDENT_2) + b"\n")
        if options.html_path is not None:
            options.html_path.write_text(html_report(summary), encoding="utf-8")
    except OSError as error:
        raise CannotRun(f"{error.filename or 'The report'} cannot be written: {error.strerror}.") from None


def _status(summary: dict[str, Any]) -> int:
    if summary["interrupted"]:
        return EXIT_INTERRUPTED
    if local_failures({mode: summary[mode] for mode in ("sync", "async")}):
        return EXIT_CANNOT_RUN  # it ran, but not as specified
    return EXIT_BROKEN if any(threshold["broken"] for threshold in summary["thresholds"]) else 0


def _progress(options: Options) -> Progress:
    if options.progress == "json":
        return JsonLines()
    if options.progress == "bar" or (options.progress is None and sys.stderr.isatty()):
        return Bar()
    return NoProgress()


def _check_writable(options: Options) -> None:
    """Check before the run, not after it, that its results can be written."""
    for path in filter(None, (options.json_path, options.html_path)):
        if not _is_writable(path):
            raise CannotRun(f"{path} cannot be written.")


def _is_writable(path: Path) -> bool:
    is_new = not path.exists()
    try:
        with path.open("ab"):
            pass
        if is_new:  # a run that measures nothing leaves no file behind
            path.unlink()
    except OSError:
        return False
    return True


def _wants_json(arguments: Sequence[str]) -> bool:
    """Return whether JSON lines were requested, even if something else on the command line is invalid."""
    return "--progress=json" in arguments or ("--progress", "json") in pairwise(arguments)


def _refuse(sentence: str, *, as_json: bool) -> int:
    if as_json:
        write_line({"type": "error", "detail": sentence})
    else:
        sys.stderr.write(f"{sentence}\n")
    return EXIT_CANNOT_RUN


if __name__ == "__main__":
    sys.exit(main())
