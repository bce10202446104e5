"""Known secrets of every kind, every operation rightly and wrongly used, and DEBUG logs: nothing of them comes out.

What shows a secret once, or to its account alone, is named in `SHOWN_BY`.
"""

import asyncio
import base64
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil  # type: ignore[import-untyped] # ships no types
import pytest
from cryptography.fernet import Fernet
from sqlalchemy.engine import make_url
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from src.config import SERVER_FOLDER
from src.services.delivery.signing import new_secret
from src.services.identity.key_format import generate_key
from tests.integration.test_the_door import bearer
from tests.support.database_state import fetch
from tests.support.processes import ServerProcess
from tests.support.receivers import Receiver
from tests.support.s3 import S3Server
from tests.support.waiting import eventually

BOOTSTRAP, SIGNING, AT_REST = generate_key(), new_secret(), Fernet.generate_key().decode()
DATABASE, REDIS, METRICS = "database-s3cr3t", "redis-s3cr3t", "metrics-s3cr3t"
#: Answers that are there to show a secret to whoever may have it, and those with links to the account's own reports.
SHOWN_BY = {
    ("POST", "/api/keys"),
    ("POST", "/api/keys/{key_id}/rotate"),
    ("GET", "/api/webhook-secrets"),
    ("POST", "/api/webhook-secrets/rotate"),
    ("GET", "/api/callbacks/signing-secret"),
    ("POST", "/api/ws/tickets"),
    ("POST", "/api/reports/{file}/link"),
}
#: It never ends by itself.
STREAM = "/api/events"


@dataclass
class World:
    """What is secret, and everything that came out."""

    client: httpx.AsyncClient
    secrets: dict[str, str]
    said: dict[str, bytes] = field(default_factory=dict)

    async def call(self, method: str, path: str, *, template: str = "", **how: Any) -> httpx.Response:
        answer = await self.client.request(method, path, **how)
        if (method, template or path) not in SHOWN_BY:
            self.said[f"{method} {path} {len(self.said)}"] = answer.content + repr(answer.headers).encode()
        return answer

    async def shown(self, name: str, method: str, path: str, *members: str, **how: Any) -> str:
        """Do what shows a secret once; remember it."""
        answer = (await self.client.request(method, path, **how)).raise_for_status().json()
        for member in members:
            answer = answer[int(member) if member.isdigit() else member]
        self.secrets[name] = answer
        return str(answer)

    def hits(self) -> list[str]:
        """Name what was found where."""
        forms = {name: _forms(secret) for name, secret in self.secrets.items()}
        return [
            f"{name} in {where}"
            for where, content in self.said.items()
            for name, written in forms.items()
            if any(form in content for form in written)
        ]


def _forms(secret: str) -> list[bytes]:
    """A secret as it is written, without its prefix, and as bytes of a dump."""
    core = secret.removeprefix("whsec_").removeprefix("frg_")
    raw = base64.b64decode(core) if secret.startswith("whsec_") else secret.encode()
    return [core.encode(), raw, raw.hex().encode(), core[9:52].encode() if secret.startswith("frg_") else core.encode()]


@pytest.fixture
async def server(database_url: str, tmp_path: Path, receiver: Receiver, s3: S3Server) -> AsyncIterator[ServerProcess]:
    url = make_url(database_url).set(password=DATABASE).render_as_string(hide_password=False)
    server = ServerProcess(
        tmp_path / "data",
        **s3.environment(f"leaks/{uuid4()}"),
        DEBUG="true",
        AUTH_REQUIRED="true",
        BOOTSTRAP_ADMIN_KEY=BOOTSTRAP,
        DATABASE_URL=url,
        SECRETS_KEY=AT_REST,
        WEBHOOK_SIGNING_SECRETS=SIGNING,
        WEBHOOK_SIGNATURES="both",
        METRICS_TOKEN=METRICS,
        RATE_LIMIT_STORAGE_URL=f"redis://:{REDIS}@127.0.0.1:1/0",
        CALLBACK_ALLOWED_ORIGINS=receiver.origin,
        SIMULATED_MS_PER_TRANSACTION="0",
        CALLBACK_RETRY_DELAYS="0.05",
        AUTH_FAILURE_RATE="off",
        RATE_LIMIT_ASYNC="600/minute",
    )
    server.said = tmp_path / "said"
    try:
        server.start()
        yield server
    finally:
        server.end_if_running()


