"""Today: what arrived, what rang, who is thought what of and why, what is to be traded, and what
was earned.

Belongs here: the questions and the page of an evening. Not here: one issuer (`issuer.py`), the past
(`record.py`), the data behind it (`data.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bondsig_assets.reporting.site import layout
from bondsig_assets.reporting.site.layout import Column, Frame, Line, Picture
from bondsig_assets.reporting.site.questions import (
    LAST_DAYS,
    USUAL_DAYS,
    Answer,
    Evening,
    Question,
    links,
    one_row,
    question,
    text,
)
from bondsig_assets.reporting.site.reasons import reasons, reasons_sql

#: Scores shown on either side.
_STRONGEST = 10
#: Days for which a source is looked for, of alarms that are shown, and of a chart.
_SEARCH_DAYS, _ALARM_DAYS, _YEAR = 63, 21, 252
#: What sources bring: what it is called, its table, its day.
_DAILY = (
    ("trade reports", "trace_reports", "delivery_date"),
    ("stock prices", "equity_prices", "trade_date"),
    ("Treasury yields", "treasury_yields", "trade_date"),
    ("CDS quotes", "cds_quotes", "trade_date"),
    ("bond quotes", "bond_day_quotes", "trade_date"),
    ("borrow rates", "borrow_rates", "trade_date"),
    ("macro series", "macro_series", "trade_date"),
)
_ON_OCCASION = (
    ("bonds", "bonds"),
    ("issuers", "issuers"),
    ("stocks", "equities"),
    ("ratings", "ratings"),
    ("amounts outstanding", "amounts_outstanding"),
    ("balance sheets", "fundamentals"),
    ("delistings", "delistings"),
)


def questions(evening: Evening) -> list[Question]:
    """What the page asks."""
    asked = [
        _summary(evening),
        _arrived(evening),
        _occasional(evening),
        _late(evening),
        _strongest(evening),
        _signals(evening),
        _filtered(evening),
        _orders(evening),
        _cost(evening),
        _positions(evening),
        _earned(evening),
        _parts(evening),
        _nav(evening),
    ]
    if "monitors" in evening.tables:
        asked.append(_monitors(evening))
    if "alarms" in evening.tables:
        asked.append(_alarms(evening))
    return asked


def checks(event_log: Path) -> Question:
    """What Dagster's event log, a SQLite file, says of checks."""
    event = "evaluation_event::JSON -> 'dagster_event' -> 'event_specific_data'"
    return question(
        "checks",
        f"""
        SELECT asset_key::JSON ->> 0 AS asset, check_name,
          CASE WHEN execution_status = 'SUCCEEDED' THEN 'passed'
            WHEN blocking THEN 'failed' ELSE 'warning' END AS state,
          description, evaluated_at
        FROM (
          SELECT *, ({event} ->> 'description') AS description,
            coalesce(({event} ->> 'blocking')::BOOLEAN, false) AS blocking,
            evaluation_event_timestamp::TIMESTAMP AS evaluated_at
          FROM sqlite_scan({text(str(event_log))}, 'asset_check_executions')
          WHERE evaluation_event IS NOT NULL
          QUALIFY row_number() OVER (PARTITION BY asset_key, check_name ORDER BY id DESC) = 1
        )
        ORDER BY array_position(['failed', 'warning', 'passed'], state), asset, check_name
        """,
    )


def page(answers: Mapping[str, Answer], evening: Evening, frame: Frame) -> str:
    """Today, from its answers."""
    parts = [
        _section_of_summary(answers),
        _section_of_monitors(answers, frame),
        _section_of_scores(answers, frame),
        _section_of_signals(answers, frame),
        _section_of_orders(answers, evening, frame),
        _section_of_positions(answers, evening, frame),
        _section_of_earned(answers, frame),
        _section_of_arrivals(answers, frame),
        _section_of_late(answers, frame),
        _section_of_checks(answers, frame),
    ]
    return layout.page(frame, "index.html", "Today", "".join(parts), _lead(answers))


