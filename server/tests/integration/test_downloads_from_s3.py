"""Downloads where reports are kept in S3: from there, or through the server, with the clients that people use."""

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import obstore
import pytest
from obstore.store import S3Store

from tests.support.over_http import over_http
from tests.support.s3 import S3Server
from tests.support.service import Service

ROWS = 200_000


@pytest.fixture
def prefix() -> str:
    return f"downloads/{uuid4()}"


@pytest.fixture
async def service(
    run_service: Callable[..., AbstractAsyncContextManager[Service]], s3: S3Server, prefix: str
) -> AsyncIterator[Service]:
    async with run_service(**s3.settings(prefix), sync_max_transactions=ROWS) as service:
        yield service


@pytest.fixture
async def served(service: Service) -> AsyncIterator[str]:
    """The service behind a socket of its own, for programs."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    async with over_http(service.app, port):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def bucket(s3: S3Server, prefix: str) -> S3Store:
    return s3.client(prefix)


async def made(service: Service, **parameters: Any) -> dict[str, Any]:
    answer = await service.client.post("/api/sync", json=parameters)
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


async def test_a_download_is_sent_to_the_store_by_an_address_that_is_signed_at_that_moment(service: Service) -> None:
    result = await made(service, report_name="Jahr/1")
    first, second = [await service.client.get(result["download_url"]) for _ in range(2)]
    async with httpx.AsyncClient() as client:
        file = await client.get(first.headers["location"])

    assert (first.status_code, first.headers["cache-control"], first.content) == (302, "no-store", b"")
    assert second.status_code == 302
    assert hashlib.sha256(file.content).hexdigest() == result["sha256"]
    assert file.headers["content-type"] == "text/csv; charset=utf-8"
    assert file.headers["content-disposition"].endswith("filename*=UTF-8''Jahr%2F1.csv")
    assert not service.settings.reports_folder.exists()


async def test_without_a_redirect_every_answer_is_what_it_is_with_a_folder(service: Service) -> None:
    result = await made(service, num_transactions=20_000)
    url, size = f"{result['download_url']}?redirect=false", result["file_size_bytes"]
    whole = await service.client.get(url)
    part = await service.client.get(url, headers={"range": "bytes=100-199", "if-range": whole.headers["etag"]})
    other = await service.client.get(url, headers={"range": "bytes=100-199", "if-range": '"zz"'})
    head = await service.client.head(result["download_url"])

    assert hashlib.sha256(whole.content).hexdigest() == result["sha256"]
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{size}"
    assert (other.status_code, other.content) == (200, whole.content)
    assert (head.status_code, head.headers["content-length"], head.headers["etag"]) == (
        200,
        str(size),
        f'"{result["sha256"]}"',
    )


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if-match": "{etag}"}, 200),
        ({"if-match": '"zz"'}, 412),
        ({"if-none-match": "{etag}"}, 304),
        ({"if-none-match": '"zz"'}, 302),
        ({"range": "bytes=0-9"}, 302),
        ({"range": "bytes=0-9", "if-range": "{etag}"}, 206),
        ({"range": "bytes=99999999-"}, 416),
    ],
)
async def test_only_what_the_store_judges_as_we_do_is_left_to_it(
    service: Service, headers: dict[str, str], status: int
) -> None:
    result = await made(service)
    filled = {name: value.format(etag=f'"{result["sha256"]}"') for name, value in headers.items()}

    assert (await service.client.get(result["download_url"], headers=filled)).status_code == status


async def test_a_redirect_is_asked_for_in_plain_words(service: Service) -> None:
    result = await made(service)

    assert (await service.client.get(f"{result['download_url']}?redirect=0")).status_code == 422
    assert (await service.client.get(f"{result['download_url']}?redirect=true")).status_code == 302


async def test_with_proxy_every_download_comes_through_the_server(
    run_service: Callable[..., AbstractAsyncContextManager[Service]], s3: S3Server, prefix: str
) -> None:
    async with run_service(**s3.settings(prefix), storage_downloads="proxy") as service:
        result = await made(service)
        answer = await service.client.get(result["download_url"])

    assert answer.status_code == 200
    assert hashlib.sha256(answer.content).hexdigest() == result["sha256"]


@pytest.mark.parametrize("damage", ["lost", "cut off", "changed"])
async def test_a_report_that_is_not_what_it_was_is_made_again(service: Service, bucket: S3Store, damage: str) -> None:
    result = await made(service)
    original = (await service.client.get(f"{result['download_url']}?redirect=false")).content
    if damage == "lost":
        obstore.delete(bucket, result["file_name"])
    else:
        obstore.put(bucket, result["file_name"], original[:-1] + (b"x" if damage == "changed" else b""))
    async with httpx.AsyncClient(follow_redirects=True) as client:
        answer = await client.get((await service.client.get(result["download_url"])).headers["location"])

    assert answer.content == original


async def run(*command: str) -> int:
    process = await asyncio.create_subprocess_exec(*command)
    return await process.wait()


@pytest.mark.parametrize(
    "command",
    [
        ("curl", "-sfL", "-o"),
        ("curl", "-sfL", "-C", "-", "-o"),
        ("wget", "-q", "-c", "-O"),
    ],
    ids=["curl -L", "curl -C -", "wget -c"],
)
async def test_programs_follow_and_take_up_where_they_were_cut_off(
    service: Service, served: str, tmp_path: Path, command: tuple[str, ...]
) -> None:
    result = await made(service, num_transactions=ROWS)
    target, url = tmp_path / "report.csv", served + result["download_url"]
    first = await run(*command, str(target), url)
    whole = target.read_bytes()
    target.write_bytes(whole[: len(whole) // 3])
    second = await run(*command, str(target), url)

    assert (first, second) == (0, 0)
    assert hashlib.sha256(whole).hexdigest() == result["sha256"]
    assert target.read_bytes() == whole
