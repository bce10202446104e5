"""What is written down is true: settings, layers, routes, versions."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from dotenv import dotenv_values
from pydantic import ValidationError

from src import __version__
from src.app import create_app
from src.assembly.rules import callback_policy
from src.config import SERVER_FOLDER, Settings
from src.errors import ForbiddenCallbackUrl
from tests.support.openapi import document

ROOT = SERVER_FOLDER.parent


def test_the_example_of_settings_names_every_setting_with_its_default() -> None:
    example = dotenv_values(ROOT / ".env.example")
    read = Settings.model_validate({name.lower(): value for name, value in example.items() if value})

    assert list(example) == [name.upper() for name in Settings.model_fields]
    assert read == Settings(_env_file=None).model_copy(update={"data_dir": Path("data")})


def test_the_specification_names_every_setting_and_every_route() -> None:
    specification = (ROOT / "claude.md").read_text()
    paths = document()["paths"]
    named = set(re.findall(r"`([A-Z]+ /[^` ]+)`", specification))
    routes = {f"{method.upper()} {path}" for path, operations in paths.items() for method in operations}

    assert [name for name in Settings.model_fields if f"`{name.upper()}`" not in specification] == []
    assert routes - named == set()


async def test_without_the_demo_tools_none_of_them_is_there_or_described() -> None:
    without = operations(document(demo_tools=False))
    tools = operations(document()) - without
    app = create_app(Settings(_env_file=None, demo_tools=False))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answers = {(method, path): (await client.request(method, path)).status_code for method, path in tools}
        # Without a lifespan there are no parts, so what is there fails; what is not there is refused.
        there = (await client.request("DELETE", f"/api/requests/{UUID(int=0)}")).status_code

    assert tools >= {
        ("DELETE", "/api/requests"),
        ("POST", "/api/callbacks/receive"),
        ("GET", "/api/callbacks/history"),
        ("DELETE", "/api/callbacks/history"),
        ("GET", "/api/callbacks/signing-secret"),
        ("GET", "/api/callbacks/simulate-failures"),
        ("POST", "/api/callbacks/simulate-failures"),
    }
    assert {path for _, path in without if path.startswith("/api/callbacks/")} == {"/api/callbacks/check"}
    assert {key: status for key, status in answers.items() if status not in {404, 405}} == {}
    assert there == 500


def operations(described: dict[str, Any]) -> set[tuple[str, str]]:
    return {(method.upper(), path) for path, found in described["paths"].items() for method in found}


def test_without_the_demo_tools_the_demo_receiver_may_not_be_called() -> None:
    url = Settings(_env_file=None).demo_receiver_url
    policies = [callback_policy(Settings(_env_file=None, demo_tools=on)) for on in (True, False)]

    assert policies[0].check(url).exempt
    with pytest.raises(ForbiddenCallbackUrl):
        policies[1].check(url)


def test_every_operation_is_described_and_answers_errors_as_problems() -> None:
    written = document()
    for path, operations in written["paths"].items():
        for method, operation in operations.items():
            assert operation["description"], f"{method} {path}"
            for status, answer in operation["responses"].items():
                if status.isdigit() and int(status) >= 400 and "health" not in path:
                    assert list(answer["content"]) == ["application/problem+json"], f"{method} {path} {status}"
    assert "HTTPValidationError" not in written["components"]["schemas"]
    assert "report-callback" in written["webhooks"]


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((SERVER_FOLDER / "pyproject.toml").read_text())["project"]

    assert project["version"] == __version__
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_every_promise_of_security_names_tests_that_exist_and_settings_that_do() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    promises = [line for line in text.partition("## What is not")[0].splitlines() if re.search(r"\|.*\.py", line)]
    tests = set(re.findall(r"`([a-z0-9_/]+/test_[a-z0-9_]+\.py)`", text))
    settings = set(re.findall(r"`([A-Z]+_[A-Z_]+)(?:=[^`]*)?`", text))

    assert len(promises) >= 13
    assert len(tests) >= 20
    assert [name for name in tests if not (SERVER_FOLDER / "tests" / name).is_file()] == []
    assert settings - {name.upper() for name in Settings.model_fields} == set()
    assert "(SECURITY.md)" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize(
    "name", ["requirements.txt", "requirements-otel.txt", "requirements-dev.txt", "requirements-bench.txt"]
)
def test_every_package_is_pinned_with_its_hashes(name: str) -> None:
    text = (SERVER_FOLDER / name).read_text().replace("\\\n", " ")
    packages = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]

    assert len(packages) > 10
    assert [
        line for line in packages if not re.match(r"[a-z0-9._-]+(\[[a-z,]+\])?==\S+.* --hash=sha256:[0-9a-f]{64}", line)
    ] == []


def test_packages_are_installed_with_their_hashes_and_from_the_lock_only() -> None:
    files = {name: (ROOT / name).read_text() for name in ("Makefile", "server/Dockerfile", ".ci/run")}
    installs = [line for text in files.values() for line in text.splitlines() if re.search(r"pip install(?! uv)", line)]

    assert len(installs) == 3
    assert all("--require-hashes" in line for line in installs)
    assert all("npm install" not in text for text in files.values())


def test_unit_tests_stand_in_the_folder_of_what_they_test() -> None:
    unit = SERVER_FOLDER / "tests" / "unit"
    folders = {test.parent.relative_to(unit) for test in unit.rglob("test_*.py")} - {Path("house")}

    assert len(folders) > 10
    assert [folder for folder in folders if not (SERVER_FOLDER / "src" / folder).is_dir()] == []


def test_imports_only_go_down() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    checked = subprocess.run([program, "--no-cache"], cwd=SERVER_FOLDER, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "0"),
        ("database_url", "mysql://x"),
        ("rate_limit_sync", "many"),
        ("callback_retry_delays", "2,soon"),
        ("callback_retry_delays", "-1"),
        ("trusted_proxies", "somewhere"),
        ("simulated_max_seconds", "-1"),
        ("max_pending_requests", "0"),
        ("public_base_url", "http://user@host"),
    ],
)
def test_a_wrong_setting_is_refused_at_the_start(name: str, value: str) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings.model_validate({name: value})


def test_an_empty_setting_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "")
    monkeypatch.setenv("CALLBACK_RETRY_DELAYS", "")

    assert Settings(_env_file=None).callback_retry_delays == (2, 4, 8)
    assert Settings(_env_file=None).public_base_url == "http://localhost:8000"


def test_the_base_url_follows_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "9000")

    assert Settings(_env_file=None).demo_receiver_url == "http://localhost:9000/api/callbacks/receive"
