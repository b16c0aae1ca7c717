"""Keys and certificates of SeaweedFS's inner parts: made anew with every start, for itself alone.

Belongs here: that nobody but the store's own process reaches its master, volumes and filer, on
whatever port. Not here: who may read which bucket (`entry.py`).
"""

from __future__ import annotations

import secrets
from pathlib import Path

from bondsig_assets.serving.certificates import issue
from bondsig_assets.serving.secret_files import write

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
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    issued = issue("store", ("127.0.0.1", "localhost"))
    write(folder / "authority.crt", issued.authority)
    write(folder / "own.crt", issued.certificate)
    write(folder / "own.key", issued.key)
