"""Folders that only the server's user may look into: reports and secrets are nobody else's."""

import os
import stat
from pathlib import Path

#: What lies in a DATA_DIR that this service has used before.
KNOWN_CONTENTS = ("reports", "postgres", "webhook_signing_secret")


def make_data_folder(folder: Path) -> None:
    """Create DATA_DIR (0700), or restrict an existing one if it is owned by this user and empty or used by us before.

    A folder that is anything else, such as `/tmp` or a home, is left as it is. As root, passage (`o+x`) that was given
    stays: PostgreSQL runs as another user then, and its folder is further in.

    Raises:
        OSError: it can be neither made nor used.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.scandir(folder) as entries:
        is_ours = all(entry.name in KNOWN_CONTENTS for entry in entries) or (folder / KNOWN_CONTENTS[0]).is_dir()
    if is_ours:
        _close(folder, keep=stat.S_IRWXU | (stat.S_IXOTH if os.geteuid() == 0 else 0))


def make_private(folder: Path) -> None:
    """Make a folder (0700), or close it if it is this user's.

    Raises:
        OSError: it can be neither made nor used.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _close(folder, keep=stat.S_IRWXU)


def _close(folder: Path, keep: int) -> None:
    found = folder.stat()
    mode = stat.S_IMODE(found.st_mode)
    # Shared folders have the sticky bit; one that root keeps for us is root's to close.
    if found.st_uid == os.geteuid() and not mode & stat.S_ISVTX and mode & ~keep & 0o777:
        folder.chmod(mode & ~0o777 | mode & keep)
