"""Accounts: who there is, what each may, and an end to all of its keys."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from src.models.account_model import ACCOUNT_LENGTH_MAX
from src.routes.http.audit import note_change
from src.routes.http.dependencies import CallerDependency, PartsDependency
from src.routes.http.paging import LINK_HEADER, link_to_next
from src.routes.http.problems import responses
from src.routes.http.strict_json import OptionalBodyRoute
from src.routes.wire.accounts import AccountItem, AccountList, AccountRequest
from src.services.identity.account_store import AccountChange

LIST_LIMIT_MAX = 200
ACCOUNT_PATTERN = "^[!-~]+$"

router = APIRouter(prefix="/api", tags=["Keys"], route_class=OptionalBodyRoute)


@router.get("/accounts", response_model=AccountList, responses={200: {"headers": LINK_HEADER}, **responses(422, 503)})
async def list_accounts(
    request: Request,
    response: Response,
    parts: PartsDependency,
    limit: Annotated[int, Query(ge=1, le=LIST_LIMIT_MAX, description="Accounts on a page.")] = 50,
    cursor: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=ACCOUNT_LENGTH_MAX,
            pattern=ACCOUNT_PATTERN,
            description="`next_cursor` of the page before.",
        ),
    ] = None,
) -> AccountList:
    """List all accounts with their own limits, by name."""
    found = await parts.identity.accounts.after(cursor or "", limit + 1)
    next_cursor = found[limit - 1].name if len(found) > limit else None
    link_to_next(request, response, next_cursor)
    return AccountList(accounts=[AccountItem.of(account) for account in found[:limit]], next_cursor=next_cursor)


@router.put(
    "/accounts/{name:path}",
    response_model=AccountItem,
    responses=responses(400, 404, 413, 415, 422, 503),
)
async def set_account(
    name: Annotated[str, Path(description="The name of the account.")],
    request: Request,
    caller: CallerDependency,
    parts: PartsDependency,
    body: AccountRequest | None = None,
) -> AccountItem:
    """Give an account limits of its own, or disable it: every server does so within a second.

    All keys of the account share its limits. Disabled, every key is refused and its streams end; what was accepted
    goes on. The key of `BOOTSTRAP_ADMIN_KEY` stays good while it is set, whatever is said of its account.
    """
    change = AccountChange(**(body or AccountRequest()).model_dump(exclude_unset=True))
    account = await parts.identity.accounts.change(name, change, parts.now())
    said = ", ".join(f"{what}={'default' if value is None else value}" for what, value in change.given.items())
    note_change(request, caller, f"set account {account.name}: {said or 'nothing'}")
    return AccountItem.of(account)
