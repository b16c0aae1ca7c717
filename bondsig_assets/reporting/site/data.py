"""The data: from reports to scores, what is covered, what came late or was corrected, and what
could not be used.

Belongs here: the questions and the page about data, as known on the evening. Not here: what arrived
today (`today.py`).
"""

from __future__ import annotations

from collections.abc import Mapping

from bondsig_assets.reporting.site import layout
from bondsig_assets.reporting.site.layout import Column, Frame, Line, Picture
from bondsig_assets.reporting.site.questions import Answer, Evening, Question, question

#: Samples of each reason, letters of a row that are shown, features with the most gaps.
_SAMPLES, _LETTERS, _GAPS = 3, 240, 30


def questions(evening: Evening) -> list[Question]:
    """What the page asks."""
    return [
        _waterfall(evening),
        _rejects(evening),
        _daily(evening),
        _corrected(evening),
        _links(evening),
        _coverage(evening),
        _gaps(evening),
        _quarantine(evening),
        _quarantined_samples(evening),
    ]


def page(answers: Mapping[str, Answer], frame: Frame) -> str:
    """The data, from its answers."""
    parts = [
        _section_of_waterfall(answers, frame),
        _section_of_reports(answers, frame),
        _section_of_coverage(answers, frame),
        _section_of_quarantine(answers, frame),
    ]
    return layout.page(
        frame,
        "data.html",
        "The data",
        "".join(parts),
        "From trade reports to scores: what stands, what does not and why, what is missing.",
    )


def standing(evening: Evening) -> str:
    """A common table expression `reports`: every report known on the evening, as it stood then."""
    return f"""later AS (
  SELECT delivery_date, record_number, max(revision) AS last FROM trade_events
  WHERE revision > 0 AND known_at <= {evening.known} GROUP BY ALL
), reports AS (
  SELECT e.* FROM trade_events e LEFT JOIN later l
    ON l.delivery_date = e.delivery_date AND l.record_number = e.record_number
  WHERE e.revision = coalesce(l.last, 0) AND e.known_at <= {evening.known}
)"""


# What is asked


def _waterfall(evening: Evening) -> Question:
    known = f"known_at <= {evening.known}"
    return question(
        "waterfall",
        f"""
        WITH {standing(evening)}, reasons AS (
          SELECT coalesce(reason, '') AS reason, count(*) AS n FROM reports GROUP BY 1
        ), total AS (SELECT sum(n) AS n FROM reasons), stages AS (
          SELECT 1 AS place, 'reports in' AS stage, n FROM total
          UNION ALL SELECT 2, 'rejected: ' || reason, -n FROM reasons WHERE reason <> ''
          UNION ALL SELECT 3, 'trades that stand', n FROM reasons WHERE reason = ''
          UNION ALL SELECT 4, 'bond days', count(*) FROM bond_days_as_of({evening.known})
          UNION ALL SELECT 5, 'bond days with a spread', count(oas_bps)
            FROM bond_days_as_of({evening.known})
          UNION ALL SELECT 6, 'issuer days', count(*) FROM issuer_days WHERE {known}
          UNION ALL SELECT 7, 'issuer days scored', count(*) FROM scores WHERE {known}
          UNION ALL SELECT 8, 'signals', count(*) FROM signals WHERE {known}
        )
        SELECT s.stage, s.n::BIGINT AS n_rows,
          CASE WHEN s.place <= 3 THEN 100 * abs(s.n) / t.n END AS share_pct
        FROM stages s, total t ORDER BY s.place, abs(s.n) DESC, s.stage
        """,
    )


def _rejects(evening: Evening) -> Question:
    return question(
        "rejects",
        f"""
        WITH {standing(evening)}
        SELECT reason, delivery_date, record_number, cusip, execution_date, price, par_usd,
          side, status, cause_delivery_date, cause_record_number
        FROM reports WHERE reason IS NOT NULL
        QUALIFY row_number() OVER (PARTITION BY reason
          ORDER BY delivery_date DESC, record_number DESC) <= {_SAMPLES}
        ORDER BY reason, delivery_date DESC, record_number DESC
        """,
    )


