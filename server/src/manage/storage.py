"""`storage move`: moves reports from one store to another."""

import argparse
import asyncio
import json
from dataclasses import asdict
from functools import partial

from src.config import Settings
from src.manage.opening import EXIT_DONE, EXIT_WRONG, open_pool, refuse
from src.services.report_files.opening import make_storage
from src.services.requests.observers import Observers
from src.services.requests.store import RequestStore
from src.services.upkeep.moving import Progress, move_reports
from src.storage_url import Bucket, Folder, read_storage_url


def add_commands(things: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands about storage to the command line."""
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


async def _move_storage(options: argparse.Namespace, settings: Settings) -> int:
    source_url = options.source or settings.storage_fallback_url
    try:
        places = [_place(url, settings) for url in (source_url, settings.storage_url)]
    except ValueError as error:
        return refuse(EXIT_WRONG, f"--from: {error}.")
    if not source_url or places[0] == places[1]:
        return refuse(EXIT_WRONG, "Name the old store, other than STORAGE_URL, by --from or STORAGE_FALLBACK_URL.")
    source, target = [
        make_storage(url, settings.reports_folder, settings.s3_access) for url in (source_url, settings.storage_url)
    ]
    await asyncio.to_thread(target.prepare)
    show = partial(_show, as_json=options.json)
    async with open_pool(settings) as pool:
        progress = await move_reports(RequestStore(pool, Observers()), source, target, show)
    if not progress.total:
        show(progress)
    return EXIT_DONE


def _place(url: str, settings: Settings) -> Folder | Bucket:
    return read_storage_url(url or settings.reports_folder.resolve().as_uri())


def _show(progress: Progress, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(progress)), flush=True)  # noqa: T201  the terminal is the reader
        return
    print(  # noqa: T201
        f"{progress.done:,} of {progress.total:,} reports: {progress.copied:,} copied, {progress.made_again:,} made"
        f" again, {progress.there_before:,} there before, {progress.deleted:,} deleted meanwhile",
        flush=True,
    )
