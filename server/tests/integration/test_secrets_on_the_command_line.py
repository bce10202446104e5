"""`python -m src.manage secrets`: SECRETS_KEY is changed, and webhook secrets rotated, while servers run or not."""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from src.manage.__main__ import main
from src.services.identity.secrets_at_rest import SecretKeys, kept_key
from tests.support.database_state import fetch
from tests.support.databases import create_database

Manage = Callable[..., tuple[int, str, str]]
OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


@pytest.fixture
def database_url(postgres: str) -> str:
    """Make a database of the test's own; these tests run no loop, as the command line has its own."""
    return asyncio.run(create_database(postgres))


@pytest.fixture
def manage(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Manage:
    """Run a command in this process."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))

    def run(*arguments: str, secrets_key: str = "") -> tuple[int, str, str]:
        monkeypatch.setenv("SECRETS_KEY", secrets_key)
        try:
            status = main(list(arguments))
        except SystemExit as exit_of_argparse:
            status = int(str(exit_of_argparse.code))
        out, err = capsys.readouterr()
        return status, out, err

    return run


def rotate(manage: Manage, secrets_key: str, *more: str) -> tuple[int, str, str]:
    return manage("secrets", "rotate", "--account", "acme", "--json", *more, secrets_key=secrets_key)


def sealed_with(url: str) -> set[str]:
    return {row["sealed_with"] for row in asyncio.run(fetch(url, "SELECT sealed_with FROM webhook_secrets"))}


def test_a_key_is_printed_and_not_stored(manage: Manage, tmp_path: Path) -> None:
    status, out, _ = manage("secrets", "generate")

    assert status == 0
    assert SecretKeys([out.strip()]).ids
    assert list(tmp_path.iterdir()) == []


def test_secrets_are_rotated_and_encrypted_again_after_a_change_of_the_key(manage: Manage, database_url: str) -> None:
    manage("keys", "create", "--account", "acme", "--name", "ci", "--scope", "read")
    status, out, _ = rotate(manage, OLD)
    second = json.loads(rotate(manage, OLD, "--overlap-hours", "1")[1])
    before = sealed_with(database_url)
    refused = rotate(manage, NEW)
    again = [manage("secrets", "reencrypt", "--json", secrets_key=f"{NEW},{OLD}") for _ in range(2)]
    after = rotate(manage, NEW)
    lost = manage("secrets", "reencrypt", secrets_key=OLD)

    assert status == 0
    assert json.loads(out).keys() == {"secret", "created_at", "expires_at"}
    assert json.loads(out)["secret"].startswith("whsec_")
    assert second["expires_at"] is None
    assert datetime.fromisoformat(second["created_at"])
    assert (refused[0], "SECRETS_KEY" in refused[2]) == (3, True)
    assert [json.loads(out)["reencrypted"] for _, out, _ in again] == [3, 0]
    assert (before, sealed_with(database_url)) == ({SecretKeys([OLD]).ids[0]}, {SecretKeys([NEW]).ids[0]})
    assert (after[0], lost[0]) == (0, 3)


def test_the_key_of_the_server_is_found_in_its_folder_and_never_made_here(manage: Manage, tmp_path: Path) -> None:
    manage("keys", "create", "--account", "acme", "--name", "ci", "--scope", "read")
    without = rotate(manage, "")
    kept_key(tmp_path)
    found = rotate(manage, "")
    unknown = manage("secrets", "rotate", "--account", "nobody", secrets_key="")
    malformed = rotate(manage, "not-a-key")

    assert (without[0], "secrets_key in DATA_DIR" in without[2]) == (3, True)
    assert found[0] == 0
    assert (unknown[0], malformed[0]) == (3, 2)
    assert "not-a-key" not in malformed[2]
