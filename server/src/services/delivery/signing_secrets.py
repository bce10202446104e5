"""The signing secret that is generated at the first start and stored, if none is configured."""

import os
from pathlib import Path

from src.errors import NotStarted
from src.services.delivery.signing import Signer, new_secret

FILE_NAME = "webhook_signing_secret"


def kept_secret(folder: Path) -> str:
    """Return the secret stored in a folder, creating it if needed. Concurrently starting processes agree on one.

    Raises:
        NotStarted: the file does not contain a valid secret.
    """
    path = folder / FILE_NAME
    if not path.exists():
        unfinished = folder / f"{FILE_NAME}.{os.getpid()}.part"
        descriptor = os.open(unfinished, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(new_secret())
            file.flush()
            os.fsync(descriptor)  # a crash of the machine must not leave an empty file under the name
        try:
            os.link(unfinished, path)  # unlike a rename, fails if another process was first
        except FileExistsError:
            pass
        finally:
            unfinished.unlink()
    secret = path.read_bytes().strip().decode("ascii", "replace")
    try:
        Signer([secret])
    except ValueError:
        raise NotStarted(
            f"{path} contains no signing secret (whsec_…): restore it from a backup, or delete it; then a new one is"
            " generated, which receivers must be given."
        ) from None
    return secret