# What is asked


def _summary(evening: Evening) -> Question:
    return question(
        "summary",
        f"""
        SELECT count(*) AS n_scored,
          count(*) FILTER (WHERE is_informed) AS n_informed,
          count(DISTINCT score) AS n_different,
          100 * avg(base_rate) AS base_rate_pct,
          (SELECT count(*) FROM signals WHERE trade_date = {evening.at}) AS n_signals,
          (SELECT count(*) FROM orders WHERE decision_date = {evening.at}
            AND policy = {evening.book} AND state = 'sent') AS n_orders,
          (SELECT max(model_version) FROM scores WHERE trade_date = {evening.at}) AS champion,
          (SELECT max(explanation) FROM unscored_days WHERE trade_date = {evening.at}) AS unscored
        FROM scores WHERE trade_date = {evening.at}
        """,
    )


def _arrived(evening: Evening) -> Question:
    first = evening.before(_SEARCH_DAYS)
    each = "\nUNION ALL\n".join(
        f"""  SELECT {k} AS place, {day} AS day, count(*) AS n_rows, min(known_at) AS known_at
  FROM {table} WHERE {day} BETWEEN {first} AND {evening.at} AND known_at <= {evening.known}
  GROUP BY {day}"""
        for k, (_, table, day) in enumerate(_DAILY)
    )
    names = ", ".join(f"({k}, '{said}')" for k, (said, *_) in enumerate(_DAILY))
    return Question(
        "arrived",
        f"""WITH days AS (
  SELECT DISTINCT trade_date FROM issuer_days WHERE trade_date BETWEEN {first} AND {evening.at}
), arrived AS (
{each}
), lags AS (
  -- Evenings that pass before a day of a source is known: 0 where it is there on its own.
  SELECT a.place, a.day, any_value(a.n_rows) AS n_rows,
    count(*) FILTER (WHERE d.trade_date + INTERVAL 1110 MINUTE < a.known_at) AS lag
  FROM arrived a JOIN days d ON d.trade_date >= a.day GROUP BY ALL
), sources AS (
  SELECT s.place, s.source, max(l.day) AS newest_date, arg_max(l.n_rows, l.day) AS n_rows,
    avg(l.n_rows) FILTER (WHERE l.day >= {evening.before(USUAL_DAYS)}) AS usual_rows,
    median(l.lag)::BIGINT AS usual_lag
  FROM (VALUES {names}) s(place, source) LEFT JOIN lags l ON l.place = s.place GROUP BY ALL
)
SELECT s.source,
  CASE WHEN s.newest_date IS NULL THEN 'nothing delivered'
    WHEN count(d.trade_date) > s.usual_lag THEN 'late' ELSE 'in time' END AS state,
  s.newest_date, s.n_rows, s.usual_rows, s.usual_lag,
  CASE WHEN s.newest_date IS NOT NULL
    THEN greatest(count(d.trade_date) - s.usual_lag, 0) END AS days_late
FROM sources s LEFT JOIN days d ON d.trade_date > s.newest_date
GROUP BY s.place, s.source, s.newest_date, s.n_rows, s.usual_rows, s.usual_lag
ORDER BY s.place""",
    )


def _occasional(evening: Evening) -> Question:
    each = "\nUNION ALL\n".join(
        f"""SELECT {k} AS place, '{said}' AS source,
  count(*) FILTER (WHERE known_at > {evening.known_before}) AS n_rows, count(*) AS n_known,
  max(known_at) AS newest_at
FROM {table} WHERE known_at <= {evening.known}"""
        for k, (said, table) in enumerate(_ON_OCCASION)
    )
    return Question(
        "occasional",
        f"""SELECT source, n_rows, n_known, newest_at FROM (
{each}
) ORDER BY place""",
    )


