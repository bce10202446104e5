"""The service does what its own OpenAPI document says, whatever is generated from it."""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from src.config import SERVER_FOLDER
from tests.support.over_http import over_http
from tests.support.ports import free_port
from tests.support.receivers import Receiver
from tests.support.sealed_network import SealedNetwork
from tests.support.service import Service, running_service

SEED = 1
#: For each operation in one phase.
EXAMPLES_MAX = 40
CASES_MIN = 1_000
#: What is answered without end; tests/integration/test_event_stream.py knows it.
ENDLESS = ("/api/events",)
ENDS_WITHIN_S = 180
CONFIG = Path(__file__).with_name("schemathesis.toml")


async def examine(
    service: Service, url: str, receiver: Receiver, report: Path, examples: int
) -> tuple[str, dict[str, Any]]:
    """Let schemathesis loose on a service; returns what it printed and its report."""
    existing = (await service.client.post("/api/sync", json={"num_transactions": 1})).json()
    program = Path(sys.executable).with_name("st")
    process = await asyncio.create_subprocess_exec(
        *(program, "--config-file", CONFIG, "run", f"{url}/openapi.json", "--seed", str(SEED)),
        *("--max-examples", str(examples), "--generation-database", "none", "--generation-allow-x00", "true"),
        *(argument for path in ENDLESS for argument in ("--exclude-path", path)),
        *("--continue-on-failure", "--request-timeout", "10", "--no-color", "--report-json-path", report),
        cwd=report.parent,  # where it keeps what it found, to try that first the next time: no two runs alike
        env={
            **os.environ,
            "PYTHONPATH": str(SERVER_FOLDER),
            "SCHEMATHESIS_HOOKS": "tests.support.schemathesis_hooks",
            "RECEIVER_URL": receiver.url,
            "REPORT_FILE": existing["file_name"],
            "WEBHOOK_SECRET": service.parts.signing_secret,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(ENDS_WITHIN_S):
            printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return printed.decode(), json.loads(await asyncio.to_thread(report.read_text))


@pytest.mark.chaos
async def test_no_generated_request_is_answered_as_the_document_does_not_say(
    database_url: str,
    tmp_path: Path,
    receiver: Receiver,
    in_every_run: Callable[[int], int],
    record_property: Callable[[str, object], None],
) -> None:
    """Generated callback URLs lead nowhere else: the service can open sockets to the receiver and to itself only."""
    port, url = free_port(), ""
    sealed = SealedNetwork({("127.0.0.1", port), ("127.0.0.1", urlsplit(receiver.origin).port or 0)})
    settings = {"port": port, "public_base_url": f"http://127.0.0.1:{port}"}
    async with running_service(
        database_url,
        tmp_path / "data",
        sealed.network,
        callback_allowed_origins=(receiver.origin,),
        callback_timeout_seconds=1,
        async_max_transactions=1_000,
        **settings,
    ) as service:
        url = service.settings.public_base_url
        async with over_http(service.app, port):
            printed, report = await examine(
                service, url, receiver, tmp_path / "report.json", in_every_run(EXAMPLES_MAX)
            )
        operations = sum(map(len, service.app.openapi()["paths"].values()))

    assert report["failures"] == [], printed
    assert report["exit_code"] == 0, printed
    assert report["operations"]["tested"] == operations - len(ENDLESS)
    assert {phase["status"] for phase in report["phases"].values()} == {"success"}
    assert report["test_cases"]["generated"] >= CASES_MIN
    assert receiver.callbacks
    record_property(
        "figure",
        f"schemathesis: {report['test_cases']['generated']:,} cases on {operations - len(ENDLESS)} operations, "
        f"{report['test_cases']['with_failures']} failures, {len(sealed.refused)} attempts to connect elsewhere",
    )
