"""A real Prometheus scrapes the service: every panel and every alert finds what it asks for."""

import asyncio
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import httpx

from tests.support.databases import create_database, run_sql
from tests.support.processes import ServerProcess, server_process
from tests.support.prometheus import FOLDER, Prometheus, prometheus_of
from tests.support.waiting import eventually

DASHBOARD = FOLDER / "grafana" / "dashboards" / "financial-reports.json"
SCRAPES = 3
#: A key that ends by itself: without one, nothing is told of the next.
KEY = (
    "INSERT INTO accounts (name, created_at) VALUES ('acme', now())",
    """INSERT INTO api_keys (id, account, name, sha256, scopes, created_at, expires_at)
       VALUES ('00000001', 'acme', 'ci', sha256('x'), '{read}', now(), now() + interval '90 days')""",
)
#: A figure, a comparison and a limit.
ALERT = re.compile(r"(?s)(.*\S)\s*(?:<|>)\s*[\d.]+\s*")


def panel_expressions() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"].replace("$__rate_interval", "1m") for panel in panels for target in panel["targets"]]


def figure_of(alert: str) -> str:
    """What an alert compares with its limit."""
    found = ALERT.fullmatch(alert)
    assert found, alert
    return found[1]


async def load(server: ServerProcess) -> None:
    async with httpx.AsyncClient(base_url=server.base_url, timeout=20) as client:
        receiver = f"http://localhost:{server.port}/api/callbacks/receive"
        body = {"payload": {"num_transactions": 1}, "callback_url": receiver}
        for _ in range(5):
            assert (await client.post("/api/sync", json={"num_transactions": 1})).status_code == 200
            accepted = await client.post("/api/async", json=body)
            assert accepted.status_code == 202
        assert (await client.post("/api/async", json={"callback_url": "x"})).status_code == 422

        async def delivered() -> bool:
            found = await client.get(accepted.json()["status_url"])
            return bool(found.json()["callback_status"] == "SUCCESS")

        await eventually(delivered, within_s=10)


async def test_every_expression_of_every_panel_and_alert_finds_a_series(postgres: str, tmp_path: Path) -> None:
    settings = {"RATE_LIMIT_SYNC": "off", "RATE_LIMIT_ASYNC": "off", "SIMULATED_MS_PER_TRANSACTION": "0"}
    (tmp_path / "prometheus").mkdir()
    database_url = await create_database(postgres)
    await run_sql(database_url, *KEY)
    with (
        server_process(tmp_path / "data", DATABASE_URL=database_url, **settings) as server,
        prometheus_of(server.port, tmp_path / "prometheus") as prometheus,
    ):
        await load(server)

        async def scraped_often_enough() -> bool:
            series = await asyncio.to_thread(prometheus.query, "count_over_time(frg_build_info[1m])")
            return bool(series) and float(series[0]["value"][1]) >= SCRAPES

        await eventually(scraped_often_enough, within_s=10)
        await asyncio.to_thread(every_expression_finds_a_series, prometheus)
        await asyncio.to_thread(promtool_has_no_objection, server)


def every_expression_finds_a_series(prometheus: Prometheus) -> None:
    [group] = prometheus.get("rules")["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    panels, alerts = panel_expressions(), [rule["query"] for rule in rules]
    names = {name for asked in [*panels, *alerts] for name in re.findall(r"frg_\w+", asked)}

    assert {rule["health"] for rule in rules} == {"ok"}
    assert len(panels) > 30
    assert [asked for asked in [*panels, *map(figure_of, alerts)] if not prometheus.query(asked)] == []
    assert len(names) > 25
    assert [name for name in names if not prometheus.query(name)] == []
    assert prometheus.query('ALERTS{alertstate="firing"}') == []


def promtool_has_no_objection(server: ServerProcess) -> None:
    scraped = httpx.get(f"{server.base_url}/metrics").content
    found = subprocess.run(["promtool", "check", "metrics"], input=scraped, capture_output=True, check=False)
    assert (found.returncode, found.stdout + found.stderr) == (0, b"")
