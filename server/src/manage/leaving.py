"""`accounts export` and `accounts delete`: an account leaves."""

import argparse
import asyncio
import json
import os
import tarfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Literal

from src.config import Settings
from src.manage.commands import add_command, remark, show
from src.manage.opening import EXIT_DONE, EXIT_FAILED, EXIT_WRONG, open_pool, refuse
from src.services.identity.key_store import OPERATOR
from src.services.report_files.opening import make_storage
from src.services.report_files.storage import ReportStorage
from src.services.upkeep.account_export import AccountExport
from src.services.upkeep.account_removal import AccountRemoval, Removed

#: The archive is for the operator alone.
ARCHIVE_MODE = 0o600
#: Bytes that are written at a time.
WRITTEN_TOGETHER = 1024 * 1024


def add_commands(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands for an account that leaves."""
    export = add_command(
        verbs,
        "export",
        "write all that belongs to an account into a tar archive: requests, attempts, batches, reports",
        _export,
    )
    export.add_argument("name", metavar="NAME")
    export.add_argument(
        "--to", required=True, type=Path, metavar="FILE", help="a new file; compressed if its name ends with .gz"
    )
    delete = add_command(
        verbs,
        "delete",
        "disable an account, and delete all that belongs to it: requests, attempts, batches, reports, keys, secrets."
        " It may be interrupted: run it again",
        _delete,
    )
    delete.add_argument("name", metavar="NAME")
    delete.add_argument("--yes", action="store_true", help="really; there is no way back")
    delete.add_argument(
        "--unfinished", action="store_true", help="also what has not ended: never processed, never sent"
    )


async def _export(options: argparse.Namespace, settings: Settings) -> int:
    target: Path = options.to
    if await asyncio.to_thread(target.exists):
        return refuse(EXIT_WRONG, f"{target} is there already: name a new file.")
    access = settings.s3_access
    storage = make_storage(
        settings.storage_url, settings.reports_folder, access, fallback_url=settings.storage_fallback_url
    )
    counts: dict[str, int] = {}
    # Under another name until it is whole; a rest of an earlier try is written over.
    partial = target.with_name(f"{target.name}.part")
    mode: Literal["w|gz", "w|"] = "w|gz" if target.suffix == ".gz" else "w|"
    with _private(partial) as file:
        with tarfile.open(fileobj=file, mode=mode, bufsize=WRITTEN_TOGETHER) as archive:
            async with open_pool(settings) as pool:
                export = AccountExport(pool, storage, archive, datetime.now(UTC))
                async for written in export.write(options.name):
                    counts = written
        # The account may be deleted next: a crash of the machine must not leave half of this under its name.
        await asyncio.to_thread(_sync, file)
    await asyncio.to_thread(partial.replace, target)
    show(json.dumps({"account": options.name, "file": str(target), **counts}) if options.json else _counted(counts))
    return EXIT_DONE


async def _delete(options: argparse.Namespace, settings: Settings) -> int:
    name: str = options.name
    if not options.yes:
        return refuse(EXIT_WRONG, f"This deletes all of {name}, and there is no way back: add --yes.")
    if name == OPERATOR and settings.bootstrap_admin_key.get_secret_value():
        return refuse(EXIT_FAILED, "This account is made by BOOTSTRAP_ADMIN_KEY: take it out of the settings first.")
    removed = Removed()
    async with open_pool(settings) as pool:
        removal = AccountRemoval(pool, _storages(settings), now=lambda: datetime.now(UTC))
        wait_s = await removal.disable(name)
        if wait_s:
            remark(f"{name} is disabled; waiting {wait_s:.0f} s for calls that were under way.")
            await asyncio.sleep(wait_s)
        async for step in removal.remove(name, unfinished=options.unfinished):
            removed = step
    said = f"{name} is deleted, with {removed.requests:,} requests and {removed.batches:,} batches."
    show(json.dumps({"account": name, "deleted": removed.done, **asdict(removed)}) if options.json else said)
    return EXIT_DONE


def _storages(settings: Settings) -> list[ReportStorage]:
    """Open every store that may hold reports of an account."""
    urls = [settings.storage_url, *([settings.storage_fallback_url] if settings.storage_fallback_url else [])]
    return [make_storage(url, settings.reports_folder, settings.s3_access) for url in urls]


def _private(path: Path) -> BinaryIO:
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, ARCHIVE_MODE), "wb")


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{number:,} {kind}" for kind, number in counts.items())


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
