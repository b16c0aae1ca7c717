"""Who changed settings or the champion, and who launched what: rows of the table `audit`.

Belongs here: making a row, to be written in the transaction of what it tells of, and reading them.
Not here: what is changed.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import uuid4

import polars as pl

from bondsig_assets.calendar.clock import now
from bondsig_assets.machine import who
from bondsig_assets.tables import TABLES
from bondsig_assets.warehouse.warehouse import Warehouse, Write


def audit_row(
    action: str,
    subject: str,
    *,
    before: str | None = None,
    after: str | None = None,
    detail: str = "",
    by: str = "",
) -> Write:
    """One more row of `audit`, for `Warehouse.replace` beside the change that it tells of.

    `before` and `after` are texts of which the fingerprint is kept; `by` is who did it, whoever
    works here when empty.
    """
    entry_id = uuid4().hex
    frame = pl.DataFrame(
        {
            "entry_id": [entry_id],
            "happened_at": [moment()],
            "who": [by or who()],
            "action": [action],
            "subject": [subject],
            "before_hash": [None if before is None else text_hash(before)],
            "after_hash": [None if after is None else text_hash(after)],
            "detail": [detail],
        },
        schema=TABLES["audit"].polars_schema,
    )
    return Write("audit", frame, matching={"entry_id": entry_id})


def read_audit(warehouse: Warehouse, rows: int) -> pl.DataFrame:
    """The newest rows of `audit`, the newest first. Raises WarehouseError."""
    return warehouse.read(
        "SELECT happened_at, who, action, subject, before_hash, after_hash, detail FROM audit ORDER"
        " BY happened_at DESC, entry_id LIMIT ?",
        [rows],
    )


def moment() -> datetime:
    """Now, wall clock of New York."""
    return now().replace(tzinfo=None)


def text_hash(text: str) -> str:
    """The first twelve digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]
