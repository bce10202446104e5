"""The certificate authorities trusted for receivers: the public ones, this machine's, and a company's own."""

import os
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import certifi

#: One that is cut off is found as well, for OpenSSL to refuse.
_CERTIFICATE = re.compile(
    r"-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----.*?(?:-----END \1-----|(?=-----BEGIN )|\Z)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class OwnAuthorities:
    """Additional certificate authorities from the settings.

    Args:
        file: a PEM file with one or more certificates.
        folders: folders of such files, separated as in PATH, with any file names.
    """

    file: str = ""
    folders: str = ""

    def add_to(self, context: ssl.SSLContext, added: set[str]) -> None:
        """Add them to a context, apart from those that were added before, and to `added`.

        OpenSSL's own loading of folders is not used, because it silently skips files not named by their hash.

        Raises:
            ValueError: a file cannot be read or contains no certificate; a sentence without a full stop.
        """
        if self.file and not _add(context, "SSL_CERT_FILE", Path(self.file), added):
            raise ValueError(f"SSL_CERT_FILE: {self.file} holds no certificate in PEM, or a broken one")
        for folder in filter(None, self.folders.split(os.pathsep)):
            # A folder may also contain other files, such as keys.
            if sum(_add(context, "SSL_CERT_DIR", file, added) for file in _files(Path(folder))) == 0:
                raise ValueError(f"SSL_CERT_DIR: {folder} holds no certificate in PEM")


def tls_context(own: OwnAuthorities | None = None) -> ssl.SSLContext:
    """Create the TLS context of all callbacks: TLS 1.2 or newer, with verified certificates.

    Raises:
        ValueError: one of the additional authorities cannot be read.
    """
    context = ssl.create_default_context(cafile=certifi.where())
    machine = ssl.get_default_verify_paths()
    # Many places hold the same certificates, and folders each on its own beside one file with all: OpenSSL takes
    # longer to read one than we to see that it is known.
    added = set(_certificates(Path(certifi.where())))
    if Path(machine.openssl_cafile).is_file():
        context.load_verify_locations(cafile=machine.openssl_cafile)
        added.update(_certificates(Path(machine.openssl_cafile)))
    if Path(machine.openssl_capath).is_dir():
        context.load_verify_locations(capath=machine.openssl_capath)
    (own or OwnAuthorities()).add_to(context, added)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _add(context: ssl.SSLContext, setting: str, file: Path, added: set[str]) -> bool:
    """Add the certificates of a file that were not added before; returns whether it contains any."""
    try:
        certificates = _certificates(file)
    except OSError as error:
        raise ValueError(f"{setting}: {file} cannot be read: {error.strerror}") from None
    new = [one for one in certificates if one not in added]
    try:
        if new:
            context.load_verify_locations(cadata="\n".join(new))
    except (ssl.SSLError, ValueError):
        return False
    added.update(new)
    return bool(certificates)


def _certificates(file: Path) -> list[str]:
    return [found[0] for found in _CERTIFICATE.finditer(file.read_text("ascii", errors="ignore"))]


def _files(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            named = sorted(entries, key=lambda entry: entry.name)
        found = {(entry.stat().st_dev, entry.stat().st_ino): entry for entry in reversed(named) if entry.is_file()}
    except OSError as error:
        raise ValueError(f"SSL_CERT_DIR: {folder} cannot be read: {error.strerror}") from None
    # Each file once, even with a link to it that is named by its hash.
    yield from (Path(entry.path) for entry in reversed(found.values()) if os.access(entry.path, os.R_OK))
