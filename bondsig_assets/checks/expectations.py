"""The kinds of expectation there are, each as Great Expectations runs it and as Polars finds the
rows that break it.

Belongs here: the kinds, and what comes of running one (`Outcome`). Not here: which table
expects what (`suites.py`). Sample keys are found in Polars because Great Expectations takes
seconds to list the positions of a few hundred thousand unexpected rows. Nulls are never
unexpected, except to `Present`.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import polars as pl

#: Keys shown of the rows that break an expectation.
SAMPLE_KEYS = 20


@dataclass(frozen=True)
class Outcome:
    """What came of one check.

    `observed` is what `threshold` speaks of: the share of the `n_rows` rows checked that are as
    expected, a mean, or a count; None when there was nothing to check, which passes.
    """

    name: str
    passed: bool
    observed: float | None
    threshold: str
    n_unexpected: int
    n_rows: int
    sample_keys: list[dict[str, Any]]
    meaning: str
    remedy: str


@dataclass(frozen=True)
class Expectation:
    """One sentence on what is meant, one on what to do; the kinds below say how it is judged."""

    name: str
    meaning: str
    remedy: str

    @property
    def counts_nulls(self) -> bool:
        """Whether a row without a value counts as checked."""
        return False

    def columns(self) -> dict[str, pl.Expr]:
        """The columns Great Expectations sees, made from those of the table."""
        raise NotImplementedError

    def in_gx(self, expectations: ModuleType) -> Any:
        """The expectation as Great Expectations knows it; takes its module of expectations."""
        raise NotImplementedError

    def broken(self) -> pl.Expr | None:
        """Which rows of `columns` break it; None when no single row does."""
        return None

    def observe(self, n_rows: int, n_unexpected: int, value: float | None) -> float | None:
        """What is compared with the threshold, from counts or the value Great Expectations
        observed.
        """
        raise NotImplementedError

    def accepts(self, observed: float) -> bool:
        """Whether `observed` keeps the threshold."""
        raise NotImplementedError

    @property
    def threshold(self) -> str:
        """The threshold in words."""
        raise NotImplementedError

    def outcome(
        self, n_rows: int, n_unexpected: int, value: float | None, sample_keys: list[dict[str, Any]]
    ) -> Outcome:
        """The outcome for all rows, judged here because chunks may have been added up."""
        observed = self.observe(n_rows, n_unexpected, value)
        passed = bool(observed is None or self.accepts(observed))
        return Outcome(
            self.name,
            passed,
            observed,
            self.threshold,
            n_unexpected,
            n_rows,
            sample_keys,
            self.meaning,
            self.remedy,
        )


@dataclass(frozen=True)
class _RowWise(Expectation):
    """Holds for at least the share `mostly` of the rows that have a value."""

    mostly: float = 1.0

    def observe(self, n_rows: int, n_unexpected: int, value: float | None) -> float | None:
        """The share of rows that are as expected."""
        return 1 - n_unexpected / n_rows if n_rows else None

    def accepts(self, observed: float) -> bool:
        """Whether enough rows are as expected."""
        return observed >= self.mostly - 1e-12

    @property
    def threshold(self) -> str:
        """The share of rows that must keep the rule, and the rule where it is short."""
        share = f"at least {100 * self.mostly:g} % of rows" if self.mostly < 1 else "all rows"
        return f"{share}: {self._rule}" if self._rule else share

    @property
    def _rule(self) -> str:
        return ""


@dataclass(frozen=True, kw_only=True)
class Between(_RowWise):
    """The value lies between `low` and `high`, both included."""

    value: pl.Expr
    low: float
    high: float

    def columns(self) -> dict[str, pl.Expr]:
        return {self.name: self.value}

    def in_gx(self, expectations: ModuleType) -> Any:
        return expectations.ExpectColumnValuesToBeBetween(
            column=self.name, min_value=self.low, max_value=self.high, mostly=self.mostly
        )

    def broken(self) -> pl.Expr:
        return ~pl.col(self.name).is_between(self.low, self.high)

    @property
    def _rule(self) -> str:
        return f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True, kw_only=True)
class InSet(_RowWise):
    """The value is one of `values`."""

    value: pl.Expr
    values: tuple[str, ...]

    def columns(self) -> dict[str, pl.Expr]:
        # As categories pandas compares a handful of codes instead of a million strings.
        return {self.name: self.value.cast(pl.Categorical)}

    def in_gx(self, expectations: ModuleType) -> Any:
        return expectations.ExpectColumnValuesToBeInSet(
            column=self.name, value_set=list(self.values), mostly=self.mostly
        )

    def broken(self) -> pl.Expr:
        return ~pl.col(self.name).cast(pl.String).is_in(self.values)

    @property
    def _rule(self) -> str:
        return f"one of {', '.join(self.values)}"


@dataclass(frozen=True, kw_only=True)
class Share(_RowWise):
    """The condition `holds` on the rows `among` (all when None); a null condition does not
    count.
    """

    holds: pl.Expr
    among: pl.Expr | None = None

    def columns(self) -> dict[str, pl.Expr]:
        # Great Expectations compares int64 and float64 as arrays and any other type value by value:
        # 0.01 s or 1.5 s a million.
        holds = self.holds.cast(pl.Float64)
        return {self.name: holds if self.among is None else pl.when(self.among).then(holds)}

    def in_gx(self, expectations: ModuleType) -> Any:
        return expectations.ExpectColumnValuesToBeBetween(
            column=self.name, min_value=1, max_value=1, mostly=self.mostly
        )

    def broken(self) -> pl.Expr:
        return pl.col(self.name) == 0


@dataclass(frozen=True, kw_only=True)
class Present(_RowWise):
    """The value is there."""

    value: pl.Expr

    @property
    def counts_nulls(self) -> bool:
        return True

    def columns(self) -> dict[str, pl.Expr]:
        return {self.name: self.value}

    def in_gx(self, expectations: ModuleType) -> Any:
        return expectations.ExpectColumnValuesToNotBeNull(column=self.name, mostly=self.mostly)

    def broken(self) -> pl.Expr:
        return pl.col(self.name).is_null()

    @property
    def _rule(self) -> str:
        return "not null"


@dataclass(frozen=True, kw_only=True)
class Ordered(_RowWise):
    """`lower` is not above `upper`; rows that lack either do not count."""

    lower: pl.Expr
    upper: pl.Expr

    def columns(self) -> dict[str, pl.Expr]:
        return {f"{self.name}:lower": self.lower, f"{self.name}:upper": self.upper}

    def in_gx(self, expectations: ModuleType) -> Any:
        return expectations.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A=f"{self.name}:upper",
            column_B=f"{self.name}:lower",
            or_equal=True,
            ignore_row_if="either_value_is_missing",
            mostly=self.mostly,
        )

    def broken(self) -> pl.Expr:
        return pl.col(f"{self.name}:lower") > pl.col(f"{self.name}:upper")

    @property
    def _rule(self) -> str:
        return f"{self.lower.meta.output_name()} <= {self.upper.meta.output_name()}"


@dataclass(frozen=True, kw_only=True)
class MeanBetween(Expectation):
    """The mean over all rows lies between `low` and `high`."""

    value: pl.Expr
    low: float
    high: float

    def columns(self) -> dict[str, pl.Expr]:
        return {self.name: self.value.cast(pl.Float64)}

    def in_gx(self, expectations: ModuleType) -> Any:
        return expectations.ExpectColumnMeanToBeBetween(
            column=self.name, min_value=self.low, max_value=self.high
        )

    def observe(self, n_rows: int, n_unexpected: int, value: float | None) -> float | None:
        return value if n_rows else None

    def accepts(self, observed: float) -> bool:
        return self.low <= observed <= self.high

    @property
    def threshold(self) -> str:
        return f"mean from {self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class HasRows(Expectation):
    """There is at least one row."""

    @property
    def counts_nulls(self) -> bool:
        return True

    def columns(self) -> dict[str, pl.Expr]:
        return {}

    def in_gx(self, expectations: ModuleType) -> Any:
        return expectations.ExpectTableRowCountToBeBetween(min_value=1)

    def observe(self, n_rows: int, n_unexpected: int, value: float | None) -> float | None:
        return float(n_rows)

    def accepts(self, observed: float) -> bool:
        return observed >= 1

    @property
    def threshold(self) -> str:
        return "at least 1 row"
