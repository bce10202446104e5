"""Callback policies of stored requests: the settings may have changed since a request was accepted."""

from functools import lru_cache

from src.services.identity.caller import Owner
from src.services.outbound.callback_url import Loopback, Policy

CHECKED_URLS_MAX = 4_096


class RememberingPolicy:
    """A policy that caches its results. Thread-safe.

    Callers use the same few URLs repeatedly, and validating one takes as long as generating a small report.

    Args:
        policy: validates a URL that is not cached.
    """

    def __init__(self, policy: Policy) -> None:
        self.check = lru_cache(CHECKED_URLS_MAX)(policy.check)


class CallbackPolicies:
    """The callback policy of each owner.

    Args:
        of_accounts: applies to every owner but the load generators of this server.
    """

    def __init__(self, of_accounts: Policy) -> None:
        self.of_accounts: Policy = RememberingPolicy(of_accounts)
        # Any port: the receiver's origin was checked when the request was accepted.
        self._of_runs = Loopback()

    def of(self, owner: Owner) -> Policy:
        """Return the policy that applies to the callbacks of an owner's stored requests."""
        return self.of_accounts if owner.run_id is None else self._of_runs
