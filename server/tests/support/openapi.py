"""The OpenAPI document of a server that is not running."""

from functools import cache
from typing import Any

from src.app import create_app
from src.config import Settings


@cache
def document(**settings: Any) -> dict[str, Any]:
    """Return the document for these settings, which takes a second to write; not to be changed."""
    return create_app(Settings(_env_file=None, **settings)).openapi()
