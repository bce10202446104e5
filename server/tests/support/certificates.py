"""Certificates of an authority that only tests trust."""

import shutil
import ssl
import subprocess
from pathlib import Path


def make_certificates(folder: Path) -> Path:
    """Create `ca.pem` and a signed `a.test.pem` with its key, using openssl; returns the folder."""
    assert shutil.which("openssl"), "install the openssl program: it makes the certificates of these tests"

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new_key = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650")
    openssl(
        *new_key,
        *("-x509", "-subj", "/CN=Test CA", "-keyout", "ca.key", "-out", "ca.pem"),
        *("-addext", "keyUsage=critical,keyCertSign"),
    )
    (folder / "a.ext").write_text(
        "subjectAltName=DNS:a.test,IP:::1\nbasicConstraints=critical,CA:false\nkeyUsage=critical,digitalSignature\n"
        "extendedKeyUsage=serverAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
    )
    openssl(*new_key[:-2], "-subj", "/CN=a.test", "-keyout", "a.key", "-out", "a.csr")
    openssl(
        *("x509", "-req", "-in", "a.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "3650"),
        *("-extfile", "a.ext", "-out", "a.crt"),
    )
    (folder / "a.test.pem").write_bytes((folder / "a.key").read_bytes() + (folder / "a.crt").read_bytes())
    return folder


def server_context(folder: Path) -> ssl.SSLContext:
    """The TLS settings of a receiver with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "a.test.pem")
    return context
