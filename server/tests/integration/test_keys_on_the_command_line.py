"""`python -m src.manage keys`: what an operator does before anybody has a key."""

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from src.manage.__main__ import main
from src.services.identity.key_format import read_key
from tests.support.databases import create_database
from tests.support.manage import Manage, rows, runner


@pytest.fixture
def database_url(postgres: str) -> str:
    """Make a database of the test's own; these tests run no loop, as the command line has its own."""
    return asyncio.run(create_database(postgres))


@pytest.fixture
def manage(database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Manage:
    """Run a command in this process."""
    monkeypatch.setenv("DATABASE_URL", database_url)

    return runner(capsys, "keys")


def made(manage: Manage, *more: str, account: str = "acme") -> dict[str, Any]:
    status, out, err = manage(
        "create", "--account", account, "--name", "ci", "--scope", "submit", "--scope", "read", "--json", *more
    )
    assert status == 0, err
    answer: dict[str, Any] = json.loads(out)
    return answer


def listed(manage: Manage, *more: str) -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = json.loads(manage("list", "--json", *more)[1])["keys"]
    return keys


def test_a_key_is_told_once_and_stored_as_its_hash_only(manage: Manage, database_url: str) -> None:
    created = made(manage)
    stored = rows(database_url, "SELECT * FROM api_keys")

    assert set(created) == {"id", "name", "account", "scopes", "created_at", "expires_at", "key"}
    assert read_key(created["key"]).id == created["id"]
    assert (created["account"], created["name"], created["scopes"]) == ("acme", "ci", ["read", "submit"])
    assert created["expires_at"] is None
    assert stored[0]["sha256"] == hashlib.sha256(created["key"].encode()).digest()
    assert created["key"][13:] not in repr(stored)
    assert created["key"] not in repr(listed(manage))


def test_an_account_is_made_by_its_first_key(manage: Manage, database_url: str) -> None:
    made(manage), made(manage), made(manage, account="Acme")

    accounts = [row["name"] for row in rows(database_url, 'SELECT name FROM accounts ORDER BY name COLLATE "C"')]
    assert accounts == ["Acme", "acme"]
    assert [len(listed(manage, *of)) for of in ([], ["--account", "acme"], ["--account", "ACME"])] == [3, 2, 0]


def test_a_key_is_rotated_once_and_the_old_one_ends_by_itself(manage: Manage) -> None:
    old = made(manage, "--expires-in", "90d")
    status, out, _ = manage("rotate", old["id"], "--overlap-hours", "0", "--json")
    new = json.loads(out)
    again = manage("rotate", old["id"])
    now = {key["id"]: key for key in listed(manage)}

    assert status == 0
    assert {name: new[name] for name in ("name", "account", "scopes", "expires_at")} == {
        name: old[name] for name in ("name", "account", "scopes", "expires_at")
    }
    assert now[old["id"]]["replaced_by"] == new["id"] != old["id"]
    assert now[old["id"]]["expires_at"] < old["expires_at"]
    assert again[0] == 3
    assert new["id"] in again[2]


def test_an_overlap_never_makes_a_key_live_longer(manage: Manage) -> None:
    old = made(manage, "--expires-in", "1h")
    manage("rotate", old["id"], "--overlap-hours", "168", "--expires-in", "2d")

    assert {key["id"]: key for key in listed(manage)}[old["id"]]["expires_at"] == old["expires_at"]


def test_a_key_is_revoked_and_revoking_it_again_changes_nothing(manage: Manage) -> None:
    key = made(manage)
    first = manage("revoke", key["id"], "--json")
    revoked_at = listed(manage)[0]["revoked_at"]
    second = manage("revoke", key["id"], "--json")

    assert json.loads(first[1]) == json.loads(second[1]) == {"revoked": True, "id": key["id"]}
    assert revoked_at is not None
    assert listed(manage)[0]["revoked_at"] == revoked_at
    assert manage("rotate", key["id"])[0] == 3


@pytest.mark.parametrize("command", ["revoke", "rotate"])
def test_an_id_that_no_key_has_is_told(manage: Manage, command: str) -> None:
    assert manage(command, "nokey000")[::2] == (3, "There is no key with this id.\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("create", "--account", "", "--name", "ci", "--scope", "read"),
        ("create", "--account", "a" * 101, "--name", "ci", "--scope", "read"),
        ("create", "--account", "two words", "--name", "ci", "--scope", "read"),
        ("create", "--account", "café", "--name", "ci", "--scope", "read"),
        ("create", "--account", "acme", "--name", "", "--scope", "read"),
        ("create", "--account", "acme", "--name", "a\x00b", "--scope", "read"),
        ("create", "--account", "acme", "--name", "ci"),
        ("create", "--account", "acme", "--name", "ci", "--scope", "root"),
        ("create", "--account", "acme", "--name", "ci", "--scope", "read", "--expires-in", "0d"),
        ("create", "--account", "acme", "--name", "ci", "--scope", "read", "--expires-in", "1y"),
        ("rotate", "nokey000", "--overlap-hours", "169"),
        ("rotate", "nokey000", "--overlap-hours", "-1"),
        ("delete", "nokey000"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_changes_nothing(
    manage: Manage, database_url: str, arguments: tuple[str, ...]
) -> None:
    status, out, err = manage(*arguments)

    assert (status, out) == (2, "")
    assert err.strip()
    assert rows(database_url, "SELECT 1 FROM api_keys UNION ALL SELECT 1 FROM accounts") == []


def test_a_key_is_generated_without_a_database(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))

    assert main(["keys", "generate"]) == 0
    assert read_key(capsys.readouterr().out.strip())
    assert not (tmp_path / "data").exists()


def test_a_database_of_an_older_version_is_told(manage: Manage, database_url: str) -> None:
    rows(database_url, "DROP TABLE api_keys")
    status, _, err = manage("list")

    assert status == 3
    assert "older schema" in err
