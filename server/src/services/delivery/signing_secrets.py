"""The secrets that sign callbacks: those that are set, or one made at the first start and kept."""

import os
from pathlib import Path

from src.errors import NotStarted
from src.services.delivery.signing import Signer, new_secret

FILE_NAME = "webhook_signing_secret"


def kept_secret(folder: Path) -> str:
    """Read the secret stored in a folder, or create it. Processes that start at the same time agree on one.

    Raises:
        NotStarted: the file holds no secret.
    """
    path = folder / FILE_NAME
    if not path.exists():
        unfinished = folder / f"{FILE_NAME}.{os.getpid()}.part"
        descriptor = os.open(unfinished, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(new_secret())
            file.flush()
            os.fsync(descriptor)  # a crash of the machine must not leave a name without a secret
        try:
            os.link(unfinished, path)  # fails when another process was first, unlike a rename
        except FileExistsError:
            pass
        finally:
            unfinished.unlink()
    secret = path.read_bytes().strip().decode("ascii", "replace")
    try:
        Signer([secret])
    except ValueError:
        raise NotStarted(
            f"{path} holds no signing secret (whsec_…): restore it from a backup, or delete it; then a new one is made,"
            " which receivers have to be told."
        ) from None
    return secret
