"""The load generator in a separate process, as its users run it."""

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Process = subprocess.Popen[str]
SERVER_FOLDER = Path(__file__).parents[2]
ENDS_WITHIN_S = 60


@dataclass(frozen=True)
class Outcome:
    """The result of a run."""

    status: int
    output: str
    errors: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The JSON lines of `--progress json`."""
        return [json.loads(line) for line in self.output.splitlines()]

    @property
    def summary(self) -> dict[str, Any]:
        """The last line of `--progress json`."""
        last = self.lines[-1]
        assert last["type"] == "summary", self.output + self.errors
        summary: dict[str, Any] = last["summary"]
        return summary


def start_loadgen(url: str, *arguments: str, descriptors: tuple[int, ...] = (), **environment: str) -> Process:
    """Start a run.

    Args:
        url: of the server.
        arguments: the command line.
        descriptors: open files that are handed down.
        environment: what the program finds in its environment besides the test's own.
    """
    return subprocess.Popen(
        [sys.executable, "-m", "src.loadgen", "--url", url, *arguments],
        cwd=SERVER_FOLDER,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=descriptors,
        text=True,
    )


async def ended(process: Process) -> Outcome:
    """Wait for the end of a run, while the test's own server goes on serving it."""
    try:
        output, errors = await asyncio.to_thread(process.communicate, timeout=ENDS_WITHIN_S)
    finally:
        process.kill()
    return Outcome(process.returncode, output, errors)


async def loadgen(url: str, *arguments: str, **environment: str) -> Outcome:
    """Make a run, with JSON lines."""
    return await ended(start_loadgen(url, "--progress", "json", *arguments, descriptors=(), **environment))
