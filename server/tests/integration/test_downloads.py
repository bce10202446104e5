"""Downloading a report: parts, preconditions, and what happens when it is deleted at the same moment."""

import asyncio
import hashlib
import os
import time
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from starlette.types import Message

from src.controllers import downloads_controller
from src.errors import NotFound
from src.services.identity.caller import EVERYTHING
from src.services.report_files.local_folder import READ_BYTES, SETTLED_AFTER_S
from src.services.upkeep.janitor import Janitor
from tests.support.service import Service


async def made(service: Service, **parameters: Any) -> dict[str, Any]:
    result: dict[str, Any] = (await service.client.post("/api/sync", json=parameters)).json()
    return result


def path_of(service: Service, result: dict[str, Any]) -> Path:
    return service.settings.reports_folder / f"{result['request_id']}.csv"


# --- ranges ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("bytes=0-9", 206),
        ("bytes=-5", 206),
        ("bytes=0-1,5-6", 200),
        ("bytes=99999999-", 416),
        ("bytes=-0", 416),
        ("lines=0-1", 200),
        ("bytes=abc", 200),
        ("nonsense", 200),
    ],
)
async def test_a_range_is_served_ignored_or_refused_as_the_rules_say(
    service: Service, header: str, status: int
) -> None:
    result = await made(service, num_transactions=5)
    answer = await service.client.get(result["download_url"], headers={"range": header})

    assert answer.status_code == status
    assert answer.headers["accept-ranges"] == "bytes"
    if status == 416:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["content-range"] == f"bytes */{result['file_size_bytes']}"


async def test_parts_of_a_report_of_many_chunks_make_the_whole(service: Service) -> None:
    result = await made(service, num_transactions=1_000, report_name="x")
    size, step = result["file_size_bytes"], 10_007
    parts = [
        await service.client.get(result["download_url"], headers={"range": f"bytes={first}-{first + step - 1}"})
        for first in range(0, size, step)
    ]

    assert {part.status_code for part in parts} == {206}
    assert parts[0].headers["content-range"] == f"bytes 0-{step - 1}/{size}"
    assert hashlib.sha256(b"".join(part.content for part in parts)).hexdigest() == result["sha256"]


# --- preconditions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_every_precondition_is_evaluated(service: Service, method: str) -> None:
    """RFC 9110, section 13.1; all combinations are in the unit tests of `preconditions`."""
    result = await made(service, num_transactions=5)
    url, tag = result["download_url"], f'"{result["sha256"]}"'
    whole = await service.client.request(method, url)
    changed = parsedate_to_datetime(whole.headers["last-modified"])
    before = format_datetime(changed - timedelta(seconds=1), usegmt=True)

    async def status(*headers: tuple[str, str]) -> int:
        return (await service.client.request(method, url, headers=list(headers))).status_code

    assert whole.headers["etag"] == tag
    assert whole.headers["content-length"] == str(result["file_size_bytes"])
    assert await status(("if-match", tag)) == 200
    assert await status(("if-match", "*")) == 200
    assert await status(("if-match", '"zz"')) == 412
    assert await status(("if-match", f"W/{tag}")) == 412
    assert await status(("if-match", '"zz"'), ("if-match", tag)) == 200
    assert await status(("if-unmodified-since", before)) == 412
    assert await status(("if-none-match", f'"zz", W/{tag}')) == 304
    assert await status(("if-modified-since", whole.headers["last-modified"])) == 304
    assert await status(("if-modified-since", before)) == 200
    assert await status(("if-match", '"zz"'), ("if-none-match", tag)) == 412


async def test_a_304_carries_what_a_cache_needs_and_a_412_is_a_problem(service: Service) -> None:
    url = (await made(service))["download_url"]
    whole = await service.client.get(url)
    unchanged = await service.client.get(url, headers={"if-none-match": whole.headers["etag"]})
    failed = await service.client.get(url, headers={"if-match": '"zz"'})

    for name in ("etag", "last-modified", "cache-control"):
        assert unchanged.headers[name] == whole.headers[name]
    assert not {"content-type", "content-disposition", "content-length"} & set(unchanged.headers)
    assert failed.headers["content-type"] == "application/problem+json"
    assert failed.json()["type"].endswith(":precondition-failed")
    assert whole.headers["etag"] in failed.json()["detail"]


async def test_a_part_is_sent_only_of_the_report_that_if_range_names(service: Service) -> None:
    url = (await made(service))["download_url"]
    whole = await service.client.get(url)

    async def status(if_range: str) -> int:
        answer = await service.client.get(url, headers={"range": "bytes=0-9", "if-range": if_range})
        return answer.status_code

    assert await status(whole.headers["etag"]) == 206
    assert await status(whole.headers["last-modified"]) == 206
    assert await status('"zz"') == 200
    assert await status(f"W/{whole.headers['etag']}") == 200
    assert await status("Thu, 01 Jan 1970 00:00:00 GMT") == 200


