"""The OpenAPI document of a server without settings."""

from functools import cache
from typing import Any

from src.app import create_app
from src.config import Settings


@cache
def document() -> dict[str, Any]:
    """Return the document, which takes a second to write; not to be changed."""
    return create_app(Settings(_env_file=None)).openapi()