def _late(evening: Evening) -> Question:
    return question(
        "late",
        f"""
        WITH {links(evening)}, changed AS (
          SELECT cusip, trade_date, known_date, price,
            lag(price) OVER one AS price_before, coalesce(n_trades, 0) AS n_trades,
            coalesce(lag(n_trades) OVER one, 0) AS n_before
          FROM bond_day_revisions
          WHERE (cusip, trade_date) IN (SELECT (cusip, trade_date) FROM bond_day_revisions
            WHERE known_date = {evening.at} AND trade_date < {evening.at})
            AND known_date <= {evening.at}
          WINDOW one AS (PARTITION BY cusip, trade_date ORDER BY known_date)
        ), late AS (
          SELECT l.parent_id, count(*) AS n_bond_days, min(c.trade_date) AS first_date,
            sum(c.n_trades - c.n_before)::BIGINT AS n_trades_more,
            max(abs(c.price - c.price_before)) AS largest_price_change
          FROM changed c JOIN links l ON l.cusip = c.cusip
          WHERE c.known_date = {evening.at} GROUP BY l.parent_id
        )
        SELECT l.parent_id, coalesce(max(s.ticker), max(i.ticker)) AS ticker,
          any_value(l.n_bond_days) AS n_bond_days,
          any_value(l.first_date) AS first_date, any_value(l.n_trades_more) AS n_trades_more,
          any_value(l.largest_price_change) AS largest_price_change,
          count(s.score) AS n_scores,
          'bondsig diff ' || max(s.ticker) || ' ' || any_value(l.first_date) AS command
        FROM late l LEFT JOIN scores s ON s.parent_id = l.parent_id
          AND s.trade_date >= l.first_date AND s.trade_date < {evening.at}
          LEFT JOIN issuer_days i ON i.parent_id = l.parent_id AND i.trade_date = {evening.at}
        GROUP BY l.parent_id ORDER BY n_scores DESC, largest_price_change DESC NULLS LAST,
          l.parent_id
        """,
    )


def _strongest(evening: Evening) -> Question:
    return question(
        "strongest",
        f"""
        SELECT * FROM (
        {reasons_sql(evening)}
        )
        QUALIFY row_number() OVER (ORDER BY score DESC, ticker) <= {_STRONGEST}
          OR row_number() OVER (ORDER BY score, ticker) <= {_STRONGEST}
        ORDER BY score DESC, ticker
        """,
    )


def _signals(evening: Evening) -> Question:
    return question(
        "signals",
        f"""
        SELECT parent_id, ticker,
          CASE direction WHEN 1 THEN 'outperform' ELSE 'underperform' END AS expected,
          score, 100 * probability_underperform AS probability_pct,
          n_trades_21d, staleness_days
        FROM signals WHERE trade_date = {evening.at} ORDER BY abs(score) DESC, ticker
        """,
    )


def _filtered(evening: Evening) -> Question:
    return question(
        "filtered",
        f"""
        SELECT reasons[1] AS first_reason, count(*) AS n_names,
          count(*) FILTER (WHERE len(reasons) > 1) AS n_also_others,
          max(abs(score)) AS largest_score, arg_max(ticker, (abs(score), ticker)) AS ticker
        FROM filtered_signals WHERE trade_date = {evening.at}
        GROUP BY 1 ORDER BY n_names DESC, first_reason
        """,
    )


_COST = "expected_spread_usd + expected_impact_usd + expected_commission_usd + expected_fee_usd"


def _orders(evening: Evening) -> Question:
    return question(
        "orders",
        f"""
        SELECT parent_id, ticker, replace(side, '_', ' ') AS side, shares, state,
          shares * decision_price_usd AS value_usd, {_COST} AS expected_cost_usd,
          1e4 * ({_COST}) / nullif(shares * decision_price_usd, 0) AS expected_cost_bps,
          participation_pct
        FROM orders WHERE decision_date = {evening.at} AND policy = {evening.book}
        ORDER BY value_usd DESC NULLS LAST, order_id
        """,
    )