def _daily(evening: Evening) -> Question:
    return question(
        "daily",
        f"""
        SELECT delivery_date, count(*) AS n_reports,
          100 * count(*) FILTER (WHERE reason IS NOT NULL) / count(*) AS rejected_pct,
          100 * count(*) FILTER (WHERE execution_date < delivery_date) / count(*) AS late_pct,
          100 * count(*) FILTER (WHERE is_par_capped) / count(*) AS capped_pct
        FROM trade_events WHERE revision = 0 AND delivery_date <= {evening.at}
        GROUP BY 1 ORDER BY 1
        """,
    )


def _corrected(evening: Evening) -> Question:
    return question(
        "corrected",
        f"""
        SELECT coalesce(reason, 'a trade again') AS became, count(*) AS n_reports,
          median(date_diff('day', execution_date, known_date)) AS median_days,
          max(date_diff('day', execution_date, known_date)) AS largest_days,
          count(*) FILTER (WHERE known_date = {evening.at}) AS n_today
        FROM trade_events WHERE revision > 0 AND known_at <= {evening.known}
        GROUP BY 1 ORDER BY n_reports DESC, became
        """,
    )


def _links(evening: Evening) -> Question:
    return question(
        "linked",
        f"""
        SELECT month_end_date, bonds_pct, outstanding_pct, trades_pct, traded_pct
        FROM security_coverage WHERE reason = 'linked' AND month_end_date <= {evening.at}
        ORDER BY month_end_date
        """,
    )


def _coverage(evening: Evening) -> Question:
    return question(
        "coverage",
        f"""
        SELECT reason, n_bonds, bonds_pct, outstanding_usd / 1e9 AS outstanding_busd,
          outstanding_pct, n_trades, trades_pct, traded_pct, month_end_date
        FROM security_coverage WHERE month_end_date = (SELECT max(month_end_date)
          FROM security_coverage WHERE month_end_date <= {evening.at})
        ORDER BY n_bonds DESC, reason
        """,
    )


def _gaps(evening: Evening) -> Question:
    return question(
        "gaps",
        f"""
        SELECT feature, n_issuers, n_present, 100 * n_present / n_issuers AS present_pct,
          n_no_bond_spread, n_no_bonds_outstanding, n_no_cds_quote, n_no_stock_price, n_no_filing,
          n_no_treasury_curve, n_no_trade_reports, n_too_few_observations
        FROM feature_coverage WHERE trade_date = {evening.at}
        ORDER BY present_pct, feature LIMIT {_GAPS}
        """,
    )


def _quarantine(evening: Evening) -> Question:
    return question(
        "quarantine",
        f"""
        SELECT table_name, reason, count(*) AS n_rows, min(partition_date) AS first_date,
          max(partition_date) AS last_date,
          count(*) FILTER (WHERE partition_date = {evening.at}) AS n_today
        FROM quarantined_rows
        WHERE partition_date IS NULL OR partition_date <= {evening.at}
        GROUP BY ALL ORDER BY n_rows DESC, table_name, reason
        """,
    )


def _quarantined_samples(evening: Evening) -> Question:
    return question(
        "quarantined",
        f"""
        SELECT table_name, reason, partition_date, source_name, row_number,
          row_text[:{_LETTERS}] AS row_begins
        FROM quarantined_rows
        WHERE partition_date IS NULL OR partition_date <= {evening.at}
        QUALIFY row_number() OVER (PARTITION BY table_name, reason
          ORDER BY partition_date DESC NULLS LAST, source_name, row_number) <= {_SAMPLES}
        ORDER BY table_name, reason, partition_date DESC NULLS LAST, source_name, row_number
        """,
    )


# What is shown


def _section_of_waterfall(answers: Mapping[str, Answer], frame: Frame) -> str:
    return layout.section(
        "waterfall",
        "From reports to scores",
        layout.table(
            answers["waterfall"],
            [
                Column("stage", "stage"),
                Column("n_rows", "rows", ",d", bar=True),
                Column("share_pct", "share of reports, %", ".2f"),
            ],
            frame,
            "What stands at each stage",
        ),
        "<h3>Samples of what was rejected</h3>",
        layout.table(
            answers["rejects"],
            [
                Column("reason", "reason"),
                Column("delivery_date", "delivery"),
                Column("record_number", "record", "d"),
                Column("cusip", "CUSIP"),
                Column("execution_date", "executed"),
                Column("price", "price", ".3f"),
                Column("par_usd", "par, $", ",.0f"),
                Column("side", "side"),
                Column("status", "status"),
                Column("cause_delivery_date", "because of delivery"),
                Column("cause_record_number", "record", "d"),
            ],
            frame,
            "The newest rejected reports of each reason",
            empty="No report was rejected.",
        ),
        note="Reports in = rejected by reason + trades that stand.",
    )


