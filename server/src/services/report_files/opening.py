"""Creates the report storage that the settings name."""

from pathlib import Path

from src.errors import NotStarted
from src.services.report_files.fallback import FallbackStorage
from src.services.report_files.local_folder import LocalFolder
from src.services.report_files.storage import ReportStorage
from src.storage_url import Bucket, Folder, read_storage_url


def make_storage(url: str, folder: Path, access: dict[str, str], *, fallback_url: str = "") -> ReportStorage:
    """Create the storage that a URL names, without accessing it; call `prepare` for that.

    Args:
        url: a validated `STORAGE_URL`; if empty, `folder` is used.
        folder: where reports are kept without a URL.
        access: the fields of `S3Access`.
        fallback_url: a validated `STORAGE_FALLBACK_URL`; if empty, there is no fallback.

    Raises:
        NotStarted: the URL names a bucket, but the package for it is not installed.
    """
    if fallback_url:
        return FallbackStorage(make_storage(url, folder, access), make_storage(fallback_url, folder, access))
    place = read_storage_url(url) if url else Folder(folder)
    if isinstance(place, Folder):
        return LocalFolder(place.path)
    return _object_store(place, access)


def _object_store(bucket: Bucket, access: dict[str, str]) -> ReportStorage:
    try:
        from src.services.report_files.object_store import (  # noqa: PLC0415  megabytes that others do not need
            ObjectStore,
            S3Access,
        )
    except ModuleNotFoundError as error:
        raise NotStarted("STORAGE_URL: s3:// needs the package obstore: install the extra named s3.") from error
    return ObjectStore(bucket, S3Access(**access))
