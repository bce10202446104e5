"""`keys …`: creates, lists, rotates and revokes API keys."""

import argparse
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from src.config import Settings
from src.errors import Invalid
from src.manage.commands import add_command, moment, overlap_hours, show
from src.manage.opening import EXIT_DONE, EXIT_WRONG, open_pool, refuse
from src.services.identity.caller import Scope
from src.services.identity.key_format import generate_key
from src.services.identity.key_store import OVERLAP_HOURS_MAX, ApiKey, KeyStore, NewKey, ordered

#: Keys that are read at a time.
PAGE_ROWS = 500
_LIFETIME = re.compile(r"([1-9][0-9]{0,4})([hd])", re.ASCII)


def add_commands(things: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands about keys to the command line."""
    keys = things.add_parser("keys", help="API keys", description="API keys.")
    verbs = keys.add_subparsers(required=True, metavar="VERB")
    add_command(verbs, "generate", "print a key for BOOTSTRAP_ADMIN_KEY; nothing is stored", _generate)
    create = add_command(
        verbs, "create", "create a key, and its account with the first one; it is shown this once", _create
    )
    create.add_argument("--account", required=True, help="1 to 100 visible ASCII characters")
    create.add_argument("--name", required=True, help="what the key is for")
    create.add_argument(
        "--scope", required=True, action="append", choices=[str(scope) for scope in Scope], help="may be repeated"
    )
    create.add_argument("--expires-in", type=_lifetime, metavar="90d", help="hours (h) or days (d); default: never")
    listing = add_command(verbs, "list", "list keys, without the keys themselves", _list)
    listing.add_argument("--account", help="of this account only")
    rotate = add_command(verbs, "rotate", "create a successor; the old key ends after the overlap", _rotate)
    rotate.add_argument("id", metavar="ID")
    rotate.add_argument(
        "--overlap-hours",
        type=overlap_hours,
        default=timedelta(hours=24),
        metavar="24",
        help=f"0 to {OVERLAP_HOURS_MAX}",
    )
    rotate.add_argument("--expires-in", type=_lifetime, metavar="90d", help="default: the end of the old key")
    add_command(verbs, "revoke", "revoke a key", _revoke).add_argument("id", metavar="ID")


def _lifetime(text: str) -> timedelta:
    match = _LIFETIME.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError("write hours or days, such as 12h or 90d")
    return timedelta(hours=int(match[1])) if match[2] == "h" else timedelta(days=int(match[1]))


async def _generate(options: argparse.Namespace, _settings: Settings) -> int:
    key = generate_key()
    show(json.dumps({"key": key}) if options.json else key)
    return EXIT_DONE


async def _create(options: argparse.Namespace, settings: Settings) -> int:
    now = datetime.now(UTC)
    try:
        new = NewKey(
            account=options.account,
            name=options.name,
            scopes=frozenset(map(Scope, options.scope)),
            expires_at=now + options.expires_in if options.expires_in else None,
        )
    except Invalid as error:
        return refuse(EXIT_WRONG, error.detail)
    async with open_pool(settings) as pool:
        key, text = await KeyStore(pool).create(new, now)
    _show_new(key, text, as_json=options.json)
    return EXIT_DONE


async def _list(options: argparse.Namespace, settings: Settings) -> int:
    keys: list[ApiKey] = []
    async with open_pool(settings) as pool:
        store = KeyStore(pool)
        while page := await store.after(
            options.account, (keys[-1].account, keys[-1].id) if keys else ("", ""), PAGE_ROWS
        ):
            keys += page
    if options.json:
        show(json.dumps({"keys": [listed(key) for key in keys]}))
        return EXIT_DONE
    for key in keys:
        show(f"{key.id}  {key.account}  {key.name}  {' '.join(key.scopes)}  {_state(key, datetime.now(UTC))}")
    return EXIT_DONE


async def _rotate(options: argparse.Namespace, settings: Settings) -> int:
    now = datetime.now(UTC)
    async with open_pool(settings) as pool:
        store = KeyStore(pool)
        old = await store.get(options.id)
        end = now + options.expires_in if options.expires_in else old.expires_at
        key, text = await store.rotate(old.id, now, overlap=options.overlap_hours, expires_at=end)
    _show_new(key, text, as_json=options.json)
    return EXIT_DONE


async def _revoke(options: argparse.Namespace, settings: Settings) -> int:
    async with open_pool(settings) as pool:
        await KeyStore(pool).revoke(options.id, datetime.now(UTC))
    show(json.dumps({"revoked": True, "id": options.id}) if options.json else f"{options.id} is revoked.")
    return EXIT_DONE


def listed(key: ApiKey) -> dict[str, Any]:
    """Show a key as JSON."""
    return {
        **_made(key),
        "last_used_at": moment(key.last_used_at),
        "revoked_at": moment(key.revoked_at),
        "replaced_by": key.replaced_by,
    }


def _made(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "account": key.account,
        "scopes": [str(scope) for scope in ordered(key.scopes)],
        "created_at": moment(key.created_at),
        "expires_at": moment(key.expires_at),
    }


def _show_new(key: ApiKey, text: str, *, as_json: bool) -> None:
    if as_json:
        show(json.dumps({**_made(key), "key": text}))
        return
    show(f"Key {key.id} of {key.account}, {_state(key, key.created_at)}. It is not shown again:\n{text}")


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at:
        return f"revoked at {moment(key.revoked_at)}"
    if key.expires_at is None:
        return "never expires"
    return f"{'expired' if key.expires_at <= now else 'expires'} at {moment(key.expires_at)}"
