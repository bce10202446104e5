"""TLS to receivers: whose certificates are good, and that nobody holds a connection by it."""

import asyncio
import contextlib
import shutil
import socket
import ssl
from pathlib import Path
from typing import cast

import pytest

from src.services.outbound.client import Failure, Reply
from src.services.outbound.tls import OwnAuthorities, tls_context
from tests.support.callback_lanes import SHORT_S, Connect, Start, code
from tests.support.hostile_answers import HEAD, OK
from tests.support.raw_receivers import says

pytestmark = pytest.mark.usefixtures("nothing_fails_unseen", "dialled")


async def test_sni_host_and_certificate_are_those_of_the_name(
    start: Start, connect: Connect, server_tls: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    asked: list[str | None] = []
    server_tls.sni_callback = lambda _socket, name, _context: asked.append(name)
    receiver = await start(says(OK), tls=server_tls)
    lane = connect(receiver.port, host="a.test", scheme="https", trust=trust)
    for _ in range(3):
        assert await lane.post() == Reply(200, None, b"ok")
    assert asked == ["a.test"]
    assert f"Host: a.test:{receiver.port}".encode() in receiver.requests[0]


async def test_a_certificate_may_be_for_an_address(
    start: Start, connect: Connect, server_tls: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    receiver = await start(says(OK), host="::1", tls=server_tls)
    assert isinstance(await connect(receiver.port, host="[::1]", scheme="https", trust=trust).post(), Reply)


@pytest.mark.parametrize("host", ["b.test", "127.0.0.1", "www.a.test"])
async def test_a_certificate_for_another_name_is_refused(
    start: Start, connect: Connect, server_tls: ssl.SSLContext, trust: ssl.SSLContext, host: str
) -> None:
    receiver = await start(says(OK), tls=server_tls)
    failure = await connect(receiver.port, host=host, scheme="https", trust=trust).post()
    assert code(failure) == "tls_failure"
    assert receiver.requests == []


async def test_a_certificate_of_an_unknown_authority_is_refused(
    start: Start, connect: Connect, server_tls: ssl.SSLContext
) -> None:
    receiver = await start(says(OK), tls=server_tls)
    failure = await connect(receiver.port, host="a.test", scheme="https").post()
    assert code(failure) == "tls_failure"
    assert isinstance(failure, Failure)
    assert "issuer" in failure.message
    assert receiver.requests == []


async def plain_server(data: bytes) -> tuple[asyncio.Server, int]:
    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("data", "codes"),
    [(OK, {"tls_failure"}), (b"", {"connection_reset"}), (b"\x15\x03\x01\x00\x02\x02\x28", {"tls_failure"})],
)
async def test_what_does_not_speak_tls_is_a_failure(connect: Connect, data: bytes, codes: set[str]) -> None:
    server, port = await plain_server(data)
    assert code(await connect(port, host="a.test", scheme="https").post()) in codes
    server.close()


async def test_a_handshake_that_hangs_times_out_and_drops_the_connection(start: Start, connect: Connect) -> None:
    gone = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.read()
        gone.set()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    lane = connect(server.sockets[0].getsockname()[1], host="a.test", scheme="https")
    assert code(await lane.post(deadline_s=SHORT_S)) == "timeout"
    async with asyncio.timeout(1):
        await gone.wait()
    server.close()


@pytest.mark.parametrize(
    "data", [b"", b"not HTTP\r\n\r\n", HEAD + b"Content-Length: 5\r\n\r\n", HEAD + b"\r\n" + b"x" * 99999]
)
async def test_a_tls_connection_is_dropped_without_waiting_for_the_receivers_goodbye(
    start: Start,
    connect: Connect,
    server_tls: ssl.SSLContext,
    trust: ssl.SSLContext,
    dialled: list[socket.socket],
    data: bytes,
) -> None:
    async def deaf(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        cast("asyncio.Transport", writer.transport).pause_reading()
        await asyncio.get_running_loop().create_future()

    receiver = await start(deaf, tls=server_tls)
    outcome = await connect(receiver.port, host="a.test", scheme="https", trust=trust).post(deadline_s=5 * SHORT_S)
    assert isinstance(outcome, Reply) == data.startswith(HEAD)
    for _ in range(10):
        await asyncio.sleep(0)
    assert [sock.fileno() for sock in dialled] == [-1]


# A company's own authority.


def own(**given: object) -> OwnAuthorities:
    return OwnAuthorities(**{name: str(value) for name, value in given.items()})


async def delivered(start: Start, connect: Connect, server_tls: ssl.SSLContext, authorities: OwnAuthorities) -> bool:
    receiver = await start(says(OK), tls=server_tls)
    lane = connect(receiver.port, host="a.test", scheme="https", trust=tls_context(authorities))
    return isinstance(await lane.post(), Reply)


async def test_a_companys_own_authority_is_trusted_when_it_is_named(
    start: Start, connect: Connect, server_tls: ssl.SSLContext, certificates: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "authorities"
    folder.mkdir()
    shutil.copy(certificates / "ca.pem", folder / "company")  # not named by a hash, as OpenSSL alone would want it
    (folder / "README").write_text("beside a certificate")
    empty_of_it = tmp_path / "others"
    empty_of_it.mkdir()
    shutil.copy(certificates / "a.crt", empty_of_it)

    assert await delivered(start, connect, server_tls, own(file=certificates / "ca.pem"))
    assert await delivered(start, connect, server_tls, own(folders=folder))
    assert await delivered(start, connect, server_tls, own(folders=f"{empty_of_it}:{folder}"))
    assert not await delivered(start, connect, server_tls, own())


def test_an_own_authority_is_trusted_beside_all_others(certificates: Path) -> None:
    usual, more = (authorities_of(tls_context(own)) for own in (None, own(file=certificates / "ca.pem")))

    assert len(usual) > 100
    assert more > usual
    assert len(more) == len(usual) + 1


def authorities_of(context: ssl.SSLContext) -> set[bytes]:
    return set(context.get_ca_certs(binary_form=True))


def test_an_own_authority_that_cannot_be_read_is_named_in_a_sentence(certificates: Path, tmp_path: Path) -> None:
    broken, whole = tmp_path / "broken.pem", (certificates / "ca.pem").read_text()
    broken.write_text(whole + whole[:-60])
    (tmp_path / "garbage").write_bytes(bytes(range(256)))
    (tmp_path / "empty").mkdir()
    refused = {
        "SSL_CERT_FILE: .*/missing cannot be read: No such file": own(file=tmp_path / "missing"),
        "SSL_CERT_FILE: .* cannot be read: Is a directory": own(file=tmp_path),
        "SSL_CERT_FILE: .*/garbage holds no certificate": own(file=tmp_path / "garbage"),
        "SSL_CERT_FILE: .*/broken.pem holds no .* or a broken one": own(file=broken),
        "SSL_CERT_DIR: .*/missing cannot be read: No such file": own(folders=tmp_path / "missing"),
        "SSL_CERT_DIR: .*/garbage cannot be read: Not a directory": own(folders=tmp_path / "garbage"),
        "SSL_CERT_DIR: .*/empty holds no certificate": own(folders=f"{certificates}:{tmp_path / 'empty'}"),
    }

    for words, authorities in refused.items():
        with pytest.raises(ValueError, match=words):
            tls_context(authorities)
