"""Every table of the warehouse, declared once: the ground floor that all rooms stand on.

From here come the DDL, the column comments, the Columns tab in Dagster, the structural checks, the
shape every source must deliver and `docs/data_dictionary.md`. Belongs here: names, types, units,
meaning, keys and times, a module a group. Not here: how a table is filled. Names follow the field;
the TRACE field a column comes from stands in its description. Moments are New York wall clock.
"""

from __future__ import annotations

from bondsig_assets.errors import SchemaError
from bondsig_assets.tables import (
    clean,
    features,
    learning,
    monitoring,
    news_features,
    news_parameters,
    operations,
    performance,
    portfolio,
    raw,
    reference,
    trading,
    truth,
)
from bondsig_assets.tables.raw import RAW_DAILY, RAW_REFERENCE
from bondsig_assets.tables.schema import Column, Table, quote
from bondsig_assets.tables.views import VIEWS, View

TABLES: dict[str, Table] = {
    table.name: table
    for room in (
        raw,
        reference,
        clean,
        features,
        news_features,
        news_parameters,
        learning,
        portfolio,
        trading,
        performance,
        monitoring,
        operations,
        truth,
    )
    for table in vars(room).values()
    if isinstance(table, Table)
}

__all__ = [
    "RAW_DAILY",
    "RAW_REFERENCE",
    "TABLES",
    "VIEWS",
    "Column",
    "SchemaError",
    "Table",
    "View",
    "quote",
]
