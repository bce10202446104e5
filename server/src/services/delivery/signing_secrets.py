"""The signing secret of the unnamed account that is generated at the first start and stored, if none is configured."""

from pathlib import Path

from src.errors import NotStarted
from src.services.delivery.signing import Signer, new_secret
from src.services.kit import kept_secret as files

FILE_NAME = "webhook_signing_secret"


def kept_secret(folder: Path) -> str:
    """Return the secret stored in a folder, creating it if needed. Concurrently starting processes agree on one.

    Raises:
        NotStarted: the file does not contain a valid secret.
    """
    path = folder / FILE_NAME
    secret = files.kept_secret(path, new_secret)
    try:
        Signer([secret])
    except ValueError:
        raise NotStarted(
            f"{path} contains no signing secret (whsec_…): restore it from a backup, or delete it; then a new one is"
            " generated, which receivers must be given."
        ) from None
    return secret
