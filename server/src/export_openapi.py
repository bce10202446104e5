"""Print the OpenAPI document, without starting anything: `python -m src.export_openapi > openapi.json`."""

import json
import sys

from src.app import create_app
from src.config import Settings


def main() -> None:
    """Print the document with every route, under the default settings."""
    document = create_app(Settings(_env_file=None)).openapi()
    json.dump(document, sys.stdout, indent=2, sort_keys=True)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
