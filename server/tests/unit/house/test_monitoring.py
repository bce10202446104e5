"""What `deploy/monitoring` holds fits together: rules that fire when they should, each with a runbook entry."""

import json
import re
import subprocess
from collections import Counter
from typing import Any

import pytest
import yaml

from src.config import SERVER_FOLDER

ROOT = SERVER_FOLDER.parent
FOLDER = ROOT / "deploy" / "monitoring"
ALERTS = {
    *("QueueTooOld", "NoLeader", "ReceiverPaused", "CallbacksFailing", "StorageTrouble", "DatabaseAway"),
    *("KeyExpiresSoon", "EventLoopSlow"),
}


def rules() -> list[dict[str, Any]]:
    [group] = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


@pytest.mark.parametrize(
    "command",
    [["check", "config", "prometheus.yml"], ["check", "rules", "alerts.yml"], ["test", "rules", "alerts.test.yml"]],
)
def test_promtool_accepts_the_configuration_and_each_alert_fires_when_it_should(command: list[str]) -> None:
    found = subprocess.run(["promtool", *command], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def test_each_alert_is_tested_firing_as_often_as_it_is_a_rule_and_silent() -> None:
    tests = yaml.safe_load((FOLDER / "alerts.test.yml").read_text())["tests"]
    looks = [look for test in tests for look in test["alert_rule_test"]]
    firing = {(look["alertname"], alert["exp_labels"]["severity"]) for look in looks for alert in look["exp_alerts"]}
    silent = Counter(look["alertname"] for look in looks if not look["exp_alerts"])

    assert {rule["alert"] for rule in rules()} == ALERTS
    assert firing == {(rule["alert"], rule["labels"]["severity"]) for rule in rules()}
    assert set(silent) == ALERTS


def test_each_alert_has_a_section_of_the_runbook_and_no_section_is_left_over() -> None:
    sections = set(re.findall(r"(?m)^### (\w+)$", (ROOT / "docs" / "operations.md").read_text()))

    assert sections == ALERTS
    for rule in rules():
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"


def test_the_compose_profile_brings_every_file_to_where_it_is_looked_for() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    monitoring = {name: one for name, one in services.items() if one.get("profiles") == ["monitoring"]}
    mounts = [volume.split(":") for one in monitoring.values() for volume in one["volumes"] if volume.startswith("./")]
    to = {source: target for source, target, _mode in mounts}
    [provider] = yaml.safe_load((FOLDER / "grafana/provisioning/dashboards/financial-reports.yml").read_text())[
        "providers"
    ]
    [source] = yaml.safe_load((FOLDER / "grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"]
    [job] = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]

    assert set(monitoring) == {"prometheus", "grafana"}
    assert all((ROOT / path).exists() for path in to)
    assert to["./deploy/monitoring/alerts.yml"] == "/etc/prometheus/alerts.yml"
    assert to["./deploy/monitoring/grafana/dashboards"] == provider["options"]["path"]
    assert source["url"] == "http://prometheus:9090"
    [[target]] = [static["targets"] for static in job["static_configs"]]
    assert target == "server:8000"
    assert "server" in services["server"]["environment"]["ALLOWED_HOSTS"].split(",")


def test_no_panel_lies_over_another_and_each_says_where_its_figures_come_from() -> None:
    dashboard = json.loads((FOLDER / "grafana/dashboards/financial-reports.json").read_text())
    taken = Counter(
        (x, y)
        for panel in dashboard["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    )

    assert max(taken.values()) == 1
    assert max(x for x, _ in taken) < 24
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {"${datasource}"}
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