def _cost(evening: Evening) -> Question:
    return question(
        "cost",
        f"""
        SELECT count(*) AS n_orders, sum(shares * decision_price_usd) AS value_usd,
          sum({_COST}) AS expected_cost_usd,
          1e4 * sum({_COST}) / nullif(sum(shares * decision_price_usd), 0) AS expected_cost_bps,
          max(session_date) AS session_date
        FROM orders
        WHERE decision_date = {evening.at} AND policy = {evening.book} AND state = 'sent'
        """,
    )


def _positions(evening: Evening) -> Question:
    return question(
        "positions",
        f"""
        SELECT p.parent_id, p.ticker, p.shares, p.price_usd, p.value_usd,
          100 * p.weight AS weight_pct, p.pnl_usd, 100 * t.weight AS target_pct,
          p.state
        FROM positions p LEFT JOIN target_positions t ON t.parent_id = p.parent_id
          AND t.policy = p.policy AND t.trade_date = p.trade_date
        WHERE p.trade_date = {evening.at} AND p.policy = {evening.book} AND p.shares <> 0
        ORDER BY abs(p.value_usd) DESC NULLS LAST, p.ticker
        """,
    )


def _exact(dollars: str, where: str = "true") -> str:
    """SQL of a sum of dollars, which are booked to 1e-4, whatever the order they are added in."""
    return f"round(sum({dollars}) FILTER (WHERE {where}), 4)"


def _earned(evening: Evening) -> Question:
    month = f"date_trunc('month', {evening.at})"
    of_day, of_month = f"trade_date = {evening.at}", f"trade_date >= {month}"
    return question(
        "earned",
        f"""
        WITH book AS (
          SELECT *, nav_usd - nav_before_usd - capital_usd AS pnl_usd FROM portfolio_days
          WHERE policy = {evening.book} AND trade_date <= {evening.at}
        )
        SELECT max(nav_usd) FILTER (WHERE {of_day}) AS nav_usd,
          {_exact("pnl_usd", of_day)} AS day_usd, {_exact("pnl_usd", of_month)} AS month_usd,
          {_exact("pnl_usd")} AS start_usd,
          100 * max(gross) FILTER (WHERE {of_day}) AS gross_pct,
          100 * max(net) FILTER (WHERE {of_day}) AS net_pct,
          max(beta) FILTER (WHERE {of_day}) AS beta,
          max(n_long) FILTER (WHERE {of_day}) AS n_long,
          max(n_short) FILTER (WHERE {of_day}) AS n_short, min(trade_date) AS first_date
        FROM book
        """,
    )


def _parts(evening: Evening) -> Question:
    month = f"trade_date >= date_trunc('month', {evening.at})"
    return question(
        "parts",
        f"""
        SELECT CASE WHEN part = 'cost' THEN 'cost: ' || source ELSE part END AS part,
          {_exact("pnl_usd", f"trade_date = {evening.at}")} AS day_usd,
          {_exact("pnl_usd", month)} AS month_usd, {_exact("pnl_usd")} AS start_usd
        FROM pnl_parts WHERE policy = {evening.book} AND trade_date <= {evening.at}
        GROUP BY 1 ORDER BY 1
        """,
    )


def _nav(evening: Evening) -> Question:
    return question(
        "nav",
        f"""
        SELECT trade_date, nav_usd / 1e6 AS nav_musd FROM portfolio_days
        WHERE policy = {evening.book} AND trade_date BETWEEN {evening.before(_YEAR)}
          AND {evening.at} ORDER BY trade_date
        """,
    )


def _monitors(evening: Evening) -> Question:
    return question(
        "monitors",
        f"""
        SELECT monitor, family, state, value, value_date, expected, statistic, threshold,
          100 * statistic / nullif(threshold, 0) AS of_threshold_pct, run_length_days,
          delay_days, expected_false_alarms, last_alarm_date
        FROM monitors WHERE trade_date = {evening.at}
        ORDER BY array_position(['alarm', 'late', 'watch'], state) NULLS LAST, family, monitor
        """,
    )


