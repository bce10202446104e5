"""Who PostgreSQL runs as, and what that user may reach: it refuses to run as root, who starts it in a container."""

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


def who_runs(data_folder: Path, me: int) -> tuple[int, int] | None:
    """Choose the user for PostgreSQL, who must own the data folder.

    Args:
        data_folder: need not be there yet.
        me: who we are.

    Returns:
        User and group id to run as when we are root, else None: we run it ourselves.

    Raises:
        DatabaseAway: the data folder belongs to somebody else.
    """
    found = data_folder.stat() if data_folder.exists() else None
    if me != 0:
        if found is not None and found.st_uid != me:
            raise DatabaseAway(
                f"The database in DATA_DIR belongs to the user {_user_name(found.st_uid)} and this is"
                f" {_user_name(me)}: start as the user who made it, or choose another DATA_DIR."
            )
        return None
    if found is not None and found.st_uid != 0:
        return found.st_uid, found.st_gid
    user = _system_user()
    if found is not None:  # a copy made by root
        _chown_tree(data_folder, user.pw_uid, user.pw_gid)
    return user.pw_uid, user.pw_gid


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _system_user() -> pwd.struct_passwd:
    """Look the system user up; make it when it is missing. We are root."""
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        logger.info("Creating the system user %s: PostgreSQL does not run as root …", SYSTEM_USER)
    try:
        subprocess.run(  # noqa: S603 - fixed arguments # nosec B603 B607
            ["useradd", "--system", SYSTEM_USER],  # noqa: S607 - its place differs between systems
            check=False,
            capture_output=True,
        )
        # Asked whatever useradd said: another process may have been faster.
        return pwd.getpwnam(SYSTEM_USER)
    except (KeyError, OSError) as error:
        raise DatabaseAway(
            f"PostgreSQL does not run as root and the user {SYSTEM_USER} could not be made:"
            " start as an ordinary user, or set DATABASE_URL."
        ) from error


def _chown_tree(top: Path, uid: int, gid: int) -> None:
    for folder, _, files in os.walk(top):
        for name in (".", *files):
            os.chown(Path(folder, name), uid, gid, follow_symlinks=False)


def open_for(uid: int, folder: Path, programs: Path, package: str) -> None:
    """Let a user pass through to its data and to the programs; on the way it gets no right to read."""
    for path in {folder, programs, *folder.parents, *programs.parents}:
        _permit(path, stat.S_IXOTH, uid)
    if (programs / "postgres").stat().st_mode & stat.S_IROTH:
        return
    # Installed under a strict umask: the user could pass, and still read nothing.
    for top in (programs.parent, programs.parents[2] / f"{package}.libs"):
        for path in (top, *top.rglob("*")):
            may_run = stat.S_IXOTH if path.stat().st_mode & stat.S_IXUSR else 0
            _permit(path, stat.S_IROTH | may_run, uid)


def _permit(path: Path, permission: int, uid: int) -> None:
    found = path.stat()
    if found.st_uid != uid and found.st_mode & permission != permission:
        path.chmod(stat.S_IMODE(found.st_mode) | permission)
