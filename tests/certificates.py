"""Certificates for one test: an authority, a server on loopback, a client."""

import ipaddress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from civicrec.clock import utc_now


@dataclass(frozen=True)
class Certificates:
    """Paths of PEM files; each key stands in a file of its own."""

    authority: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path


def made_certificates(folder: Path, host: str = "127.0.0.1") -> Certificates:
    """Write an authority and what it signed, valid for an hour."""
    pytest.importorskip("cryptography", reason="certificates are made with the package cryptography")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    folder.mkdir(parents=True, exist_ok=True)
    now = utc_now()
    root_key = ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "civicrec test authority")])

    def signed(name: x509.Name, key: ec.EllipticCurvePrivateKey, *, is_root: bool = False) -> x509.Certificate:
        return (
            x509.CertificateBuilder()
            .subject_name(name).issuer_name(root_name).public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
            .sign(root_key, hashes.SHA256())
        )  # fmt: skip

    def write(name: str, content: bytes) -> Path:
        path = folder / name
        path.write_bytes(content)
        path.chmod(0o600)
        return path

    def pair(name: str) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        pem = serialization.Encoding.PEM
        plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return write(f"{name}.pem", signed(subject, key).public_bytes(pem)), write(f"{name}.key", plain)

    root = signed(root_name, root_key, is_root=True).public_bytes(serialization.Encoding.PEM)
    return Certificates(write("authority.pem", root), *pair("server"), *pair("client"))