def _section_of_reports(answers: Mapping[str, Answer], frame: Frame) -> str:
    return layout.section(
        "reports",
        "Reports day by day, late and corrected",
        layout.charts(
            answers["daily"],
            [
                Picture("reports-chart", "Reports a delivery", [Line("n_reports", "reports")]),
                Picture(
                    "shares-chart",
                    "Shares of a delivery, %",
                    [
                        Line("rejected_pct", "rejected on arrival"),
                        Line("late_pct", "executed before the day"),
                        Line("capped_pct", "par capped"),
                    ],
                    "%",
                ),
            ],
            frame,
            x="delivery_date",
        ),
        "<h3>What later deliveries changed</h3>",
        layout.table(
            answers["corrected"],
            [
                Column("became", "became"),
                Column("n_reports", "times", ",d", bar=True),
                Column("n_today", "of them today", ",d"),
                Column("median_days", "days after execution, median", ".0f"),
                Column("largest_days", "at most", ",d"),
            ],
            frame,
            "What became of reports after their arrival",
            empty="No report has changed after its arrival.",
        ),
    )


def _section_of_coverage(answers: Mapping[str, Answer], frame: Frame) -> str:
    return layout.section(
        "coverage",
        "What is covered",
        layout.charts(
            answers["linked"],
            [
                Picture(
                    "linked-chart",
                    "Bonds that lead to a stock, % of all",
                    [
                        Line("bonds_pct", "bonds"),
                        Line("outstanding_pct", "par outstanding"),
                        Line("traded_pct", "par traded"),
                    ],
                    "%",
                )
            ],
            frame,
            x="month_end_date",
        ),
        layout.table(
            answers["coverage"],
            [
                Column("reason", "linked, or why not"),
                Column("n_bonds", "bonds", ",d"),
                Column("bonds_pct", "%", ".1f"),
                Column("outstanding_busd", "outstanding, bn$", ",.1f"),
                Column("outstanding_pct", "%", ".1f"),
                Column("n_trades", "trades of the month", ",d"),
                Column("trades_pct", "%", ".1f"),
                Column("traded_pct", "par traded, %", ".1f"),
            ],
            frame,
            "Links of the newest month",
            empty="No month has been counted yet.",
        ),
        "<h3>Features with the most gaps on the evening</h3>",
        layout.table(
            answers["gaps"],
            [
                Column("feature", "feature"),
                Column("present_pct", "present, %", ".1f", bar=True),
                Column("n_present", "issuers with it", ",d"),
                Column("n_issuers", "of", ",d"),
                Column("n_no_bond_spread", "no bond spread", ",d"),
                Column("n_no_bonds_outstanding", "no bonds", ",d"),
                Column("n_no_cds_quote", "no CDS", ",d"),
                Column("n_no_stock_price", "no stock price", ",d"),
                Column("n_no_filing", "no filing", ",d"),
                Column("n_no_treasury_curve", "no Treasury curve", ",d"),
                Column("n_no_trade_reports", "no reports", ",d"),
                Column("n_too_few_observations", "too few observations", ",d"),
            ],
            frame,
            "Features and why they are missing",
            empty="No features on this evening.",
        ),
    )


def _section_of_quarantine(answers: Mapping[str, Answer], frame: Frame) -> str:
    return layout.section(
        "quarantine",
        "Quarantine",
        layout.table(
            answers["quarantine"],
            [
                Column("table_name", "meant for"),
                Column("reason", "what is wrong"),
                Column("n_rows", "rows", ",d", bar=True),
                Column("n_today", "of the evening", ",d"),
                Column("first_date", "from"),
                Column("last_date", "to"),
            ],
            frame,
            "Rows that could not be used",
            empty="Nothing is in quarantine.",
        ),
        "<h3>Samples</h3>",
        layout.table(
            answers["quarantined"],
            [
                Column("table_name", "meant for"),
                Column("reason", "what is wrong"),
                Column("partition_date", "day"),
                Column("source_name", "from"),
                Column("row_number", "row", ",d"),
                Column("row_begins", "begins with", "words"),
            ],
            frame,
            "Samples of rows in quarantine",
            empty="None.",
        ),
    )
