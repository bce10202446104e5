"""Use case: check a callback URL before submitting anything."""

from src.services.delivery.ping import Pinged, Pinger
from src.services.identity.caller import Caller
from src.services.outbound.url_rules import Verdict, evaluate


async def check(pinger: Pinger, caller: Caller, callback_url: str, *, ping: bool) -> tuple[Verdict, Pinged | None]:
    """Apply the caller's callback rules to a URL; if it passes and `ping` is set, send one test message.

    Without `ping` there is neither a DNS lookup nor a connection.
    """
    verdict = evaluate(caller.callback_policy, callback_url)
    if verdict.url is None or not ping:
        return verdict, None
    return verdict, await pinger.ping(caller.name, verdict.url)
