"""The page and the documentation come from this server, and nothing is loaded from elsewhere."""

import gzip
import hashlib
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from src.config import SERVER_FOLDER
from src.routes.http import problems
from src.routes.middleware.security_headers import SecurityHeadersMiddleware
from src.routes.site import page
from tests.support.service import Service

BROWSER = {"accept": "text/html,application/xhtml+xml"}


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text(
        "<!doctype html><title>the page</title><script>\n now() </script><style>p{top:0}</style>"
    )
    (tmp_path / "icon.svg").write_text("<svg/>")
    (tmp_path / "assets" / "main-abc123.js").write_text("1")
    (tmp_path / "assets" / "main-abc123.js.br").write_bytes(b"one, in brotli")
    (tmp_path / "assets" / "main-abc123.js.gz").write_bytes(gzip.compress(b"1"))
    return tmp_path


@asynccontextmanager
async def browsing(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI(docs_url=None, redoc_url=None, redirect_slashes=False)
    app.add_middleware(SecurityHeadersMiddleware)
    problems.install(app)

    @app.post("/api/known")
    async def known() -> None:
        """Take part in the routes."""

    page.install(app, folder)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://page.test", headers=BROWSER) as client:
        yield client


@pytest.mark.parametrize("path", [*page.PAGE_PATHS, "/history?mode=sync"])
@pytest.mark.parametrize("accept", [BROWSER["accept"], "*/*", "application/json"])
async def test_the_pages_own_paths_show_the_page_whatever_is_accepted(built: Path, path: str, accept: str) -> None:
    async with browsing(built) as client:
        answer = await client.get(path, headers={"accept": accept})

    assert (answer.status_code, "the page" in answer.text) == (200, True)
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("path", ["/nothing", "/queue/nothing", "/Queue", "/history/", "/apiary"])
async def test_an_unknown_path_is_a_404_that_people_see_as_the_page_and_programs_as_a_problem(
    built: Path, path: str
) -> None:
    async with browsing(built) as client:
        people, programs = [await client.get(path, headers={"accept": accept}) for accept in ("text/html", "*/*")]

    assert (people.status_code, "the page" in people.text) == (404, True)
    assert people.headers["cache-control"] == "no-cache"
    assert (programs.status_code, programs.headers["content-type"]) == (404, "application/problem+json")


def test_the_paths_of_the_page_are_those_that_its_router_knows() -> None:
    client = SERVER_FOLDER.parent / "client" / "src"
    written = dict(re.findall(r"(\w+): '(/[^'?]*)',", (client / "lib" / "paths.ts").read_text()))
    routed = re.findall(r"path: paths\.(\w+)", (client / "app" / "routes.ts").read_text())

    assert len(routed) > 4
    assert sorted(page.PAGE_PATHS) == sorted(written[name] for name in routed)


async def test_files_with_a_hash_in_their_name_are_kept_for_ever_and_others_are_asked_for_again(built: Path) -> None:
    async with browsing(built) as client:
        hashed, icon, missing = [
            await client.get(path) for path in ("/assets/main-abc123.js", "/icon.svg", "/assets/main-000000.js")
        ]

    assert "immutable" in hashed.headers["cache-control"]
    assert icon.headers["cache-control"] == "no-cache"
    assert (missing.status_code, missing.headers["cache-control"]) == (404, "no-cache")


@pytest.mark.parametrize(
    ("accepted", "sent"),
    [
        ("gzip, deflate, br", "br"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("GZIP", "gzip"),
        ("*", "br"),
        ("*;q=0, gzip", "gzip"),
        ("br;q=0", None),
        ("identity", None),
        ("deflate, br;q=none", None),
        ("", None),
    ],
)
async def test_a_file_comes_in_the_best_coding_that_is_accepted(built: Path, accepted: str, sent: str | None) -> None:
    async with browsing(built) as client:
        request = client.build_request("GET", "/assets/main-abc123.js", headers={"accept-encoding": accepted})
        answer = await client.send(request, stream=True)
        body = b"".join([part async for part in answer.aiter_raw()])

    assert answer.headers.get("content-encoding") == sent
    assert body == {"br": b"one, in brotli", "gzip": gzip.compress(b"1"), None: b"1"}[sent]
    assert int(answer.headers["content-length"]) == len(body)
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]


async def test_each_coding_of_a_file_has_its_own_etag_and_is_not_sent_to_who_has_it(built: Path) -> None:
    async with browsing(built) as client:

        async def ask(coding: str, **headers: str) -> httpx.Response:
            given = {"accept-encoding": coding, **{name.replace("_", "-"): value for name, value in headers.items()}}
            return await client.head("/assets/main-abc123.js", headers=given)

        etags = [(await ask(coding)).headers["etag"] for coding in ("br", "gzip", "identity")]
        known = await ask("br", if_none_match=etags[0])
        other_coding = await ask("gzip", if_none_match=etags[0])

    assert len(set(etags)) == 3
    assert (known.status_code, known.headers["vary"]) == (304, "Accept-Encoding")
    assert (other_coding.status_code, other_coding.headers["content-encoding"]) == (200, "gzip")


async def test_a_range_is_of_the_file_itself_whatever_coding_is_accepted(built: Path) -> None:
    async with browsing(built) as client:
        headers = {"accept-encoding": "br, gzip"}
        compressed = await client.head("/assets/main-abc123.js", headers=headers)
        part = await client.get("/assets/main-abc123.js", headers={**headers, "range": "bytes=0-0"})
        of_another = await client.get(
            "/assets/main-abc123.js", headers={**headers, "range": "bytes=0-0", "if-range": compressed.headers["etag"]}
        )

    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"1", "bytes 0-0/1")
    assert (of_another.status_code, of_another.content) == (200, b"1")
    assert "content-encoding" not in {*part.headers, *of_another.headers}