async def test_head_has_no_ranges(service: Service) -> None:
    """RFC 9110, section 14.2: range handling is defined for GET alone."""
    result = await made(service)
    head = await service.client.head(result["download_url"], headers={"range": "bytes=99999999-"})

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(result["file_size_bytes"])


async def test_what_is_not_there_is_a_404_whatever_the_preconditions_are(service: Service) -> None:
    """RFC 9110, section 13.2.1."""
    url = "/api/reports/4fa35351-327f-44fb-a888-11b69b272e65.csv"

    assert (await service.client.get(url, headers={"if-match": '"zz"'})).status_code == 404
    assert (await service.client.get(url, headers={"if-none-match": "*"})).status_code == 404


# --- deleted at the same moment ----------------------------------------------------------------------------------


async def test_a_file_that_is_made_again_for_a_request_that_is_deleted_meanwhile_does_not_stay(
    service: Service,
) -> None:
    result = await made(service)
    row = await downloads_controller.get_report(service.parts.downloads, EVERYTHING, UUID(result["request_id"]))
    await service.client.delete(f"/api/requests/{result['request_id']}")

    with pytest.raises(NotFound):
        await downloads_controller.open_report(service.parts.downloads, row)
    assert list(service.settings.reports_folder.iterdir()) == []


async def test_a_download_that_began_before_the_delete_ends_whole(service: Service) -> None:
    result = await made(service, num_transactions=1_000, report_name="x")
    path = path_of(service, result)
    received: list[Message] = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":  # the file is open by now
            assert (await service.client.delete(f"/api/requests/{result['request_id']}")).status_code == 200
            assert not path.exists()
        received.append(message)

    async def receive() -> Message:
        await asyncio.Event().wait()  # a client that only listens
        raise AssertionError

    raw_path = result["download_url"]
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": raw_path,
        "raw_path": raw_path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1),
        "scheme": "http",
        "server": ("localhost", 80),
    }
    await service.app(scope, receive, send)
    bodies = [message["body"] for message in received[1:]]

    assert received[0]["status"] == 200
    assert hashlib.sha256(b"".join(bodies)).hexdigest() == result["sha256"]
    assert max(map(len, bodies)) <= READ_BYTES
    assert (await service.client.get(result["download_url"])).status_code == 404


async def test_deletes_beside_downloads_are_answered_200_or_404_and_leave_no_file(service: Service) -> None:
    async def one_round() -> tuple[int, ...]:
        result = await made(service, num_transactions=1)

        async def download(*, lost: bool) -> int:
            if lost:
                path_of(service, result).unlink(missing_ok=True)
            answer = await service.client.get(result["download_url"])
            if answer.status_code == 200:
                assert hashlib.sha256(answer.content).hexdigest() == result["sha256"]
            return answer.status_code

        async def delete() -> int:
            return (await service.client.delete(f"/api/requests/{result['request_id']}")).status_code

        return await asyncio.gather(download(lost=False), download(lost=True), delete(), download(lost=False))

    rounds = [await asyncio.gather(*(one_round() for _ in range(5))) for _ in range(8)]
    statuses = {status for together in rounds for statuses in together for status in statuses}

    assert statuses <= {200, 404}
    assert list(service.settings.reports_folder.iterdir()) == []


@pytest.mark.parametrize("damage", ["link", "pipe"])
async def test_what_lies_in_a_reports_place_is_neither_followed_nor_waited_for(service: Service, damage: str) -> None:
    result = await made(service)
    path = path_of(service, result)
    original = path.read_bytes()
    elsewhere = path.with_name("elsewhere")
    path.rename(elsewhere) if damage == "link" else path.unlink()
    path.symlink_to(elsewhere) if damage == "link" else os.mkfifo(path)
    answer = await service.client.get(result["download_url"])

    assert answer.content == original
    assert path.is_file()
    assert not path.is_symlink()


async def test_a_folder_in_a_reports_place_is_a_503(service: Service) -> None:
    result = await made(service)
    path_of(service, result).unlink()
    path_of(service, result).mkdir()

    assert (await service.client.get(result["download_url"])).status_code == 503


async def test_files_of_deleted_requests_are_searched_for_again_and_again(service: Service) -> None:
    """A process that dies between the row and the file leaves the file."""
    kept, lost = await made(service), await made(service)
    await service.parts.store.delete(UUID(lost["request_id"]), EVERYTHING)
    long_ago = time.time() - SETTLED_AFTER_S - 1
    for result in (kept, lost):
        os.utime(path_of(service, result), (long_ago, long_ago))
    parts = service.parts
    removal, batches = parts.removal, parts.batches.changes
    janitor = Janitor(parts.store, parts.storage, removal, batches, retention=None, now=parts.now)
    await janitor.delete_orphans()

    assert path_of(service, kept).exists()
    assert not path_of(service, lost).exists()