def _alarms(evening: Evening) -> Question:
    return question(
        "alarms",
        f"""
        SELECT trade_date, monitor, explanation, since_date, delay_days, run_length_days, fell
        FROM alarms WHERE trade_date BETWEEN {evening.before(_ALARM_DAYS)} AND {evening.at}
        ORDER BY trade_date DESC, monitor
        """,
    )


# What is shown


def _lead(answers: Mapping[str, Answer]) -> str:
    row, earned = one_row(answers, "summary"), one_row(answers, "earned")
    if row["unscored"] and not row["n_scored"]:
        return f"Nobody was scored: {row['unscored']}."
    said = f"{row['n_scored']} names were scored by {row['champion']}"
    if row["n_scored"] and row["n_different"] == 1:
        said += ", all of them alike: this champion says nothing of today"
    said += f"; {row['n_signals']} are signals, {row['n_orders']} orders go into the next session."
    dollars = earned.get("day_usd")
    if isinstance(dollars, float):
        verb = "lost" if dollars < 0 else "earned"
        said += f" The book {verb} {layout.written(abs(dollars), ',.0f')} dollars today."
    return said


def _section_of_summary(answers: Mapping[str, Answer]) -> str:
    tiles = layout.facts(
        answers["summary"],
        [
            Column("n_scored", "names scored", ",d"),
            Column("n_informed", "with a probability of their own", ",d"),
            Column("base_rate_pct", "base rate of underperforming, %", ".1f"),
            Column("n_signals", "signals", ",d"),
            Column("n_orders", "orders for the next session", ",d"),
        ],
    )
    book = layout.facts(
        answers["earned"],
        [
            Column("nav_usd", "net asset value, $", ",.0f"),
            Column("day_usd", "P&L of the day, $", "+,.0f"),
            Column("month_usd", "P&L of the month, $", "+,.0f"),
            Column("start_usd", "P&L since the start, $", "+,.0f"),
            Column("gross_pct", "gross exposure, %", ".1f"),
            Column("net_pct", "net exposure, %", "+.2f"),
            Column("beta", "market beta", "+.3f"),
        ],
    )
    return layout.section("summary", "At a glance", tiles, book)


def _section_of_monitors(answers: Mapping[str, Answer], frame: Frame) -> str:
    if "monitors" not in answers:
        return layout.section(
            "monitors", "Monitors", layout.paragraph("No monitors in this home yet.", "empty")
        )
    parts = [
        layout.table(
            answers["monitors"],
            [
                Column("monitor", "monitor"),
                Column("family", "family"),
                Column("state", "state", "state"),
                Column("value", "value", ".4g"),
                Column("value_date", "of"),
                Column("expected", "expected", ".4g"),
                Column("of_threshold_pct", "% of its threshold", ".0f", bar=True),
                Column("run_length_days", "days between false alarms", ",.0f"),
                Column("delay_days", "days to see a change", ".0f"),
                Column("expected_false_alarms", "false alarms to be expected so far", ".2f"),
                Column("last_alarm_date", "last alarm"),
            ],
            frame,
            "Monitors of the evening",
            empty="No monitor has an evening here yet.",
        )
    ]
    if "alarms" in answers:
        parts.append(f"<h3>Alarms of the last {_ALARM_DAYS} trading days</h3>")
        parts.append(
            layout.table(
                answers["alarms"],
                [
                    Column("trade_date", "evening"),
                    Column("monitor", "monitor"),
                    Column("explanation", "what rang", "words"),
                    Column("since_date", "since"),
                    Column("delay_days", "usual delay, days", ".0f"),
                    Column("run_length_days", "days between false alarms", ",.0f"),
                    Column("fell", "what changed most"),
                ],
                frame,
                "Alarms",
                empty="None.",
            )
        )
    return layout.section(
        "monitors",
        "Monitors",
        *parts,
        note="Each rings by chance once in its days between false alarms; all share one budget.",
    )


