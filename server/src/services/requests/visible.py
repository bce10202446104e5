"""The walls between accounts, as conditions of queries."""

from typing import Any

from sqlalchemy import ColumnElement

from src.models import RequestModel
from src.services.identity.caller import View


def visible(view: View, request: Any = RequestModel) -> list[ColumnElement[bool]]:
    """Return the conditions under which requests are visible.

    Args:
        view: whose requests are visible.
        request: the columns of requests, or of whatever else has an owner.
    """
    if view.everybody:
        return []
    # IS NULL is spelled out, because IS NOT DISTINCT FROM a parameter cannot use an index.
    return [request.account.is_(None) if view.account is None else request.account == view.account]
