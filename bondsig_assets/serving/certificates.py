"""Certificates by which parts of one team know each other: an authority signs one and is forgotten.

Belongs here: making them, and when they end. Not here: who holds them (`secret_files.py`,
`store_guard.py`), and the proxy's, which is for people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate, CertificateBuilder, GeneralName, KeyUsage

_DAYS = 3650


@dataclass(frozen=True)
class Issued:
    """An authority's certificate, one that it signed, and the key of the latter, all PEM."""

    authority: str
    certificate: str
    key: str = field(repr=False)


def issue(whose: str, names: Sequence[str]) -> Issued:
    """A certificate for ten years, for servers and clients at `names` (hosts and addresses).

    The authority's own key is gone with this call: nobody can sign a second one.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    signing, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    # Python from 3.13 on refuses a certificate that does not say who signed it, and an authority
    # that does not say that it signs.
    signs = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key())
    authority = (
        _begun(f"{whose} authority", f"{whose} authority", signing)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(signing, hashes.SHA256())
    )
    certificate = (
        _begun(whose, f"{whose} authority", own)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
            ),
            critical=False,
        )
        .add_extension(signs, critical=False)
        .add_extension(
            x509.SubjectAlternativeName([_named(name) for name in names]), critical=False
        )
        .sign(signing, hashes.SHA256())
    )
    return Issued(_pem(authority), _pem(certificate), _key_pem(own))


def ends_at(certificate: str) -> datetime:
    """When a PEM certificate ends, UTC. Raises ValueError for what is none."""
    from cryptography import x509

    return x509.load_pem_x509_certificate(certificate.encode()).not_valid_after_utc


def _begun(whose: str, signed_by: str, key: EllipticCurvePrivateKey) -> CertificateBuilder:
    from cryptography import x509

    now = datetime.now(UTC)
    subject, issuer = (
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, one)]) for one in (whose, signed_by)
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # Clocks of machines differ.
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(**used: bool) -> KeyUsage:
    from cryptography import x509

    names = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
        *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**{**dict.fromkeys(names, False), **used})


def _named(name: str) -> GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: Certificate) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM).decode()


def _key_pem(key: EllipticCurvePrivateKey) -> str:
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
