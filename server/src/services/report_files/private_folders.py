"""Private folders (0700): reports and secrets are only accessible to the server's user."""

import os
import stat
from pathlib import Path

#: Entries of a DATA_DIR that this service has used before.
KNOWN_CONTENTS = ("reports", "postgres", "webhook_signing_secret", "secrets_key")


def make_data_folder(folder: Path) -> None:
    """Create DATA_DIR (0700), or restrict an existing one if it is owned by this user and empty or used by us before.

    Any other folder, such as `/tmp` or a home directory, is left unchanged. As root, an existing `o+x` is kept:
    PostgreSQL then runs as another user and has to traverse the folder to reach its own.

    Raises:
        OSError: the folder can be neither created nor used.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.scandir(folder) as entries:
        is_ours = all(entry.name in KNOWN_CONTENTS for entry in entries) or (folder / KNOWN_CONTENTS[0]).is_dir()
    if is_ours:
        _close(folder, keep=stat.S_IRWXU | (stat.S_IXOTH if os.geteuid() == 0 else 0))


def make_private(folder: Path) -> None:
    """Create a folder (0700), or restrict an existing one if it is owned by this user.

    Raises:
        OSError: the folder can be neither created nor used.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _close(folder, keep=stat.S_IRWXU)


def _close(folder: Path, keep: int) -> None:
    found = folder.stat()
    mode = stat.S_IMODE(found.st_mode)
    # A shared folder has the sticky bit; the permissions of a folder owned by another user are not ours to change.
    if found.st_uid == os.geteuid() and not mode & stat.S_ISVTX and mode & ~keep & 0o777:
        folder.chmod(mode & ~0o777 | mode & keep)
