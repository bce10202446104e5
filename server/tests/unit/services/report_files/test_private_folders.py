"""Nobody but the server's user reads reports: neither those that are made now, nor in a folder that was open before."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from src.services.report_files.local_folder import LocalFolder
from src.services.report_files.private_folders import make_data_folder

#: As root PostgreSQL's user may have to pass through.
PASSAGE = stat.S_IXOTH if os.geteuid() == 0 else 0


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o022, 0o000], ids=["umask 022", "umask 000"])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_folders_and_reports_are_made_for_their_owner_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    make_data_folder(data)
    storage = LocalFolder(data / "reports")
    storage.prepare()
    request_id = uuid4()
    storage.write(request_id, "Annual", [b"a\r\n"])

    assert mode(data) == mode(data / "reports") == 0o700
    assert mode(data / "reports" / f"{request_id}.csv") == 0o600


def test_folders_that_were_open_are_closed(tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    reports.mkdir(mode=0o755)
    tmp_path.chmod(0o755)
    make_data_folder(tmp_path)
    LocalFolder(reports).prepare()

    assert mode(tmp_path) == 0o700 | PASSAGE
    assert mode(reports) == 0o700


@pytest.mark.parametrize(("contents", "before"), [("notes.txt", 0o755), ("", 0o1777)])
def test_a_folder_of_others_is_left_as_it_is(tmp_path: Path, contents: str, before: int) -> None:
    if contents:
        (tmp_path / contents).touch()
    tmp_path.chmod(before)
    make_data_folder(tmp_path)

    assert mode(tmp_path) == before
