"""Whose certificates receivers may show: the public authorities', this machine's, and a company's own."""

import os
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import certifi


@dataclass(frozen=True, slots=True)
class OwnAuthorities:
    """Authorities that the operator trusts beside the others, as the settings name them.

    Args:
        file: certificates in PEM, one or more.
        folders: folders with such files, separated as in PATH; whatever the files are called.
    """

    file: str = ""
    folders: str = ""

    def add_to(self, context: ssl.SSLContext) -> None:
        """Trust them.

        OpenSSL's own reading of a folder is no help: it passes over files that are not named by a hash, silently.

        Raises:
            ValueError: one cannot be read or holds no certificate; a sentence without a full stop.
        """
        if self.file and not _add(context, "SSL_CERT_FILE", Path(self.file)):
            raise ValueError(f"SSL_CERT_FILE: {self.file} holds no certificate in PEM, or a broken one")
        for folder in filter(None, self.folders.split(os.pathsep)):
            # Beside certificates a folder may hold other things, such as their keys.
            if sum(_add(context, "SSL_CERT_DIR", file) for file in _files(Path(folder))) == 0:
                raise ValueError(f"SSL_CERT_DIR: {folder} holds no certificate in PEM")


def tls_context(own: OwnAuthorities | None = None) -> ssl.SSLContext:
    """Make the TLS settings of all callbacks: TLS 1.2 at least, and a certificate of an authority that is trusted.

    Raises:
        ValueError: one of our own authorities cannot be read.
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
    """Trust what a file holds; tells whether it holds certificates."""
    try:
        context.load_verify_locations(cadata=file.read_text("ascii", errors="ignore"))
    except OSError as error:  # an SSLError is one as well
        if isinstance(error, ssl.SSLError):
            return False
        raise ValueError(f"{setting}: {file} cannot be read: {error.strerror}") from None
    except ValueError:
        return False
    return True


def _files(folder: Path) -> Iterator[Path]:
    try:
        files = sorted({file.resolve() for file in folder.iterdir()})  # once, though linked to under its hash as well
        yield from (file for file in files if file.is_file() and os.access(file, os.R_OK))
    except OSError as error:
        raise ValueError(f"SSL_CERT_DIR: {folder} cannot be read: {error.strerror}") from None
