"""The operator's command line: `python -m src.manage --help`, from `server/`. The server may run or not."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from pydantic import ValidationError

from src.config import Settings
from src.errors import ServiceError
from src.manage import accounts, keys, secrets, storage
from src.manage.opening import EXIT_FAILED, EXIT_WRONG, refuse


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the command line without the program's name; the process's own when missing.

    Returns:
        The exit status: 0 done, 2 the command line or a setting is wrong, 3 it could not be done.
    """
    options = _parser().parse_args(arguments)
    try:
        status: int = asyncio.run(options.command(options, Settings()))
    except ValidationError as error:
        names = sorted({str(problem["loc"][0]).upper() for problem in error.errors() if problem["loc"]})
        return refuse(EXIT_WRONG, f"{', '.join(names)}: not as .env.example says.")
    except ServiceError as error:
        return refuse(EXIT_FAILED, error.detail)
    except OSError as error:
        return refuse(EXIT_FAILED, f"{error.strerror or type(error).__name__}. What is done is done; run it again.")
    except KeyboardInterrupt:
        return refuse(EXIT_FAILED, "Interrupted. What is done is done; run it again.")
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m src.manage",
        description="Commands for the operator. Settings come from the environment and .env, as for the server.",
        epilog="Exit status: 0 done, 2 the command line or a setting is wrong, 3 it could not be done.",
    )
    things = parser.add_subparsers(required=True, metavar="THING")
    storage.add_commands(things)
    keys.add_commands(things)
    accounts.add_commands(things)
    secrets.add_commands(things)
    return parser


if __name__ == "__main__":
    sys.exit(main())