def _section_of_scores(answers: Mapping[str, Answer], frame: Frame) -> str:
    return layout.section(
        "strongest",
        "Strongest scores",
        layout.table(
            answers["strongest"],
            [
                Column("ticker", "stock", "issuer"),
                Column("score", "score", "+.3f"),
                Column("probability_pct", "P(under\u00adperform), %", ".1f"),
                Column("why", "why", "words"),
                Column("sector", "sector"),
                Column("oas_5d_change_bps", "spread, 5 days, bp", "+.0f"),
                Column("equity_excess_return_5d_pct", "stock less sector, 5 days, %", "+.1f"),
            ],
            frame,
            "The strongest scores of the evening on either side",
            said={"why": reasons},
            empty="Nobody was scored on this evening.",
        ),
        note=(
            f"The {_STRONGEST} highest and lowest; all of them stand on the page Issuers."
            f" Reasons compare the last {LAST_DAYS} trading days with the {LAST_DAYS} before."
        ),
    )


def _section_of_signals(answers: Mapping[str, Answer], frame: Frame) -> str:
    return layout.section(
        "signals",
        "Signals, and what filtered the others",
        layout.table(
            answers["signals"],
            [
                Column("ticker", "stock", "issuer"),
                Column("expected", "expected to"),
                Column("score", "score", "+.3f"),
                Column("probability_pct", "P(under\u00adperform), %", ".1f"),
                Column("n_trades_21d", "bond trades in 21 days", ",.0f"),
                Column("staleness_days", "days since a bond traded", ".0f"),
            ],
            frame,
            "Signals of the evening",
            empty="None on this evening: no score passed all filters.",
        ),
        "<h3>Left out, by the first reason</h3>",
        layout.table(
            answers["filtered"],
            [
                Column("first_reason", "reason"),
                Column("n_names", "names", ",d", bar=True),
                Column("n_also_others", "for other reasons too", ",d"),
                Column("largest_score", "largest score without its sign", ".3f"),
                Column("ticker", "of"),
            ],
            frame,
            "Why the others are no signals",
            empty="No name far enough from the middle was left out, or none was recorded.",
        ),
    )


def _section_of_orders(answers: Mapping[str, Answer], evening: Evening, frame: Frame) -> str:
    return layout.section(
        "orders",
        "Trades to do",
        layout.facts(
            answers["cost"],
            [
                Column("session_date", "session"),
                Column("n_orders", "orders sent", ",d"),
                Column("value_usd", "to trade, $", ",.0f"),
                Column("expected_cost_usd", "expected cost, $", ",.0f"),
                Column("expected_cost_bps", "expected cost, bp", ".1f"),
            ],
        ),
        layout.table(
            answers["orders"],
            [
                Column("ticker", "stock", "issuer"),
                Column("side", "side"),
                Column("shares", "shares", ",d"),
                Column("value_usd", "value, $", ",.0f", bar=True),
                Column("expected_cost_usd", "expected cost, $", ",.0f"),
                Column("expected_cost_bps", "expected cost, bp", ".1f"),
                Column("participation_pct", "% of usual volume", ".2f"),
                Column("state", "state", "state"),
            ],
            frame,
            "Orders for the next session",
            empty=f"No orders by policy {evening.policy}.",
        ),
        note=f"Policy {evening.policy}. `bondsig orders --csv FILE` writes them in half hours.",
    )


