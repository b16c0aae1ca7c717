"""The waterfall: how many rows stand at each stage, from reports to scores.

Belongs here: the queries and the counting. Not here: how it is printed or drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import polars as pl


class Read(Protocol):
    """A question to the warehouse."""

    def __call__(self, sql: str, parameters: Sequence[Any] = ()) -> pl.DataFrame:
        """Its answer."""


def waterfall(read: Read) -> pl.DataFrame:
    """Stages in order: `stage`, `rows`, `share` of reports (null below bond days).

    Reports in = reports rejected by reason + trades ended later + trades that stand.
    """
    total = read("SELECT count(*)::BIGINT AS n FROM trace_reports")["n"][0]
    reasons = read(
        "SELECT reason, count(*)::BIGINT AS n FROM rejected_reports GROUP BY reason ORDER BY n"
        " DESC, reason"
    ).rows()
    standing = read("SELECT count(*)::BIGINT AS n FROM trades")["n"][0]
    below = {
        "bond days": "SELECT count(*)::BIGINT AS n FROM bond_days",
        "bond days with a spread": (
            "SELECT count(*)::BIGINT AS n FROM bond_days WHERE oas_bps IS NOT NULL"
        ),
        "issuer days": "SELECT count(*)::BIGINT AS n FROM issuer_days",
        "issuer days scored": "SELECT count(*)::BIGINT AS n FROM scores",
        "signals": "SELECT count(*)::BIGINT AS n FROM signals",
    }
    rows = [
        ("reports in", total),
        *((f"rejected: {reason}", -n) for reason, n in reasons),
        ("trades that stand", standing),
    ]
    rows += [(name, read(sql)["n"][0]) for name, sql in below.items()]
    share = [
        n / total if total and k <= len(reasons) + 1 else None for k, (_, n) in enumerate(rows)
    ]
    columns = {"stage": [name for name, _ in rows], "rows": [n for _, n in rows], "share": share}
    return pl.DataFrame(columns, schema={"stage": pl.String, "rows": pl.Int64, "share": pl.Float64})
