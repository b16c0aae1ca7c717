"""Where a team's files are, a folder or a bucket: listing, fetching and putting them.

Belongs here: what backups need of either. Not here: what the files are.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from bondsig_assets.errors import BackupError


class Store(Protocol):
    """Files by their path below one place."""

    def names(self) -> list[str]:
        """Every path, sorted."""

    def fetch(self, name: str, target: Path) -> None:
        """Copy one here. Raises BackupError where it is not there."""

    def put(self, source: Path, name: str) -> None:
        """Copy one there."""


def store_at(place: str) -> Store:
    """The store at `place`, a folder or `s3://bucket/path` with the AWS_* variables set."""
    return _Bucket(place) if "://" in place else _Folder(Path(place))


class _Folder:
    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> list[str]:
        found = (path for path in self._root.rglob("*") if path.is_file())
        return sorted(path.relative_to(self._root).as_posix() for path in found)

    def fetch(self, name: str, target: Path) -> None:
        with _told(str(self._root / name)):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self._root / name, target)

    def put(self, source: Path, name: str) -> None:
        with _told(str(self._root / name)):
            (self._root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, self._root / name)


class _Bucket:
    def __init__(self, place: str) -> None:
        told = urlsplit(place)
        if told.scheme != "s3" or not told.netloc:
            raise BackupError(f"{place} is no bucket that can be backed up: give s3://bucket/path")
        self._bucket, self._prefix = told.netloc, told.path.strip("/")
        self._client = _client()

    def names(self) -> list[str]:
        start = f"{self._prefix}/" if self._prefix else ""
        with _told(f"s3://{self._bucket}/{start}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=start
            )
            return sorted(
                one["Key"][len(start) :] for page in pages for one in page.get("Contents", ())
            )

    def fetch(self, name: str, target: Path) -> None:
        with _told(f"s3://{self._bucket}/{self._key(name)}"):
            target.parent.mkdir(parents=True, exist_ok=True)
            self._client.download_file(self._bucket, self._key(name), str(target))

    def put(self, source: Path, name: str) -> None:
        with _told(f"s3://{self._bucket}/{self._key(name)}"):
            self._client.upload_file(str(source), self._bucket, self._key(name))

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name


def _client() -> Any:
    """A client of S3, from the same variables that DuckDB is given."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=os.environ.get("AWS_ENDPOINT_URL") or None,
        region_name=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"),
        config=Config(connect_timeout=5, read_timeout=60, s3={"addressing_style": "path"})
        if os.environ.get("AWS_ENDPOINT_URL")
        else None,
    )


@contextmanager
def _told(what: str) -> Iterator[None]:
    """The trouble of a disk or a store in one line."""
    try:
        yield
    except OSError as error:
        raise BackupError(f"{what}: {error.strerror or error}") from error
    except Exception as error:  # boto3 is there only where it is used
        if not type(error).__module__.startswith(("botocore", "boto3")):
            raise
        raise BackupError(f"{what}: {' '.join(str(error).split())}") from error
