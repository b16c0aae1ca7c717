"""Keys and certificates of SeaweedFS's inner parts: made anew with every start, for itself alone.

Belongs here: that nobody but the store's own process reaches its master, volumes and filer, on
whatever port. Not here: who may read which bucket (`entry.py`).
"""

from __future__ import annotations

import ipaddress
import os
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

#: A store that runs for longer is started again by then.
_DAYS = 3650
_PARTS = ("master", "volume", "filer", "s3", "client")


def variables(folder: Path) -> dict[str, str]:
    """SeaweedFS's settings: each part asks every other, over gRPC and HTTP, for the certificate
    that `make` puts into `folder`, and for tokens.
    """
    key, certificate, authority = (
        str(folder / name) for name in ("own.key", "own.crt", "authority.crt")
    )
    told = {"WEED_GRPC_CA": authority, "WEED_HTTPS_CLIENT_ENABLED": "true"}
    for part in _PARTS:
        told |= {f"WEED_GRPC_{part.upper()}_CERT": certificate}
        told |= {f"WEED_GRPC_{part.upper()}_KEY": key}
    for part in ("master", "volume", "filer", "client"):
        told |= {f"WEED_HTTPS_{part.upper()}_CERT": certificate}
        told |= {f"WEED_HTTPS_{part.upper()}_KEY": key}
        told |= {f"WEED_HTTPS_{part.upper()}_CA": authority}
    signing = secrets.token_hex(32)
    for name in ("SIGNING", "SIGNING_READ", "FILER_SIGNING", "FILER_SIGNING_READ"):
        told |= {f"WEED_JWT_{name}_KEY": signing}
    return told


def make(folder: Path) -> None:
    """An authority that signs one certificate and is forgotten."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    now = datetime.now(UTC)

    def name(common: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])

    def begun(common: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name(common))
            .issuer_name(name("store authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=_DAYS))
            .add_extension(
                x509.BasicConstraints(ca=common == "store authority", path_length=None), True
            )
        )

    signing, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = begun("store authority", signing).sign(signing, hashes.SHA256())
    places = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
    usage = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    certificate = (
        begun("store", own)
        .add_extension(x509.SubjectAlternativeName(places), False)
        .add_extension(x509.ExtendedKeyUsage(usage), False)
        .sign(signing, hashes.SHA256())
    )
    _write_all(folder, authority, certificate, own)


def _write_all(folder: Path, authority: object, certificate: object, key: object) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    assert isinstance(authority, x509.Certificate) and isinstance(certificate, x509.Certificate)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    held = {
        "authority.crt": authority.public_bytes(Encoding.PEM),
        "own.crt": certificate.public_bytes(Encoding.PEM),
        "own.key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    }
    for name, text in held.items():
        (folder / name).unlink(missing_ok=True)
        with os.fdopen(
            os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
        ) as file:
            file.write(text)
