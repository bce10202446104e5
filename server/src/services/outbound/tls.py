"""The certificate authorities trusted for receivers: the public ones, this machine's, and a company's own."""

import os
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import certifi


@dataclass(frozen=True, slots=True)
class OwnAuthorities:
    """Additional certificate authorities from the settings.

    Args:
        file: a PEM file with one or more certificates.
        folders: folders of such files, separated as in PATH, with any file names.
    """

    file: str = ""
    folders: str = ""

    def add_to(self, context: ssl.SSLContext) -> None:
        """Add them to a context.

        OpenSSL's own loading of folders is not used, because it silently skips files not named by their hash.

        Raises:
            ValueError: a file cannot be read or contains no certificate; a sentence without a full stop.
        """
        if self.file and not _add(context, "SSL_CERT_FILE", Path(self.file)):
            raise ValueError(f"SSL_CERT_FILE: {self.file} holds no certificate in PEM, or a broken one")
        for folder in filter(None, self.folders.split(os.pathsep)):
            # A folder may also contain other files, such as keys.
            if sum(_add(context, "SSL_CERT_DIR", file) for file in _files(Path(folder))) == 0:
                raise ValueError(f"SSL_CERT_DIR: {folder} holds no certificate in PEM")


def tls_context(own: OwnAuthorities | None = None) -> ssl.SSLContext:
    """Create the TLS context of all callbacks: TLS 1.2 or newer, with verified certificates.

    Raises:
        ValueError: one of the additional authorities cannot be read.
    """
    context = ssl.create_default_context(cafile=certifi.where())
    machine = ssl.get_default_verify_paths()
    if Path(machine.openssl_cafile).is_file():
        context.load_verify_locations(cafile=machine.openssl_cafile)
    if Path(machine.openssl_capath).is_dir():
        context.load_verify_locations(capath=machine.openssl_capath)
    (own or OwnAuthorities()).add_to(context)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _add(context: ssl.SSLContext, setting: str, file: Path) -> bool:
    """Add the certificates of a file; returns whether it contains any."""
    try:
        context.load_verify_locations(cadata=file.read_text("ascii", errors="ignore"))
    except OSError as error:  # including SSLError
        if isinstance(error, ssl.SSLError):
            return False
        raise ValueError(f"{setting}: {file} cannot be read: {error.strerror}") from None
    except ValueError:
        return False
    return True


def _files(folder: Path) -> Iterator[Path]:
    try:
        files = sorted({file.resolve() for file in folder.iterdir()})  # each once, even with a hash link to it
        yield from (file for file in files if file.is_file() and os.access(file, os.R_OK))
    except OSError as error:
        raise ValueError(f"SSL_CERT_DIR: {folder} cannot be read: {error.strerror}") from None
