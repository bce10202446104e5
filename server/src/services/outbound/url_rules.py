"""The rules for callback URLs, one by one: which a URL keeps, which one it breaks, and what comes after that."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import NamedTuple

from src.errors import ForbiddenCallbackUrl
from src.services.outbound.callback_url import SETTING, CallbackUrl, Policy

VOUCHED_FOR = "This origin is the demo receiver's, or the operator vouches for it."


class _Place(NamedTuple):
    """Where in the order of the policy a rule is looked at for the first and for the last time."""

    first: int
    last: int


#: In the order in which they are shown. A rule has been kept for certain when the one that is broken begins behind it.
_PLACES: Mapping[str, _Place] = {
    "characters": _Place(2, 2),
    "scheme": _Place(3, 3),
    "fragment": _Place(4, 4),
    "user-info": _Place(5, 5),
    "port": _Place(7, 7),
    "host": _Place(6, 10),
    "length": _Place(1, 9),
    "ambiguous": _Place(8, 11),
    "demo-receiver": _Place(12, 12),
    "own-receiver": _Place(12, 12),
    "allowed-port": _Place(13, 13),
    "public-address": _Place(14, 14),
}
#: Which rules an operator lifts for an origin.
_LIFTED = ("allowed-port", "public-address")
#: Is looked at for load generators alone.
_HIDDEN = "own-receiver"


@dataclass(frozen=True, slots=True)
class Check:
    """What became of one rule."""

    rule: str
    _: KW_ONLY
    #: None: not looked at, because another one is broken.
    passed: bool | None
    #: A sentence, where there is something to say; it never repeats the URL.
    why: str | None = None
    #: The setting that decides, if one does.
    setting: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say of a URL."""

    #: In its canonical form; None where it is not allowed.
    url: CallbackUrl | None
    checks: tuple[Check, ...]


def evaluate(policy: Policy, raw: str) -> Verdict:
    """Apply the rules to a URL. Nothing is looked up and nothing dialled."""
    try:
        url = policy.check(raw)
    except ForbiddenCallbackUrl as error:
        return Verdict(None, tuple(_checks_of(error)))
    return Verdict(url, tuple(_kept(rule, url) for rule in _PLACES if rule != _HIDDEN))


def _kept(rule: str, url: CallbackUrl) -> Check:
    if url.exempt and rule in _LIFTED:
        return Check(rule, passed=True, why=VOUCHED_FOR, setting=SETTING)
    return Check(rule, passed=True)


def _checks_of(error: ForbiddenCallbackUrl) -> list[Check]:
    broken = _rule_of(error)
    return [
        Check(rule, passed=False, why=error.detail, setting=error.setting)
        if rule == broken
        else Check(rule, passed=True if place.last < _PLACES[broken].first else None)
        for rule, place in _PLACES.items()
        if rule in {broken} or rule != _HIDDEN
    ]


def _rule_of(error: ForbiddenCallbackUrl) -> str:
    """Name the rule: what an operator may allow is a word for an address, or a port below 1024."""
    if error.setting is None:
        return error.rule
    return "allowed-port" if error.rule == "port" else "public-address"
