"""How a table is declared: columns with types, units and meaning, keys and the two times.

Belongs here: the vocabulary of declarations and what can be derived from one alone
(DDL, Polars schema, conformance of a frame). Not here: the tables themselves
(the modules beside this one) and anything that touches a database (`warehouse/`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from bondsig_assets.errors import SchemaError

#: Types that survive the round trip through DuckLake and Parquet unchanged.
POLARS_TYPES: dict[str, pl.DataType] = {
    "BIGINT": pl.Int64(),
    "DOUBLE": pl.Float64(),
    "VARCHAR": pl.String(),
    "DATE": pl.Date(),
    "TIMESTAMP": pl.Datetime("us"),
    "BOOLEAN": pl.Boolean(),
    "DOUBLE[]": pl.List(pl.Float64()),
    "VARCHAR[]": pl.List(pl.String()),
}


@dataclass(frozen=True)
class Column:
    """One column: SQL type, meaning, unit (empty when it has none) and whether null is allowed."""

    name: str
    type: str
    description: str
    unit: str = ""
    nullable: bool = True

    @property
    def comment(self) -> str:
        """The sentence shown in the warehouse, in Dagster and in the data dictionary."""
        return f"{self.description} [{self.unit}]" if self.unit else self.description


def required(name: str, dtype: str, description: str, unit: str = "") -> Column:
    """A column that may not be null."""
    return Column(name, dtype, description, unit, nullable=False)


#: How declarations write a column that may be null, and one that may not.
C, R = Column, required
KNOWN = required("known_at", "TIMESTAMP", "When the platform could first have known this row")


@dataclass(frozen=True)
class Table:
    """A declared table.

    `partition` is the column a daily run replaces (empty for tables replaced whole);
    `event_time` the column that says which day a row is about, `known_time` the one that
    says when it could first be known. `known_rule` is used by sources that give no
    knowledge time: see `calendar/knowledge.py`.
    """

    name: str
    group: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    event_time: str = ""
    known_time: str = ""
    partition: str = ""
    known_rule: Literal["", "end_of_day", "next_morning", "delivery"] = ""
    schema: str = "main"

    @property
    def qualified_name(self) -> str:
        """Name to use in SQL: plain in the main schema, `schema.name` elsewhere."""
        return self.name if self.schema == "main" else f"{self.schema}.{self.name}"

    @property
    def column_names(self) -> list[str]:
        """Column names in declared order."""
        return [column.name for column in self.columns]

    @property
    def polars_schema(self) -> dict[str, pl.DataType]:
        """Column name → Polars type, in declared order."""
        return {column.name: POLARS_TYPES[column.type] for column in self.columns}

    def create_statement(self) -> str:
        """`CREATE TABLE IF NOT EXISTS …` in the declared order."""
        body = ", ".join(f'"{column.name}" {column.type}' for column in self.columns)
        return f"CREATE TABLE IF NOT EXISTS {self.qualified_name} ({body})"

    def comment_statements(self) -> list[str]:
        """`COMMENT ON …` for the table and each column."""
        statements = [f"COMMENT ON TABLE {self.qualified_name} IS {quote(self.description)}"]
        statements += [
            f'COMMENT ON COLUMN {self.qualified_name}."{column.name}" IS {quote(column.comment)}'
            for column in self.columns
        ]
        return statements

    def conform(self, frame: pl.DataFrame) -> pl.DataFrame:
        """`frame` with exactly the declared columns, order and types.

        Lossless casts only (an Int32 becomes a BIGINT, a wholly null column any type).
        Raises SchemaError naming the missing, unknown or ill-typed columns.
        """
        # Asked once: of a frame it is made anew each time.
        schema = frame.schema
        missing = [name for name in self.column_names if name not in schema]
        unknown = [name for name in schema if name not in self.column_names]
        if missing or unknown:
            raise SchemaError(
                f"table {self.name}: "
                + "; ".join(
                    part
                    for part in (
                        f"missing columns {', '.join(missing)}" if missing else "",
                        f"undeclared columns {', '.join(unknown)}" if unknown else "",
                    )
                    if part
                )
            )
        try:
            conformed = frame.select(
                _castable(schema[name], dtype, name, self.name)
                for name, dtype in self.polars_schema.items()
            )
        except pl.exceptions.PolarsError as error:
            raise SchemaError(f"table {self.name}: {str(error).splitlines()[0]}") from error
        for column in self.columns:
            if not column.nullable and conformed[column.name].null_count():
                raise SchemaError(
                    f"table {self.name}: column {column.name} may not be null, "
                    f"{conformed[column.name].null_count()} of {conformed.height} rows are"
                )
        return conformed

    def empty(self) -> pl.DataFrame:
        """A frame of the declared schema without rows."""
        return pl.DataFrame(schema=self.polars_schema)


def daily(
    group: str, name: str, description: str, columns: tuple[Column, ...], key: tuple[str, ...]
) -> Table:
    """A table of trading days, each row known at its day's cutoff."""
    return Table(
        name,
        group,
        description,
        columns,
        key,
        event_time="trade_date",
        known_time="known_at",
        partition="trade_date",
    )


def quote(text: str) -> str:
    """`text` as a SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def _castable(found: pl.DataType, wanted: pl.DataType, name: str, table: str) -> pl.Expr:
    """The cast of one column, refused where it could change a value's meaning."""
    same = found == wanted or found == pl.Null
    widening = (
        (wanted == pl.Int64 and found.is_integer())
        or (wanted == pl.Float64 and found.is_numeric())
        or (
            wanted == pl.Datetime("us")
            and isinstance(found, pl.Datetime)
            and found.time_zone is None
        )
        or (wanted == pl.String and found in (pl.Categorical, pl.Enum))
        or (isinstance(wanted, pl.List) and isinstance(found, (pl.List, pl.Array)))
    )
    if not (same or widening):
        raise SchemaError(f"table {table}: column {name} is {found}, declared {wanted}")
    return pl.col(name).cast(wanted, strict=True)
