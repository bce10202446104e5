"""The code that docs/webhooks.md shows, and the packages people use, verify what the service signs."""

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from svix.webhooks import Webhook as SvixWebhook

from src.config import SERVER_FOLDER
from src.services.delivery.public_keys import jwk_of
from src.services.delivery.signing import Signer, new_secret
from src.services.delivery.webhook_secrets import public_key_of

TEXT = (SERVER_FOLDER.parent / "docs" / "webhooks.md").read_text()
BODY = '{"type":"report.completed","name":"Zürich, 1 €"}'.encode()
SECRETS, KEYS = [new_secret(), new_secret()], [bytes([number]) * 32 for number in (1, 2)]
JWKS = {"keys": [jwk_of(public_key_of(key)) for key in KEYS]}


@pytest.fixture
def headers() -> dict[str, str]:
    """Sign with both kinds of signatures, with an old and a new secret, as during a rotation."""
    return Signer(SECRETS, KEYS).headers("msg_1", int(time.time()), BODY)


def shown(language: str, index: int) -> str:
    found: str = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)[index]
    return found


def verifier(index: int) -> Callable[..., Any]:
    names: dict[str, Any] = {}
    exec(shown("python", index), names)
    found: Callable[..., Any] = names["verify"]
    return found


@pytest.mark.parametrize("secret", SECRETS, ids=["old", "new"])
@pytest.mark.parametrize("kind", [Webhook, SvixWebhook, None])
def test_packages_and_the_documented_code_verify_v1_with_the_old_and_the_new_secret(
    kind: type[Webhook] | None, secret: str, headers: dict[str, str]
) -> None:
    def verify(body: bytes) -> None:
        if kind is None:
            verifier(0)(secret, headers, body)
        else:
            kind(secret).verify(body, headers)

    verify(BODY)
    with pytest.raises(Exception, match=r"(?i)signature"):
        verify(BODY + b" ")


def test_the_documented_code_verifies_v1a_with_any_of_the_public_keys(headers: dict[str, str]) -> None:
    verify = verifier(1)

    for keys in (JWKS, {"keys": JWKS["keys"][1:]}):
        assert verify(keys, headers, BODY)["type"] == "report.completed"
    nobodys: dict[str, Any] = {"keys": []}
    for keys, body in ((JWKS, BODY + b" "), (nobodys, BODY)):
        with pytest.raises(ValueError, match="no signature"):
            verify(keys, headers, body)
    with pytest.raises(ValueError, match="too old"):
        verify(JWKS, {**headers, "webhook-timestamp": "1"}, BODY)


@pytest.mark.parametrize(("body", "said"), [(BODY, "good\n"), (BODY + b" ", "bad\n")])
def test_the_documented_commands_check_a_callback(
    body: bytes, said: str, headers: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "body").write_bytes(body)
    variables = {
        "SECRET": SECRETS[1],
        "ID": headers["webhook-id"],
        "TIMESTAMP": headers["webhook-timestamp"],
        "SIGNATURE": headers["webhook-signature"],
        "BODY": str(tmp_path / "body"),
        "PATH": "/usr/local/bin:/usr/bin:/bin",
    }
    done = subprocess.run(["bash", "-c", shown("bash", 0)], env=variables, capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == (said, "")


def test_a_callback_of_another_account_does_not_verify(headers: dict[str, str]) -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(BODY, headers)
