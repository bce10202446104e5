"""The secret that is made at the first start and kept."""

from pathlib import Path

import pytest

from src.errors import NotStarted
from src.services.delivery.signing import Signer
from src.services.delivery.signing_secrets import FILE_NAME, kept_secret


def test_the_kept_secret_is_made_once_and_is_nobody_elses(tmp_path: Path) -> None:
    secret = kept_secret(tmp_path)

    assert kept_secret(tmp_path) == secret
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o600]
    Signer([secret])


@pytest.mark.parametrize("content", [b"", b"whsec_short", b"\xff\xfe\x00", b"\n\n"])
def test_a_secret_file_without_a_secret_is_told_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(NotStarted) as refused:
        kept_secret(tmp_path)

    assert str(tmp_path / FILE_NAME) in refused.value.detail
    assert (tmp_path / FILE_NAME).read_bytes() == content
