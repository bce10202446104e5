"""Where whom may be called back, found again for a request that was stored: settings may have changed since."""

from functools import lru_cache

from src.services.identity.caller import Owner
from src.services.outbound.callback_url import Loopback, Policy

CHECKED_URLS_MAX = 4_096


class RememberingPolicy:
    """A policy that remembers what it said. May be asked from any thread.

    Callers use the same few URLs repeatedly, and validating one takes as long as generating a small report.

    Args:
        policy: what is asked for a URL that is new.
    """

    def __init__(self, policy: Policy) -> None:
        self.check = lru_cache(CHECKED_URLS_MAX)(policy.check)


class CallbackPolicies:
    """The policies of all owners.

    Args:
        of_accounts: where everybody may be called back who is no load generator of ours.
    """

    def __init__(self, of_accounts: Policy) -> None:
        self.of_accounts: Policy = RememberingPolicy(of_accounts)
        # Which one of the receivers on this machine was checked when the request was accepted.
        self._of_runs = Loopback()

    def of(self, owner: Owner) -> Policy:
        """Find where the callback of a stored request may go."""
        return self.of_accounts if owner.run_id is None else self._of_runs
