"""The operator's command line: `python -m src.manage --help`, from `server/`. The server may run or not."""

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial

from pydantic import ValidationError

from src.config import Settings
from src.database import create_pool
from src.errors import DatabaseAway, NotStarted, ServiceError
from src.postgres.embedded import EmbeddedPostgres
from src.services.report_files.opening import make_storage
from src.services.requests.observers import Observers
from src.services.requests.store import RequestStore
from src.services.upkeep.moving import Progress, move_reports
from src.storage_url import Bucket, Folder, read_storage_url

EXIT_DONE = 0
EXIT_WRONG = 2
EXIT_FAILED = 3
CONNECTIONS_MAX = 2


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
        return _refuse(EXIT_WRONG, f"{', '.join(names)}: not as .env.example says.")
    except ServiceError as error:
        return _refuse(EXIT_FAILED, error.detail)
    except OSError as error:
        return _refuse(EXIT_FAILED, f"{error.strerror or type(error).__name__}. What is done is done; run it again.")
    except KeyboardInterrupt:
        return _refuse(EXIT_FAILED, "Interrupted. What is done is done; run it again.")
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m src.manage",
        description="Commands for the operator. Settings come from the environment and .env, as for the server.",
        epilog="Exit status: 0 done, 2 the command line or a setting is wrong, 3 it could not be done.",
    )
    things = parser.add_subparsers(required=True, metavar="THING")
    storage = things.add_parser("storage", help="where reports are kept").add_subparsers(required=True, metavar="VERB")
    move = storage.add_parser(
        "move",
        help="move reports to STORAGE_URL",
        description="Copy every report from the old store to STORAGE_URL, and check it. What is there is left alone, so"
        " that a move that was interrupted goes on. To move without a stop: set STORAGE_URL to the new store and"
        " STORAGE_FALLBACK_URL to the old one, restart, run this, and take STORAGE_FALLBACK_URL away. The old store is"
        " only read.",
    )
    move.add_argument("--from", dest="source", metavar="URL", help="the old store (default: STORAGE_FALLBACK_URL)")
    move.add_argument("--json", action="store_true", help="progress and result as JSON, one object a line")
    move.set_defaults(command=_move_storage)
    return parser


async def _move_storage(options: argparse.Namespace, settings: Settings) -> int:
    source_url = options.source or settings.storage_fallback_url
    try:
        places = [_place(url, settings) for url in (source_url, settings.storage_url)]
    except ValueError as error:
        return _refuse(EXIT_WRONG, f"--from: {error}.")
    if not source_url or places[0] == places[1]:
        return _refuse(EXIT_WRONG, "Name the old store, other than STORAGE_URL, by --from or STORAGE_FALLBACK_URL.")
    source, target = [
        make_storage(url, settings.reports_folder, settings.s3_access) for url in (source_url, settings.storage_url)
    ]
    await asyncio.to_thread(target.prepare)
    show = partial(_show, as_json=options.json)
    async with _store(settings) as store:
        progress = await move_reports(store, source, target, show)
    if not progress.total:
        show(progress)
    return EXIT_DONE


def _place(url: str, settings: Settings) -> Folder | Bucket:
    return read_storage_url(url or settings.reports_folder.resolve().as_uri())


@asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[RequestStore]:
    """Open the database that is set, or the embedded one, running or not."""
    url, close = settings.database_url, _nothing
    if not url:
        folder = settings.data_dir / "postgres"
        if not folder.is_dir():
            raise NotStarted("There is no database under DATA_DIR: name the server's DATA_DIR, or its DATABASE_URL.")
        postgres = EmbeddedPostgres(folder)
        try:
            url = await asyncio.to_thread(postgres.attach)
        except (DatabaseAway, NotStarted):
            url, close = await asyncio.to_thread(postgres.start), postgres.stop
    try:
        pool = await create_pool(url, connections_max=CONNECTIONS_MAX)
        try:
            yield RequestStore(pool, Observers())
        finally:
            pool.terminate()
    finally:
        await asyncio.to_thread(close)


def _nothing() -> None:
    pass


def _show(progress: Progress, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(progress)), flush=True)  # noqa: T201  the terminal is the reader
        return
    print(  # noqa: T201
        f"{progress.done:,} of {progress.total:,} reports: {progress.copied:,} copied, {progress.made_again:,} made"
        f" again, {progress.there_before:,} there before, {progress.deleted:,} deleted meanwhile",
        flush=True,
    )


def _refuse(status: int, sentence: str) -> int:
    print(sentence, file=sys.stderr)  # noqa: T201
    return status


if __name__ == "__main__":
    sys.exit(main())
