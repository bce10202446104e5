"""Which settings of an issuer a server starts with."""

from typing import Any

import pytest

from src.assembly.rules import token_rules
from src.config import Settings
from src.services.identity.caller import Scope

GOOD = {"jwt_issuer": "https://issuer.test/", "jwt_audience": "frg", "jwt_jwks_url": "https://issuer.test/jwks.json"}


def rules_of(**settings: Any) -> Any:
    return token_rules(Settings(_env_file=None, **settings))


def test_without_an_issuer_no_token_is_accepted() -> None:
    assert rules_of() is None


@pytest.mark.parametrize(
    "url", [GOOD["jwt_jwks_url"], "http://127.0.0.1:9/k", "http://[::1]:9/k", "http://localhost/k"]
)
def test_an_issuer_is_trusted_by_default_with_all_but_the_scope_of_the_operator(url: str) -> None:
    rules = rules_of(**GOOD | {"jwt_jwks_url": url})

    assert (rules.account_claim, rules.account_prefix) == ("sub", "")
    assert set(rules.scopes) == set(Scope) - {Scope.ADMIN}


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"jwt_audience": ""}, "all three"),
        ({"jwt_issuer": "", "jwt_audience": ""}, "all three"),
        ({"jwt_jwks_url": "http://issuer.test/jwks.json"}, "JWT_JWKS_URL"),
        ({"jwt_jwks_url": "http://127.0.0.1.issuer.test/"}, "JWT_JWKS_URL"),
        ({"jwt_jwks_url": "file:///etc/passwd"}, "JWT_JWKS_URL"),
        ({"jwt_jwks_url": "https://"}, "JWT_JWKS_URL"),
        ({"jwt_jwks_url": "https://[::1"}, "JWT_JWKS_URL"),
        ({"jwt_jwks_url": "https://a:99999/"}, "JWT_JWKS_URL"),
        ({"jwt_account_prefix": "a b"}, "JWT_ACCOUNT_PREFIX"),
        ({"jwt_scopes": "read,everything"}, "JWT_SCOPES"),
    ],
)
def test_settings_that_cannot_be_so_are_named(changed: dict[str, str], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        rules_of(**GOOD | changed)