async def test_a_compressed_form_has_no_address_of_its_own(built: Path) -> None:
    async with browsing(built) as client:
        answers = [await client.get(f"/assets/main-abc123.js{suffix}") for suffix in page.CODINGS.values()]

    assert [answer.status_code for answer in answers] == [404, 404]


async def test_the_page_allows_what_stands_in_it_by_its_hash_and_nothing_else(built: Path) -> None:
    async with browsing(built) as client:
        policies = [(await client.get(path)).headers["content-security-policy"] for path in ("/", "/nothing")]
        other = (await client.get("/icon.svg")).headers["content-security-policy"]

    script, style = [
        f"'sha256-{b64encode(hashlib.sha256(text).digest()).decode()}'" for text in (b"\n now() ", b"p{top:0}")
    ]
    for policy in policies:
        assert f"; script-src 'self' {script}; style-src 'self' {style}; " in policy
        assert "unsafe" not in policy
    assert "sha256" not in other


async def test_who_has_the_page_is_not_sent_it_again_but_a_page_that_is_not_there_is_no_304(built: Path) -> None:
    async with browsing(built) as client:
        headers = {"if-none-match": (await client.get("/queue")).headers["etag"]}
        same, missing = [await client.get(path, headers=headers) for path in ("/queue", "/nothing")]

    assert (same.status_code, missing.status_code) == (304, 404)


@pytest.mark.parametrize(
    "path", ["/api/nothing", "/api/", "/api", "/assets/", "/openapi.jsonx", "/../../etc/passwd", "/%00"]
)
async def test_what_belongs_to_the_server_stays_a_problem_also_for_a_browser(built: Path, path: str) -> None:
    async with browsing(built) as client:
        answer = await client.get(path, headers={"accept": "text/html" if path.startswith("/a") else "*/*"})
        other_method = await client.post("/api/nothing")
        wrong_method = await client.get("/api/known")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert (other_method.status_code, wrong_method.status_code) == (404, 405)


async def test_without_the_page_a_sentence_says_how_to_build_it(tmp_path: Path) -> None:
    async with browsing(tmp_path) as client:
        answer = await client.get("/")

    assert answer.status_code == 200
    assert "npm run build" in answer.text


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_the_documentation_loads_nothing_from_elsewhere(service: Service, path: str) -> None:
    answer = await service.client.get(path)
    loaded = [url for url in re.findall(r'(?:src|href|spec-url)="([^"]+)"', answer.text) if url != "data:,"]

    assert loaded
    assert not any(url.startswith(("http:", "https:", "//")) for url in loaded)
    assert "<script>" not in answer.text
    for url in loaded:
        part = await service.client.get(url)
        assert part.status_code == 200, url
        assert not re.search(r"https://cdn|src:\"https?://", part.text), url


async def test_every_answer_carries_the_headers_that_protect_a_browser(service: Service) -> None:
    for path in ("/docs", "/api/health", "/api/nothing", "/openapi.json"):
        headers = (await service.client.get(path)).headers

        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "'unsafe-inline'" not in headers["content-security-policy"].split("style-src")[0]
    assert (await service.client.get("/api/health")).headers["cache-control"] == "no-store"
