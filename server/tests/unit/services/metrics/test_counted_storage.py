"""Which operations of a store failed is counted; what is found out by looking is not."""

import shutil
from collections import Counter
from pathlib import Path
from uuid import UUID

import pytest

from src.services.metrics.counted_storage import CountedStorage
from src.services.report_files.local_folder import LocalFolder
from src.services.report_files.storage import StoredFile

ID = UUID(int=1)


@pytest.fixture
def failures() -> Counter[str]:
    return Counter()


@pytest.fixture
def storage(tmp_path: Path, failures: Counter[str]) -> CountedStorage:
    def failed(operation: str) -> None:
        failures[operation] += 1

    storage = CountedStorage(LocalFolder(tmp_path / "reports"), failed)
    storage.prepare()
    return storage


def test_operations_that_succeed_are_not_counted(storage: CountedStorage, failures: Counter[str]) -> None:
    file = storage.write(ID, "report", [b"a", b"b"])
    report = storage.open(ID, file)
    assert report is not None
    read = b"".join(report.chunks(0, 2))
    report.close()
    storage.delete([ID])

    assert read == b"ab"
    assert storage.open(ID, file) is None  # a report that is not there is no failure
    assert not failures


def test_each_operation_that_fails_is_counted_once_and_still_fails(
    storage: CountedStorage, failures: Counter[str], tmp_path: Path
) -> None:
    storage.write(ID, "report", [b"ab"])
    shutil.rmtree(tmp_path / "reports")
    (tmp_path / "reports").write_bytes(b"")  # no folder any more
    with pytest.raises(OSError, match="Not a directory"):
        storage.write(ID, "report", [b"ab"])
    with pytest.raises(OSError, match="Not a directory"):
        storage.open(ID, StoredFile(2, "0" * 64))
    with pytest.raises(OSError, match="Not a directory"):
        list(storage.stored_ids(10))
    with pytest.raises(OSError, match="Not a directory"):
        storage.delete([ID])

    assert failures == {"write": 1, "read": 1, "list": 1, "delete": 1}
    assert not storage.state().writable
    assert failures.total() == 4


def test_a_report_that_is_cut_off_while_it_is_read_is_counted(
    storage: CountedStorage, failures: Counter[str], tmp_path: Path
) -> None:
    file = storage.write(ID, "report", [b"ab"])
    report = storage.open(ID, file)
    assert report is not None
    for path in (tmp_path / "reports").rglob(f"{ID}*"):
        path.write_bytes(b"")
    with pytest.raises(OSError, match=r"cut off|truncated|short"):
        list(report.chunks(0, 2))
    report.close()

    assert failures == {"read": 1}
