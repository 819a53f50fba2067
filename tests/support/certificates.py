"""A private authority and server certificates made by the openssl program, fresh for each run."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Authority:
    """A folder with `ca.pem` and what it signed."""

    folder: Path

    @property
    def file(self) -> str:
        return str(self.folder / "ca.pem")

    def server(self, names: str, *, days: int = 2) -> ssl.SSLContext:
        """Return a server's context with a certificate for names such as `IP:127.0.0.1,DNS:localhost`."""
        stem = self.folder / f"server-{len(list(self.folder.glob('server-*.key')))}"
        request, key, cert = stem.with_suffix(".csr"), stem.with_suffix(".key"), stem.with_suffix(".pem")
        extensions = stem.with_suffix(".ext")
        extensions.write_text(f"subjectAltName={names}\nbasicConstraints=CA:FALSE\n")
        _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=server",
                 "-keyout", str(key), "-out", str(request))  # fmt: skip
        _openssl("x509", "-req", "-in", str(request), "-CA", self.file, "-CAkey", str(self.folder / "ca.key"),
                 "-CAcreateserial", "-days", str(days), "-extfile", str(extensions), "-out", str(cert))  # fmt: skip
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        return context


def new_authority(folder: Path) -> Authority:
    """Make an authority in an empty folder."""
    folder.mkdir(parents=True, exist_ok=True)
    _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=tipstaff test authority", "-addext", "basicConstraints=critical,CA:TRUE",
             "-addext", "keyUsage=critical,keyCertSign,cRLSign",
             "-keyout", str(folder / "ca.key"), "-out", str(folder / "ca.pem"))  # fmt: skip
    return Authority(folder)


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=30)
