"""`accounts …`: lists accounts, gives them limits of their own, disables them."""

import argparse
import json
import re
from datetime import UTC, datetime
from typing import Any

from src.config import Settings
from src.errors import Invalid
from src.manage import leaving
from src.manage.commands import add_command, moment, show
from src.manage.opening import EXIT_DONE, EXIT_WRONG, open_pool, refuse
from src.services.identity.account_store import UNCHANGED, Account, AccountChange, AccountStore

#: Accounts that are read at a time.
PAGE_ROWS = 500
#: Takes a limit of its own away.
DEFAULT = "default"


def add_commands(things: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands about accounts to the command line."""
    accounts = things.add_parser("accounts", help="accounts and their limits", description="Accounts.")
    verbs = accounts.add_subparsers(required=True, metavar="VERB")
    add_command(verbs, "list", "list accounts with their own limits", _list)
    change = add_command(
        verbs,
        "set",
        "give an account limits of its own, disable or enable it; what is not named stays as it is, and every server"
        " follows within a second",
        _set,
    )
    change.add_argument("name", metavar="NAME")
    for option, metavar in (("--rate-limit-sync", "60/minute"), ("--rate-limit-async", "600/minute")):
        change.add_argument(option, type=_rate, default=UNCHANGED, metavar=metavar, help="a rate, off, or default")
    change.add_argument(
        "--max-pending",
        type=_number,
        default=UNCHANGED,
        metavar="N",
        help="how many of its requests may wait, or default",
    )
    state = change.add_mutually_exclusive_group()
    state.add_argument(
        "--disable", dest="disabled", action="store_true", default=UNCHANGED, help="refuse all of its keys"
    )
    leaving.add_commands(verbs)
    state.add_argument("--enable", dest="disabled", action="store_false", default=UNCHANGED, help="accept them again")


def _rate(text: str) -> str | None:
    return None if text == DEFAULT else text


def _number(text: str) -> int | None:
    if text == DEFAULT:
        return None
    if not re.fullmatch(r"[0-9]{1,12}", text, re.ASCII):
        raise argparse.ArgumentTypeError("write a whole number, or default")
    return int(text)


async def _list(options: argparse.Namespace, settings: Settings) -> int:
    accounts: list[Account] = []
    async with open_pool(settings) as pool:
        store = AccountStore(pool)
        while page := await store.after(accounts[-1].name if accounts else "", PAGE_ROWS):
            accounts += page
    if options.json:
        show(json.dumps({"accounts": [listed(account) for account in accounts]}))
        return EXIT_DONE
    for account in accounts:
        show(_line(account))
    return EXIT_DONE


async def _set(options: argparse.Namespace, settings: Settings) -> int:
    try:
        change = AccountChange(
            rate_limit_sync=options.rate_limit_sync,
            rate_limit_async=options.rate_limit_async,
            max_pending=options.max_pending,
            disabled=options.disabled,
        )
    except Invalid as error:
        return refuse(EXIT_WRONG, error.detail)
    if not change.given:
        return refuse(EXIT_WRONG, "Name what is to change: a limit, --disable or --enable.")
    async with open_pool(settings) as pool:
        account = await AccountStore(pool).change(options.name, change, datetime.now(UTC))
    show(json.dumps(listed(account)) if options.json else _line(account))
    return EXIT_DONE


def listed(account: Account) -> dict[str, Any]:
    """Show an account as JSON, as the API does."""
    return {
        "name": account.name,
        "created_at": moment(account.created_at),
        "rate_limit_sync": account.limits.rate_limit_sync,
        "rate_limit_async": account.limits.rate_limit_async,
        "max_pending": account.limits.max_pending,
        "disabled": account.disabled_at is not None,
        "disabled_at": moment(account.disabled_at),
    }


def _line(account: Account) -> str:
    limits = account.limits
    own = {"sync": limits.rate_limit_sync, "async": limits.rate_limit_async, "waiting": limits.max_pending}
    said = ", ".join(f"{name} {value}" for name, value in own.items() if value is not None)
    state = f"disabled at {moment(account.disabled_at)}" if account.disabled_at else "enabled"
    return f"{account.name}  {state}  {said or 'default limits'}"
