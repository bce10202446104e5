"""`python -m src.manage accounts`: what an operator sets for an account."""

import asyncio
import json
from typing import Any

import pytest

from tests.support.databases import create_database
from tests.support.manage import Manage, rows, runner

REFUSED: list[tuple[str, ...]] = [
    (),
    ("--rate-limit-async", "0/minute"),
    ("--rate-limit-async", "-1/minute"),
    ("--rate-limit-async", "600"),
    ("--rate-limit-async", "1000000000000/minute"),
    ("--rate-limit-sync", "60/fortnight"),
    ("--rate-limit-sync", "٦٠/minute"),
    ("--rate-limit-sync", "60/minute\n"),
    ("--rate-limit-sync", ""),
    ("--max-pending", "0"),
    ("--max-pending", "-1"),
    ("--max-pending", "1000000000000"),
    ("--max-pending", "1e3"),
    ("--disable", "--enable"),
]


@pytest.fixture
def database_url(postgres: str) -> str:
    return asyncio.run(create_database(postgres))


@pytest.fixture
def manage(database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Manage:
    """Run a command about accounts, of which there are two."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    keys = runner(capsys, "keys", "create", "--name", "ci", "--scope", "read", "--account")
    for name in ("acme", "other"):
        assert keys(name)[0] == 0
    return runner(capsys, "accounts")


def listed(manage: Manage) -> dict[str, dict[str, Any]]:
    accounts = json.loads(manage("list", "--json")[1])["accounts"]
    return {account["name"]: account for account in accounts}


def test_an_account_gets_limits_of_its_own_and_loses_them(manage: Manage) -> None:
    status, out, _ = manage("set", "acme", "--rate-limit-async", "600/minute", "--max-pending", "7", "--json")
    after_one = listed(manage)
    manage("set", "acme", "--rate-limit-async", "default", "--rate-limit-sync", "off")
    after_two = listed(manage)

    assert status == 0
    assert json.loads(out) == after_one["acme"]
    own = ("rate_limit_sync", "rate_limit_async", "max_pending", "disabled", "disabled_at")
    assert [after_one["acme"][name] for name in own] == [None, "600/minute", 7, False, None]
    assert [after_two["acme"][name] for name in own] == ["off", None, 7, False, None]
    assert [after_two["other"][name] for name in own] == [None, None, None, False, None]


def test_an_account_is_disabled_and_enabled_and_again_changes_nothing(manage: Manage) -> None:
    first, again = [json.loads(manage("set", "acme", "--disable", "--json")[1]) for _ in range(2)]
    line = manage("list")[1].splitlines()[0]
    enabled = json.loads(manage("set", "acme", "--enable", "--json")[1])

    assert first["disabled"]
    assert again == first
    assert line == f"acme  disabled at {first['disabled_at']}  default limits"
    assert (enabled["disabled"], enabled["disabled_at"]) == (False, None)


def test_a_name_that_no_account_has_is_told_and_makes_none(manage: Manage) -> None:
    for name in ("nobody", "", "Acme", "café", "acme\n"):
        assert manage("set", name, "--disable")[::2] == (
            3,
            "There is no account with this name: it is made by its first key or token.\n",
        )
    assert list(listed(manage)) == ["acme", "other"]


def test_what_cannot_be_meant_is_refused_and_changes_nothing(manage: Manage, database_url: str) -> None:
    before = rows(database_url, "SELECT * FROM accounts")
    for arguments in REFUSED:
        status, out, err = manage("set", "acme", *arguments)
        assert (status, out) == (2, ""), arguments
        assert err.strip(), arguments

    assert rows(database_url, "SELECT * FROM accounts") == before
