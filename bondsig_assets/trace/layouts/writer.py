"""Texts of reports kept as Parquet in a scratch folder, so that they are read lazily afterwards.

Belongs here: writing frames of reports piece by piece. Not here: what is in them.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from bondsig_assets.trace.reports import REPORT_SCHEMA

#: Rows gathered before they are written: small days of a year share a row group.
GROUP_ROWS = 250_000


class Writer:
    """One Parquet file of reports, written in row groups; memory holds one group. A context
    manager.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held: list[pl.DataFrame] = []
        self._n_held = 0
        self._schema = _arrow(pl.DataFrame(schema=REPORT_SCHEMA)).schema
        self._file = pq.ParquetWriter(path, self._schema, compression="lz4")

    def add(self, frame: pl.DataFrame) -> None:
        """Appends a frame of REPORT_SCHEMA."""
        self._held.append(frame)
        self._n_held += frame.height
        if self._n_held >= GROUP_ROWS:
            self._flush()

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._flush()
        self._file.close()

    def _flush(self) -> None:
        if self._held:
            self._file.write_table(_arrow(pl.concat(self._held)))
        self._held, self._n_held = [], 0


def _arrow(frame: pl.DataFrame) -> pa.Table:
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())