async def use_rightly(world: World, receiver: Receiver, base_url: str) -> dict[str, str]:
    """Make one of everything that is secret, and use it; returns values for paths."""
    scopes = ["read", "submit", "submit:high", "manage"]
    new = {"account": "acme", "name": "ci", "scopes": scopes}
    key = await world.shown("key", "POST", "/api/keys", "key", headers=bearer(BOOTSTRAP), json=new)
    mine = bearer(key)
    await world.shown("webhook secret", "GET", "/api/webhook-secrets", "secrets", "0", "secret", headers=mine)
    await world.shown("new webhook secret", "POST", "/api/webhook-secrets/rotate", "secret", headers=mine)
    await world.shown("rotated key", "POST", f"/api/keys/{key[4:12]}/rotate", "key", headers=bearer(BOOTSTRAP))
    receiver.answer = lambda number, _: [500, 401, 200][number % 3]
    body = {"payload": {"num_transactions": 2}, "callback_url": f"{receiver.url}?x=1"}
    accepted = (await world.call("POST", "/api/async", headers=mine, json=body)).json()
    demo = {"payload": {}, "callback_url": f"{base_url}/api/callbacks/receive"}
    await world.call("POST", "/api/async", headers=mine, json=demo)
    await receiver.got(2)
    file = f"{accepted['request_id']}.csv"
    url = await world.shown("link", "POST", f"/api/reports/{file}/link", "url", headers=mine)
    world.secrets["link"] = url.rpartition("=")[2]
    await world.call("GET", url.partition(str(httpx.URL(url).port))[2], follow_redirects=False)
    ticket = await world.shown("ticket", "POST", "/api/ws/tickets", "ticket", headers=mine)
    async with connect(f"ws{base_url[4:]}/api/ws?ticket={ticket}") as socket:
        world.said["websocket"] = str(await socket.recv()).encode()
    with pytest.raises(InvalidStatus):
        async with connect(f"ws{base_url[4:]}/api/ws?ticket={ticket}&key={key}"):
            pass
    await world.call("GET", "/metrics", headers=bearer(METRICS))
    names = {"request_id": accepted["request_id"], "file": file, "key_id": key[4:12], "origin": receiver.origin}
    return {**names, "name": "acme", "set": "A" * 22, "batch_id": names["request_id"]}


async def use_wrongly(world: World, document: dict[str, Any], values: dict[str, str]) -> int:
    """Call every operation with secrets where they belong and where they do not; returns how many calls there were."""
    key, calls = world.secrets["key"], 0
    nonsense = {"x": key, "payload": world.secrets["webhook secret"], "name": AT_REST, "scopes": [SIGNING]}
    operations = [(template, name.upper()) for template, methods in document["paths"].items() for name in methods]
    for template, method in operations:
        if template == STREAM or (method, template) == ("DELETE", "/api/requests"):
            continue
        path = template
        for name in (part.split("}")[0] for part in template.split("{")[1:]):
            # What is there is to be found in the tables below.
            value = str(uuid4()) if method == "DELETE" else values.get(name, str(uuid4()))
            path = path.replace("{" + name + "}", value)
        content = {"json": nonsense} if method in {"POST", "PUT"} else {}
        ways: list[dict[str, Any]] = [
            {"headers": bearer(key), **content},
            {"headers": bearer(BOOTSTRAP), "params": {"token": key}, **content},
            {"headers": bearer(key[:-1] + "0"), **content},
            {"headers": {"Authorization": f"Basic {key}", "Cookie": f"key={key}"}, "params": {"key": METRICS}},
        ]
        for how in ways:
            await world.call(method, path, template=template, **how)
            calls += 1
    for wrong in (f"/api/keys/{key}", f"/api/requests/{key}?key={key}", f"/{SIGNING}", f"/api/reports/{SIGNING}.csv"):
        await world.call("GET", wrong, headers=bearer(key))
        await world.call("DELETE", wrong, headers={**bearer(key), "X-API-Key": key})
    return calls


