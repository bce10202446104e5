"""Exporting what belongs to an account: a tar archive of JSON Lines and CSV files, written page by page."""

import asyncio
import io
import json
import tarfile
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from src.database import database_errors
from src.errors import NotFound
from src.services.report_files.production import produce
from src.services.report_files.storage import ReportStorage, StoredFile
from src.services.requests.records import CompletedReport
from src.services.requests.rows import completed_of
from src.services.upkeep import leaving_statements as statements

#: Rows of one file of the archive, which are in memory at a time.
ROWS_TOGETHER = 200
FILE_MODE = 0o600
README: Final = """\
What a Financial Report Generator kept of one account, but for its webhook secrets, its idempotency keys and the pauses
of its receivers.

account.json                      the account and its limits
keys.jsonl                        its API keys; never the keys themselves
requests/000001.jsonl …           its requests, in the order they were accepted
callback-logs/000001.jsonl …      every attempt to deliver the callbacks of the requests in the file of the same number
reports/<id of the request>.csv   its reports
batches/, batch-callback-logs/    its batches, likewise
redeliveries.jsonl                its bulk redeliveries
benchmark-runs.jsonl              its benchmark runs
manifest.json                     how many there are of each, and which reports were lost; last, so that
                                  whoever finds it has all of the archive

A line of a .jsonl file is a row as it was stored when it was read; claude.md ("Schema") describes the columns. What was
accepted after the export began is not in it.
"""


class _Chunks(io.RawIOBase):
    """A file to read from chunks."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            found = next(self._chunks, None)
            if found is None:
                return 0
            self._rest = found
        part = self._rest[: len(buffer)]
        buffer[: len(part)] = part
        self._rest = self._rest[len(part) :]
        return len(part)


class AccountExport:
    """Writes one account into an archive. Every method raises `DatabaseAway` if PostgreSQL does not answer.

    Args:
        pool: connections to the database.
        storage: where the reports are.
        archive: an archive opened as a stream.
        now: when what was accepted ends.
    """

    def __init__(self, pool: asyncpg.Pool, storage: ReportStorage, archive: tarfile.TarFile, now: datetime) -> None:
        self._pool = pool
        self._storage = storage
        self._archive = archive
        self._now = now
        self._counts: dict[str, int] = {}
        self._lost: list[str] = []

    async def write(self, account: str) -> AsyncIterator[dict[str, int]]:
        """Write everything; yields after each page how much there is of each kind.

        Raises:
            NotFound: there is no such account.
            OSError: the archive cannot be written, or a store is away.
        """
        found = await self._fetch(statements.ACCOUNT, account)
        if not found:
            raise NotFound("There is no account with this name.")
        await self._add("README.txt", README.encode())
        await self._add("account.json", found[0]["line"].encode() + b"\n")
        await self._add_lines("keys", "keys.jsonl", await self._fetch(statements.KEYS, account))
        async for page, number in self._pages(statements.REQUESTS, account):
            ids = [row["id"] for row in page]
            await self._add_lines("requests", f"requests/{number:06}.jsonl", page)
            logs = await self._fetch(statements.LOGS, ids)
            await self._add_lines("callback-logs", f"callback-logs/{number:06}.jsonl", logs)
            for row in page:
                if row["has_report"]:
                    await self._add_report(completed_of(row))
            yield self._counts
        async for page, number in self._pages(statements.BATCHES, account):
            await self._add_lines("batches", f"batches/{number:06}.jsonl", page)
            logs = await self._fetch(statements.BATCH_LOGS, [row["id"] for row in page])
            await self._add_lines("batch-callback-logs", f"batch-callback-logs/{number:06}.jsonl", logs)
            yield self._counts
        for kind, statement in (
            ("redeliveries", statements.REDELIVERIES),
            ("benchmark-runs", statements.BENCHMARK_RUNS),
        ):
            await self._add_lines(kind, f"{kind}.jsonl", await self._fetch(statement, account))
        manifest = {"account": account, "exported_at": self._now.isoformat(), **self._counts, "lost": self._lost}
        await self._add("manifest.json", json.dumps(manifest, indent=1).encode())
        yield self._counts

    async def _pages(self, statement: str, account: str) -> AsyncIterator[tuple[Sequence[asyncpg.Record], int]]:
        after: tuple[datetime, UUID] = (datetime.min.replace(tzinfo=UTC), UUID(int=0))
        number = 0
        while page := await self._fetch(statement, account, *after, self._now, ROWS_TOGETHER):
            number += 1
            after = (page[-1]["created_at"], page[-1]["id"])
            yield page, number

    async def _add_report(self, report: CompletedReport) -> None:
        """Add a report; one that was lost is generated again, as for a download."""
        copied = await asyncio.to_thread(self._copy_report, report)
        if not copied:
            made_again = await asyncio.to_thread(produce, report.request_id, report.parameters, self._storage)
            copied = made_again.file.sha256 == report.sha256 and await asyncio.to_thread(self._copy_report, report)
            if not await self._fetch(statements.KNOWN, report.request_id):  # deleted meanwhile, with its file
                await asyncio.to_thread(self._storage.delete, [report.request_id])
        if copied:
            self._counts["reports"] = self._counts.get("reports", 0) + 1
        else:
            self._lost.append(str(report.request_id))

    def _copy_report(self, report: CompletedReport) -> bool:
        expected = StoredFile(report.size_bytes, report.sha256)
        found = self._storage.open(report.request_id, expected)
        if found is None:
            return False
        try:
            chunks = found.chunks(0, expected.size_bytes)
            self._put(f"reports/{report.request_id}.csv", expected.size_bytes, io.BufferedReader(_Chunks(iter(chunks))))
        finally:
            found.close()
        return True

    async def _add_lines(self, kind: str, name: str, rows: Sequence[asyncpg.Record]) -> None:
        self._counts[kind] = self._counts.get(kind, 0) + len(rows)
        await self._add(name, "".join(f"{row['line']}\n" for row in rows).encode())

    async def _add(self, name: str, content: bytes) -> None:
        await asyncio.to_thread(self._put, name, len(content), io.BytesIO(content))

    def _put(self, name: str, size: int, content: Any) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode, entry.mtime = size, FILE_MODE, int(self._now.timestamp())
        self._archive.addfile(entry, content)
        # It would remember each of its entries for ever.
        self._archive.members.clear()  # type: ignore[attr-defined]

    async def _fetch(self, statement: str, *arguments: Any) -> Sequence[asyncpg.Record]:
        async with database_errors():
            records: Sequence[asyncpg.Record] = await self._pool.fetch(statement, *arguments)
        return records
