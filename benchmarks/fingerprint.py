"""What a home holds, as one hash a table: `python -m benchmarks.fingerprint HOME [HOME]`.

Belongs here: telling whether two homes hold the same rows, bit for bit. Not here: what the rows
mean. Rows are taken in key order, without the columns that name the run rather than what it found
(`mlflow_*`, `snapshot_id`, `registry_version`). With two homes the tables that differ are marked
and the exit status is 1.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import polars as pl

from bondsig_assets.tables import TABLES
from bondsig_assets.warehouse import Warehouse

Fingerprint = dict[str, tuple[int, str]]


def fingerprint(home: Path) -> Fingerprint:
    """Table → rows and hash of every table of the warehouse under `home`."""
    warehouse = Warehouse(home)
    return {name: _of_table(warehouse, name) for name in TABLES}


def _of_table(warehouse: Warehouse, name: str) -> tuple[int, str]:
    columns = [
        column
        for column in TABLES[name].column_names
        if not column.startswith("mlflow_") and column not in ("snapshot_id", "registry_version")
    ]
    frame = warehouse.read_table(name, columns=columns)
    hashed = hashlib.sha256()
    for column in frame:
        hashed.update(column.name.encode())
        _add(hashed, column)
    return frame.height, hashed.hexdigest()[:16]


def _add(hashed: hashlib._Hash, column: pl.Series) -> None:
    hashed.update(column.is_null().to_numpy().tobytes())
    if isinstance(column.dtype, pl.List):
        hashed.update(column.list.len().fill_null(0).to_numpy().tobytes())
        _add(hashed, column.explode())
    elif column.dtype == pl.String:
        texts = column.fill_null("")
        hashed.update(texts.str.len_bytes().to_numpy().tobytes())
        hashed.update(texts.str.join("").item().encode() if texts.len() else b"")
    elif column.dtype == pl.Boolean:
        hashed.update(column.fill_null(False).to_numpy().tobytes())
    else:
        hashed.update(np.ascontiguousarray(column.to_physical().fill_null(0).to_numpy()).tobytes())


def main() -> int:
    """Print one home's fingerprint, or two side by side."""
    found = [fingerprint(Path(path).absolute()) for path in sys.argv[1:]]
    if len(found) not in (1, 2):
        print(__doc__)
        return 2
    differing = 0
    for name, (rows, first) in found[0].items():
        same = all(other[name] == (rows, first) for other in found[1:])
        differing += not same
        print(f"{name:28} {rows:>12,}  {first}{'' if same else '  DIFFERS'}")
    whole = hashlib.sha256(repr(sorted(found[0].items())).encode()).hexdigest()[:16]
    print(f"{'all':28} {'':12}  {whole}" + (f"  {differing} differ" if differing else ""))
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
