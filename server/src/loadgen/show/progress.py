"""Progress of a run: a bar for humans, JSON lines for programs, nothing for logs."""

import sys
from collections.abc import Mapping
from typing import Any, Protocol, TextIO

import orjson

BAR_WIDTH = 24
LINE_WIDTH_MAX = 100


class Progress(Protocol):
    """Displays the progress of a run."""

    def show(self, snapshot: Mapping[str, Any]) -> None:
        """Show a snapshot."""
        ...

    def end(self) -> None:
        """Clean up after the last snapshot."""
        ...


class NoProgress:
    """Displays nothing."""

    def show(self, snapshot: Mapping[str, Any]) -> None:
        pass

    def end(self) -> None:
        pass


class JsonLines:
    """Writes each snapshot as a line of JSON to standard output."""

    def show(self, snapshot: Mapping[str, Any]) -> None:
        write_line(snapshot)

    def end(self) -> None:
        pass  # the summary is the last line


class Bar:
    """A single line on a terminal, redrawn for each snapshot."""

    def __init__(self, terminal: TextIO = sys.stderr) -> None:
        self._terminal = terminal

    def show(self, snapshot: Mapping[str, Any]) -> None:
        self._terminal.write(f"\r\x1b[K{bar_line(snapshot)[:LINE_WIDTH_MAX]}")
        self._terminal.flush()

    def end(self) -> None:
        self._terminal.write("\r\x1b[K")
        self._terminal.flush()


def bar_line(snapshot: Mapping[str, Any]) -> str:
    """Format a snapshot as a line."""
    planned, done = snapshot["planned"], snapshot["done"]
    line = f"{snapshot['mode']:5} {snapshot['phase']} "
    if snapshot["phase"] == "waiting for callbacks":
        planned, done = snapshot["successful"], snapshot["callbacks_received"]
    if planned:
        filled = min(BAR_WIDTH, BAR_WIDTH * done // planned)
        line += f"[{'#' * filled}{'-' * (BAR_WIDTH - filled)}] "
    line += f"{done:,}" + (f"/{planned:,}" if planned else "")
    if snapshot["throughput_per_s"] and snapshot["phase"] == "sending":
        line += f"  {snapshot['throughput_per_s']:,.0f}/s"
    if snapshot["p50_ms"] is not None and snapshot["phase"] == "sending":
        line += f"  p50 {snapshot['p50_ms']:,.1f} ms  p99 {snapshot['p99_ms']:,.1f} ms"
    return line + (f"  {snapshot['failed']:,} failed" if snapshot["failed"] else "")


def write_line(message: Mapping[str, Any]) -> None:
    """Write a message as a line of JSON to standard output."""
    sys.stdout.write(orjson.dumps(message).decode() + "\n")
    sys.stdout.flush()
