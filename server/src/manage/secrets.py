"""`secrets …`: SECRETS_KEY, and the webhook secrets of accounts."""

import argparse
import json
from datetime import UTC, datetime, timedelta
from functools import partial

import asyncpg
from cryptography.fernet import Fernet

from src.assembly.rules import given_keys
from src.config import Settings
from src.database import database_errors
from src.errors import NotStarted
from src.manage.commands import add_command, moment, overlap_hours, show
from src.manage.opening import EXIT_DONE, EXIT_WRONG, open_pool, refuse
from src.services.delivery.webhook_secrets import WebhookSecretStore
from src.services.identity.account_store import AccountStore
from src.services.identity.key_store import OVERLAP_HOURS_MAX
from src.services.identity.secrets_at_rest import FILE_NAME, SecretKeys, kept_key


def add_commands(things: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands about secrets to the command line."""
    secrets = things.add_parser("secrets", help="webhook secrets, and the key that encrypts them")
    verbs = secrets.add_subparsers(required=True, metavar="VERB")
    add_command(verbs, "generate", "print a key for SECRETS_KEY; nothing is stored", _generate)
    add_command(
        verbs,
        "reencrypt",
        "encrypt what is stored with the first key of SECRETS_KEY; may be interrupted and run again. To change the key:"
        " put the new one in front, restart every server, run this, take the old one away",
        _reencrypt,
    )
    rotate = add_command(
        verbs, "rotate", "create a new webhook secret of an account; the old one signs as well until then", _rotate
    )
    rotate.add_argument("--account", required=True)
    rotate.add_argument(
        "--overlap-hours",
        type=overlap_hours,
        default=timedelta(hours=24),
        metavar="24",
        help=f"0 to {OVERLAP_HOURS_MAX}",
    )


async def _generate(options: argparse.Namespace, _settings: Settings) -> int:
    key = Fernet.generate_key().decode()
    show(json.dumps({"key": key}) if options.json else key)
    return EXIT_DONE


async def _reencrypt(options: argparse.Namespace, settings: Settings) -> int:
    try:
        keys = _keys(settings)
    except ValueError as error:
        return refuse(EXIT_WRONG, str(error))
    async with open_pool(settings) as pool:
        count = await _store(pool, keys).reencrypt()
    show(json.dumps({"reencrypted": count}) if options.json else f"{count:,} secrets are encrypted with the first key.")
    return EXIT_DONE


async def _rotate(options: argparse.Namespace, settings: Settings) -> int:
    try:
        keys = _keys(settings)
    except ValueError as error:
        return refuse(EXIT_WRONG, str(error))
    async with open_pool(settings) as pool:
        await AccountStore(pool).get(options.account)
        new = await _store(pool, keys).rotate(options.account, options.overlap_hours)
    if options.json:
        made = {"secret": new.secret, "created_at": moment(new.created_at), "expires_at": moment(new.expires_at)}
        show(json.dumps(made))
    else:
        show(f"The new secret of {options.account}, for its receivers:\n{new.secret}")
    return EXIT_DONE


def _keys(settings: Settings) -> SecretKeys:
    """Read the key that servers use; a new one would open nothing.

    Raises:
        ValueError: SECRETS_KEY is malformed.
        NotStarted: there is none.
    """
    if keys := given_keys(settings):
        return keys
    if not (settings.data_dir / FILE_NAME).is_file():
        raise NotStarted("There is no SECRETS_KEY, nor a file secrets_key in DATA_DIR: name the servers' one.")
    return SecretKeys([kept_key(settings.data_dir)])


def _store(pool: asyncpg.Pool, keys: SecretKeys) -> WebhookSecretStore:
    return WebhookSecretStore(partial(_fetch, pool), keys, lambda: datetime.now(UTC))


async def _fetch(pool: asyncpg.Pool, statement: str, *arguments: object) -> list[asyncpg.Record]:
    async with database_errors():
        records: list[asyncpg.Record] = await pool.fetch(statement, *arguments)
    return records
