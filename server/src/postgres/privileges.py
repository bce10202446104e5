"""The user PostgreSQL runs as and its file permissions, when we are root, as in a container: it refuses to be root."""

import logging
import os
import pwd
import stat
import subprocess
from pathlib import Path

from src.errors import DatabaseAway

logger = logging.getLogger(__name__)

#: Runs PostgreSQL where we are root.
SYSTEM_USER = "pgserver"


def choose_user(data_folder: Path, me: int) -> tuple[int, int] | None:
    """Choose the user PostgreSQL runs as, who must own the data folder.

    Args:
        data_folder: may not exist yet.
        me: the id of the current user.

    Returns:
        User and group id if we are root, otherwise None: it runs as the current user.

    Raises:
        DatabaseAway: the data folder belongs to another user.
    """
    found = data_folder.stat() if data_folder.exists() else None
    if me != 0:
        if found is not None and found.st_uid != me:
            raise DatabaseAway(
                f"The database in DATA_DIR belongs to the user {_user_name(found.st_uid)}, not to"
                f" {_user_name(me)}: start as the user who created it, or choose another DATA_DIR."
            )
        return None
    if found is not None and found.st_uid != 0:
        return found.st_uid, found.st_gid
    user = _system_user()
    if found is not None:  # a copy created by root
        _chown_tree(data_folder, user.pw_uid, user.pw_gid)
    return user.pw_uid, user.pw_gid


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _system_user() -> pwd.struct_passwd:
    """Look up the system user, and create it if it is missing. We are root."""
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        logger.info("Creating the system user %s: PostgreSQL does not run as root …", SYSTEM_USER)
    try:
        subprocess.run(  # noqa: S603 - fixed arguments # nosec B603 B607
            ["useradd", "--system", SYSTEM_USER],  # noqa: S607 - its path differs between systems
            check=False,
            capture_output=True,
        )
        # Looked up even if useradd failed: another process may have created it first.
        return pwd.getpwnam(SYSTEM_USER)
    except (KeyError, OSError) as error:
        raise DatabaseAway(
            f"PostgreSQL does not run as root and the user {SYSTEM_USER} could not be created:"
            " start as an ordinary user, or set DATABASE_URL."
        ) from error


def _chown_tree(top: Path, uid: int, gid: int) -> None:
    for folder, _, files in os.walk(top):
        for name in (".", *files):
            os.chown(Path(folder, name), uid, gid, follow_symlinks=False)


def grant_access(uid: int, folder: Path, programs: Path, package: str) -> None:
    """Let a user traverse to its data and to the programs, without permission to list the folders above them."""
    for path in {folder, programs, *folder.parents, *programs.parents}:
        _add_permission(path, stat.S_IXOTH, uid)
    if (programs / "postgres").stat().st_mode & stat.S_IROTH:
        return
    # Installed under a strict umask: the user could traverse the folders, but not read the files.
    for top in (programs.parent, programs.parents[2] / f"{package}.libs"):
        for path in (top, *top.rglob("*")):
            execute = stat.S_IXOTH if path.stat().st_mode & stat.S_IXUSR else 0
            _add_permission(path, stat.S_IROTH | execute, uid)


def _add_permission(path: Path, permission: int, uid: int) -> None:
    found = path.stat()
    if found.st_uid != uid and found.st_mode & permission != permission:
        path.chmod(stat.S_IMODE(found.st_mode) | permission)
