"""What is fetched from the operator's own addresses, and what is not taken for a document."""

import ssl

import pytest
from aiohttp import web

from src.services.outbound.documents import DOCUMENT_BYTES_MAX, NoDocument, fetch_document
from tests.support.ports import free_port

ANSWERS = {
    "/good": lambda: web.Response(body=b"{}"),
    "/longest": lambda: web.Response(body=b" " * DOCUMENT_BYTES_MAX),
    "/longer": lambda: web.Response(body=b" " * (DOCUMENT_BYTES_MAX + 1)),
    "/moved": lambda: web.Response(status=302, headers={"location": "/good"}),
    "/broken": lambda: web.Response(status=500),
}


async def test_a_document_is_short_and_where_it_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(request: web.Request) -> web.Response:
        return ANSWERS[request.path]()

    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    app = web.Application()
    app.router.add_get("/{name}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    origin, tls = f"http://127.0.0.1:{runner.addresses[0][1]}", ssl.create_default_context()
    found: dict[str, object] = {}
    for path in ANSWERS:
        try:
            found[path] = len(await fetch_document(origin + path, tls))
        except NoDocument as no:
            found[path] = str(no)
    await runner.cleanup()

    assert found == {
        "/good": 2,
        "/longest": DOCUMENT_BYTES_MAX,
        "/longer": "it is longer than 65,536 bytes",
        "/moved": "it answered 302",
        "/broken": "it answered 500",
    }
    with pytest.raises(NoDocument, match="ConnectError"):
        await fetch_document(f"http://127.0.0.1:{free_port()}/", tls)
