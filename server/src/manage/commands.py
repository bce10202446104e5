"""What commands have in common."""

import argparse
import re
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from src.config import Settings
from src.services.identity.key_store import OVERLAP_HOURS_MAX

Command = Callable[[argparse.Namespace, Settings], Awaitable[int]]


def add_command(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, sentence: str, command: Command
) -> argparse.ArgumentParser:
    """Add a command, which says what it did as JSON where that is asked for."""
    parser = verbs.add_parser(name, help=sentence, description=f"{sentence[0].upper()}{sentence[1:]}.")
    parser.add_argument("--json", action="store_true", help="the result as JSON")
    parser.set_defaults(command=command)
    return parser


def overlap_hours(text: str) -> timedelta:
    """Read for how long an old key or secret stays good."""
    if not re.fullmatch(r"[0-9]{1,3}", text, re.ASCII) or int(text) > OVERLAP_HOURS_MAX:
        raise argparse.ArgumentTypeError(f"write whole hours, 0 to {OVERLAP_HOURS_MAX}")
    return timedelta(hours=int(text))


def moment(at: datetime | None) -> str | None:
    """Show a time as the API does."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None


def remark(text: str) -> None:
    """Say beside the result what goes on."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def show(text: str) -> None:
    """Tell the result."""
    print(text)  # noqa: T201  the terminal is the reader