async def measure(world: World, server: ServerProcess, folder: Path) -> None:
    """Run a benchmark here and a load generator by hand; keep what they write and how they were called."""
    order = {"requests": 5, "concurrency": 2, "num_transactions": 1}
    headers = bearer(BOOTSTRAP)
    begun = await world.call("POST", "/api/benchmark/async?wait=false", headers=headers, json=order)
    run = f"/api/benchmark/runs/{begun.json()['run_id']}"

    async def ended() -> bool:
        keep_arguments(world, server.pid)
        return bool((await world.call("GET", run, headers=headers)).json()["status"] != "RUNNING")

    await eventually(ended, within_s=40)
    await world.call("GET", f"{run}/export", headers=headers)
    wanted = [folder / "run.json", folder / "run.html"]
    command = [sys.executable, "-m", "src.loadgen", "--url", server.base_url, "--requests", "3", "--mode", "sync"]
    command += ["--json", str(wanted[0]), "--html", str(wanted[1]), "--header", f"X-API-Key: {world.secrets['key']}"]
    environment = {**os.environ, "LOADGEN_SIGNING_SECRETS": SIGNING}
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=SERVER_FOLDER, env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    world.said["load generator"] = done.stdout + done.stderr
    world.said |= {path.name: path.read_bytes() for path in wanted}


def keep_arguments(world: World, pid: int) -> None:
    """Keep the command lines of the server and of whatever it started."""
    process = psutil.Process(pid)
    for one in (process, *process.children(recursive=True)):
        try:
            world.said[f"arguments of {one.pid}"] = " ".join(one.cmdline()).encode()
        except psutil.NoSuchProcess:
            continue


async def keep_tables(world: World, database_url: str) -> int:
    """Keep the text of every row of every table, as a dump has it; returns how many tables there are."""
    tables = await fetch(database_url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    for table in (row["tablename"] for row in tables):
        rows = await fetch(database_url, f'SELECT t::text AS row FROM "{table}" AS t')
        world.said[f"table {table}"] = "\n".join(row["row"] for row in rows).encode()
    return len(tables)


async def test_no_secret_comes_out_anywhere_but_where_it_is_shown_to_its_owner(
    server: ServerProcess,
    receiver: Receiver,
    database_url: str,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    known = {
        "bootstrap key": BOOTSTRAP,
        "SECRETS_KEY": AT_REST,
        "signing secret": SIGNING,
        "S3 secret": "writer-secret",
    }
    known |= {"database password": DATABASE, "Redis password": REDIS, "metrics token": METRICS}
    async with httpx.AsyncClient(base_url=server.base_url, timeout=30) as client:
        world = World(client, dict(known))
        values = await use_rightly(world, receiver, server.base_url)
        document = (await client.get("/openapi.json")).json()
        calls = await use_wrongly(world, document, values)
        await measure(world, server, tmp_path)
        settings = await world.call("GET", "/api/settings", headers=bearer(world.secrets["key"]))
    server.end_if_running()
    assert server.said is not None
    world.said["log"] = server.said.read_bytes()
    tables = await keep_tables(world, database_url)

    assert settings.status_code == 200
    assert world.hits() == []
    assert len(world.secrets) == 13
    assert any(where.startswith("arguments") for where in world.said)
    assert calls > 200
    assert b"DEBUG" in world.said["log"]
    assert values["request_id"].encode() in world.said["table requests"]
    assert World(world.client, {"a": BOOTSTRAP, "b": SIGNING}, {"c": BOOTSTRAP[13:].encode()}).hits() == ["a in c"]
    where = f"{len(world.said)} places, of which {tables} tables"
    record_property("figure", f"secrets of every kind: {len(world.secrets)}, looked for in {where}: 0 found")
