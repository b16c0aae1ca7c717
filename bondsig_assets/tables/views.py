"""Views and table macros, declared like tables: what each shows, column by column.

Belongs here: names, parameters, columns, units, meaning. Not here: the statement, which is the file
of that name in `sql/views/`, and the question it answers, which is what that file opens with. The
columns of a table keep their declaration where a view passes them on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bondsig_assets.tables.clean import BOND_ANALYTICS, BOND_DAY_REVISIONS, TRADE_EVENTS
from bondsig_assets.tables.learning import EXPLANATIONS, FEATURE_IMPORTANCES
from bondsig_assets.tables.schema import KNOWN, C, Column, R, Table


@dataclass(frozen=True)
class View:
    """A declared view; a table macro where it has a `parameter`."""

    name: str
    columns: tuple[Column, ...]
    parameter: str = ""

    @property
    def signature(self) -> str:
        """Name to use in SQL, with the parameter's name for a macro."""
        return f"{self.name}({self.parameter})" if self.parameter else self.name


def _of(table: Table, *names: str) -> tuple[Column, ...]:
    """Columns of a table as declared there."""
    declared = {column.name: column for column in table.columns}
    return tuple(declared[name] for name in names)


def _all_but(table: Table, *names: str) -> tuple[Column, ...]:
    return tuple(column for column in table.columns if column.name not in names)


_TRADE = _all_but(TRADE_EVENTS, "reason", "cause_delivery_date", "cause_record_number")
#: A bond day without a valuation has none of these.
_VALUED = tuple(
    replace(column, nullable=True)
    for column in _all_but(BOND_ANALYTICS, "cusip", "trade_date", "known_date", "known_at")
)
_BOND_DAY = (*BOND_DAY_REVISIONS.columns, *_VALUED)

TRADES = View("trades", _TRADE)
TRADES_AS_OF = View("trades_as_of", _TRADE, "moment")
REJECTED_REPORTS = View(
    "rejected_reports",
    (
        *TRADE_EVENTS.columns,
        C("known_until", "TIMESTAMP", "When a report that was a trade ceased to be one"),
    ),
)
BOND_DAYS = View("bond_days", _BOND_DAY)
BOND_DAYS_AS_OF = View("bond_days_as_of", _BOND_DAY, "moment")
ATTRIBUTION_STABILITY = View(
    "attribution_stability",
    (
        *_of(FEATURE_IMPORTANCES, "model_name", "fold"),
        R("fold_before", "DATE", "The fold it is compared with"),
        C("rank_correlation", "DOUBLE", "Correlation of the features' importance ranks in both"),
        R("n_of_ten_kept", "BIGINT", "Features among the ten most important of both"),
        R("n_features", "BIGINT", "Features that both have"),
    ),
)
SCORE_CONTRIBUTIONS = View(
    "score_contributions",
    (
        *_of(EXPLANATIONS, "ticker", "trade_date", "parent_id", "model_version"),
        R("feature", "VARCHAR", "Column of issuer_days, or its missing flag"),
        C(
            "input",
            "DOUBLE",
            "What the model saw: robust z across the issuers of the day, credit news in its own"
            " unit; null where missing",
        ),
        R("contribution", "DOUBLE", "What the feature adds to the prediction"),
        *_of(EXPLANATIONS, "base_value"),
        KNOWN,
    ),
)

VIEWS: dict[str, View] = {
    one.name: one for one in list(globals().values()) if isinstance(one, View)
}
