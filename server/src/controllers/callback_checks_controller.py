"""Use case: tell what would become of a callback URL, before anything is submitted."""

from src.services.delivery.ping import Pinged, Pinger
from src.services.identity.caller import Caller
from src.services.outbound.url_rules import Verdict, look


async def check(pinger: Pinger, caller: Caller, callback_url: str, *, ping: bool) -> tuple[Verdict, Pinged | None]:
    """Apply the rules that hold for a caller; and where they let it through and it is asked for, send one message.

    Without `ping` nothing is looked up and nothing dialled.
    """
    verdict = look(caller.callback_policy, callback_url)
    if verdict.url is None or not ping:
        return verdict, None
    return verdict, await pinger.ping(caller.name, verdict.url)
