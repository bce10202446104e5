"""Secrets that are generated at the first start and kept in a file."""

import os
from collections.abc import Callable
from pathlib import Path

from src.random_ids import new_hex


def kept_secret(path: Path, generate: Callable[[], str]) -> str:
    """Return what a file holds, creating it (0600) if needed. Concurrently starting processes agree on one.

    Args:
        path: the file.
        generate: makes a new secret: ASCII.

    Raises:
        OSError: the file can be neither created nor read.
    """
    if not path.exists():
        # Not named by the process: containers that share a folder have the same ids.
        unfinished = path.with_name(f"{path.name}.{new_hex(16)}.part")
        descriptor = os.open(unfinished, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(generate())
            file.flush()
            os.fsync(descriptor)  # a crash of the machine must not leave an empty file under the name
        try:
            os.link(unfinished, path)  # unlike a rename, fails if another process was first
        except FileExistsError:
            pass
        finally:
            unfinished.unlink()
    return path.read_bytes().strip().decode("ascii", "replace")