def _section_of_positions(answers: Mapping[str, Answer], evening: Evening, frame: Frame) -> str:
    return layout.section(
        "positions",
        "Positions",
        layout.table(
            answers["positions"],
            [
                Column("ticker", "stock", "issuer"),
                Column("shares", "shares", "+,d"),
                Column("price_usd", "price, $", ",.2f"),
                Column("value_usd", "value, $", "+,.0f"),
                Column("weight_pct", "weight, %", "+.2f", bar=True),
                Column("target_pct", "target, %", "+.2f"),
                Column("pnl_usd", "P&L of the day, $", "+,.0f"),
                Column("state", "state", "state"),
            ],
            frame,
            "Positions at the close",
            empty=f"The book of policy {evening.policy} holds nothing.",
        ),
    )


def _section_of_earned(answers: Mapping[str, Answer], frame: Frame) -> str:
    return layout.section(
        "earned",
        "What was earned",
        layout.charts(
            answers["nav"],
            [
                Picture(
                    "nav-chart",
                    "Net asset value of the last year, million dollars",
                    [Line("nav_musd", "net asset value")],
                    "m$",
                )
            ],
            frame,
        ),
        layout.table(
            answers["parts"],
            [
                Column("part", "part"),
                Column("day_usd", "day, $", "+,.0f"),
                Column("month_usd", "month, $", "+,.0f"),
                Column("start_usd", "since the start, $", "+,.0f", bar=True),
            ],
            frame,
            "P&L by part",
            empty="No day of a book yet.",
        ),
    )


def _section_of_arrivals(answers: Mapping[str, Answer], frame: Frame) -> str:
    return layout.section(
        "arrived",
        "What arrived, and what is late",
        layout.table(
            answers["arrived"],
            [
                Column("source", "source"),
                Column("state", "state", "state"),
                Column("newest_date", "newest day"),
                Column("n_rows", "its rows", ",d"),
                Column("usual_rows", f"mean of {USUAL_DAYS} days", ",.0f"),
                Column("usual_lag", "evenings it usually takes", ",d"),
                Column("days_late", "evenings later than that", ",d"),
            ],
            frame,
            "Daily sources",
        ),
        "<h3>On occasion</h3>",
        layout.table(
            answers["occasional"],
            [
                Column("source", "source"),
                Column("n_rows", "new since the evening before", ",d"),
                Column("n_known", "known in all", ",d"),
                Column("newest_at", "newest"),
            ],
            frame,
            "Sources that bring something on occasion",
        ),
    )


def _section_of_late(answers: Mapping[str, Answer], frame: Frame) -> str:
    return layout.section(
        "late",
        "Late reports that changed what scores rested on",
        layout.table(
            answers["late"],
            [
                Column("ticker", "stock", "issuer"),
                Column("n_bond_days", "bond days revised today", ",d", bar=True),
                Column("first_date", "the earliest"),
                Column("n_trades_more", "trades more or fewer", "+,d"),
                Column("largest_price_change", "largest change of a price", ".3f"),
                Column("n_scores", "scores given since", ",d"),
                Column("command", "what it would have changed"),
            ],
            frame,
            "Issuers whose past bond days changed",
            empty="Nothing of earlier days became known.",
        ),
        note=(
            "Past scores stay as they were given. The command works out what they would be, with"
            " what is known now."
        ),
    )


def _section_of_checks(answers: Mapping[str, Answer], frame: Frame) -> str:
    if "checks" not in answers:
        lacking = "No check has run in this home yet, or its event log cannot be read from here."
        return layout.section("checks", "Checks", layout.paragraph(lacking, "empty"))
    return layout.section(
        "checks",
        "Checks",
        layout.table(
            answers["checks"],
            [
                Column("state", "state", "state"),
                Column("asset", "table"),
                Column("check_name", "check"),
                Column("description", "what is expected", "words"),
                Column("evaluated_at", "looked at"),
            ],
            frame,
            "Checks of the tables",
            empty="No check has run in this home yet.",
        ),
        note=(
            "As they stood when this page was made, whatever its day: the last outcome of each, by"
            " Dagster's event log, which the SQL reads. Times are UTC."
        ),
    )
