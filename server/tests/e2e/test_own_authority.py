"""A company's own authority: a real server that is told of it delivers over TLS, and to nobody else."""

import contextlib
from pathlib import Path

import httpx

from tests.support.certificates import make_certificates, server_context
from tests.support.hostile_answers import OK
from tests.support.processes import ServerProcess
from tests.support.raw_receivers import RawReceiver, says
from tests.support.waiting import eventually

WITHIN_S = 20.0


async def test_a_server_delivers_to_receivers_whose_certificate_a_named_authority_signed(
    data_dir: Path, database_url: str, tmp_path: Path
) -> None:
    receivers = {}
    for name in ("company", "stranger"):
        (tmp_path / name).mkdir()
        receivers[name] = RawReceiver(says(OK))
        await receivers[name].start("::1", 0, server_context(make_certificates(tmp_path / name)))
    origins = {name: f"https://[::1]:{receiver.port}" for name, receiver in receivers.items()}
    settings = {
        "DATABASE_URL": database_url,
        "SSL_CERT_FILE": str(tmp_path / "company" / "ca.pem"),
        "CALLBACK_ALLOWED_ORIGINS": ",".join(origins.values()),
        "CALLBACK_RETRY_DELAYS": "0.1",
        "HTTPS_PROXY": "http://user:secret@127.0.0.1:1",
    }
    server = ServerProcess(data_dir, **settings)
    server.said = tmp_path / "said"
    with contextlib.ExitStack() as stack:
        stack.callback(server.end_if_running)
        server.start()
        async with httpx.AsyncClient(base_url=server.base_url, trust_env=False) as client:
            outcomes = {name: await outcome(client, origin) for name, origin in origins.items()}
        assert server.stop() == 0

    for receiver in receivers.values():
        await receiver.stop()
    assert outcomes["company"] == ("SUCCESS", [(200, None)])
    assert outcomes["stranger"] == ("FAILED", [(None, "tls_failure")] * 2)
    assert receivers["stranger"].requests == []
    said = server.said.read_text()
    assert "HTTPS_PROXY: ignored for callbacks" in said.replace("https_proxy, ", "")
    assert "secret" not in said


async def outcome(client: httpx.AsyncClient, origin: str) -> tuple[str, list[tuple[int | None, str | None]]]:
    body = {"payload": {"num_transactions": 1}, "callback_url": f"{origin}/hook"}
    request_id = (await client.post("/api/async", json=body)).json()["request_id"]

    async def ended() -> bool:
        return bool((await client.get(f"/api/requests/{request_id}")).json()["callback_status"] != "PENDING")

    await eventually(ended, WITHIN_S)
    detail = (await client.get(f"/api/requests/{request_id}")).json()
    logs = (await client.get(f"/api/requests/{request_id}/callback-logs")).json()["logs"]
    return detail["callback_status"], [(log["status_code"], log["error_code"]) for log in logs]
