"""An issuer: its spread, curve, volume, basis, stock and score on one time axis, its bonds and
trades, why its score, its position, who belongs to it. And the list of all of them.

Belongs here: the questions and the page of a parent, and the list. Not here: the evening
(`today.py`), text for a terminal (`commands/issuer.py`, `commands/explain.py`).

Each question is asked once for all parents, and stands on a page as the one about its parent alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from bondsig_assets.reporting.site import layout
from bondsig_assets.reporting.site.layout import Column, Frame, Line, Picture
from bondsig_assets.reporting.site.questions import (
    ANY_PARENT,
    LAST_DAYS,
    Answer,
    Evening,
    Question,
    links,
    question,
)
from bondsig_assets.reporting.site.reasons import reasons, reasons_sql

#: Trades and contributions shown of one issuer.
_TRADES, _CONTRIBUTIONS = 25, 12


def questions(evening: Evening) -> list[Question]:
    """What the list and the pages ask, each about every parent."""
    return [
        _listed(evening),
        Question("why", reasons_sql(evening)),
        _series(evening),
        _bonds(evening),
        _trades(evening),
        _contributions(evening),
        _position(evening),
        _entities(evening),
    ]


def files_of(listed: pl.DataFrame) -> dict[str, str]:
    """The page of each parent: its ticker where that is one word and its alone, else its id."""
    names = {row["parent_id"]: _word(row["ticker"] or "") for row in listed.iter_rows(named=True)}
    taken = [name.lower() for name in names.values()]
    found, used = {}, set()
    for k, (parent_id, ticker) in enumerate(names.items()):
        name = ticker if ticker and taken.count(ticker.lower()) == 1 else _word(parent_id)
        if not name or name.lower() in used:
            name = f"{name}-{k}"
        used.add(name.lower())
        found[parent_id] = f"{name}.html"
    return found


def _word(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "-", name).strip("-.")


def list_page(answers: Mapping[str, Answer], frame: Frame) -> str:
    """All issuers of the evening in one table."""
    table = layout.table(
        answers["listed"],
        [
            Column("ticker", "stock", "issuer"),
            Column("company_name", "company"),
            Column("sector", "sector"),
            Column("score", "score", "+.3f", bar=True),
            Column("probability_pct", "P(under\u00adperform), %", ".1f"),
            Column("spread_bps", "spread, bp", ",.0f"),
            Column("oas_5d_change_bps", "spread, 5 days, bp", "+.0f"),
            Column("cds_bond_basis_bps", "basis, bp", "+.0f"),
            Column("equity_return_5d_pct", "stock, 5 days, %", "+.1f"),
            Column("trace_volume_zscore_5d", "volume, z", "+.1f"),
            Column("n_bonds", "bonds", ",.0f"),
            Column("staleness_days", "days since a bond traded", ".0f"),
            Column("weight_pct", "position, %", "+.2f"),
        ],
        frame,
        "Issuers on the evening",
        empty="No issuer has features on this evening.",
    )
    body = layout.section("listed", "All issuers", table)
    return layout.page(
        frame,
        "issuers.html",
        "Issuers",
        body,
        f"{answers['listed'].rows.height} issuers had features; a stock leads to its page.",
    )


def pages(answers: Mapping[str, Answer], frame: Frame) -> Iterator[tuple[str, str]]:
    """The page of each parent: its file within the site and its HTML."""
    inner = frame.within("../")
    parted = {
        name: answer.rows.partition_by("parent_id", as_dict=True)
        for name, answer in answers.items()
    }
    for row in answers["listed"].rows.iter_rows(named=True):
        parent_id = row["parent_id"]
        own = {
            name: answer.of_parent(parent_id, parted[name].get((parent_id,)))
            for name, answer in answers.items()
        }
        yield f"issuers/{frame.files[parent_id]}", page(own, row, inner)


def page(own: Mapping[str, Answer], row: Mapping[str, Any], frame: Frame) -> str:
    """The page of one parent, from the answers about it; `row` is its row of the list."""
    title = f"{row['ticker'] or row['parent_id']}: {row['company_name'] or row['parent_id']}"
    lead = ". ".join(str(one) for one in (row["sector"], _in_words(own["why"].rows)) if one)
    body = "".join(
        [
            _section_of_score(own, row, frame),
            _section_of_time(own, frame),
            _section_of_bonds(own, frame),
            _section_of_trades(own, frame),
            _section_of_entities(own, frame),
        ]
    )
    return layout.page(frame, "issuers.html", title, body, lead + ".")


def _in_words(why: pl.DataFrame) -> str:
    if why.is_empty():
        return "It has no score on this evening"
    said = reasons(why.row(0, named=True))
    return said[:1].upper() + said[1:]


# What is asked


def _listed(evening: Evening) -> Question:
    return question(
        "listed",
        f"""
        SELECT d.parent_id, d.ticker, e.company_name, d.sector, s.score,
          100 * s.probability_underperform AS probability_pct, s.is_informed, d.spread_bps,
          d.oas_5d_change_bps, d.cds_bond_basis_bps, d.equity_return_5d_pct,
          d.trace_volume_zscore_5d, d.n_bonds, d.staleness_days, 100 * p.weight AS weight_pct
        FROM (SELECT * FROM issuer_days WHERE {ANY_PARENT}) d
        LEFT JOIN scores s ON s.parent_id = d.parent_id AND s.trade_date = d.trade_date
        LEFT JOIN (
          SELECT parent_id, arg_max(company_name, (valid_from_date, known_at)) AS company_name
          FROM equities WHERE known_at <= {evening.known} GROUP BY parent_id
        ) e ON e.parent_id = d.parent_id
        LEFT JOIN positions p ON p.parent_id = d.parent_id AND p.trade_date = d.trade_date
          AND p.policy = {evening.book}
        WHERE d.trade_date = {evening.at} ORDER BY s.score DESC NULLS LAST, d.ticker, d.parent_id
        """,
    )


def _series(evening: Evening) -> Question:
    return question(
        "series",
        f"""
        SELECT d.parent_id, d.trade_date, d.spread_bps, d.filtered_spread_bps,
          d.spread_bps - d.spread_vs_sector_median AS peers_bps, d.spread_slope_10y2y,
          d.cds_spread_bps, d.cds_bond_basis_bps, d.trace_volume_zscore_5d,
          100 * exp(sum(ln(1 + coalesce(p.total_return_pct, 0) / 100)) OVER one
            - first_value(ln(1 + coalesce(p.total_return_pct, 0) / 100)) OVER one) AS stock,
          s.score
        FROM (SELECT * FROM issuer_days WHERE {ANY_PARENT}) d
        LEFT JOIN equity_prices p ON p.ticker = d.ticker AND p.trade_date = d.trade_date
        LEFT JOIN scores s ON s.parent_id = d.parent_id AND s.trade_date = d.trade_date
        WHERE d.trade_date <= {evening.at}
        WINDOW one AS (PARTITION BY d.parent_id ORDER BY d.trade_date
          ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
        ORDER BY d.parent_id, d.trade_date
        """,
    )


def _bonds(evening: Evening) -> Question:
    first = evening.before(LAST_DAYS)
    return question(
        "bonds",
        f"""
        WITH {links(evening)}, newest AS (
          SELECT * FROM bond_days_as_of({evening.known})
          WHERE trade_date BETWEEN {evening.before(21)} AND {evening.at}
          QUALIFY row_number() OVER (PARTITION BY cusip ORDER BY trade_date DESC) = 1
        ), traded AS (
          SELECT cusip, count(*) AS n_trades, sum(par_usd) AS par_usd
          FROM trades_as_of({evening.known})
          WHERE execution_date > {first} AND execution_date <= {evening.at} GROUP BY cusip
        )
        SELECT l.parent_id, l.cusip, i.issuer_name,
          CASE b.coupon_type WHEN 'V' THEN 'floating' WHEN 'Z' THEN 'zero' ELSE 'fixed' END
            AS coupon_type,
          b.coupon_pct, b.maturity_date, b.is_callable, n.trade_date AS last_date,
          coalesce(n.price, n.implied_price) AS price, n.yield_pct, n.oas_bps,
          n.amount_outstanding_usd / 1e6 AS amount_musd, coalesce(t.n_trades, 0) AS n_trades,
          coalesce(t.par_usd, 0) / 1e6 AS traded_musd
        FROM (SELECT * FROM links WHERE {ANY_PARENT}) l JOIN bonds b ON b.cusip = l.cusip
        LEFT JOIN (
          SELECT issuer_id, arg_max(issuer_name, (valid_from_date, known_at)) AS issuer_name
          FROM issuers WHERE known_at <= {evening.known} GROUP BY issuer_id
        ) i ON i.issuer_id = b.issuer_id
        LEFT JOIN newest n ON n.cusip = l.cusip LEFT JOIN traded t ON t.cusip = l.cusip
        ORDER BY l.parent_id, b.maturity_date, l.cusip
        """,
    )


def _trades(evening: Evening) -> Question:
    return question(
        "trades",
        f"""
        WITH {links(evening)}
        SELECT l.parent_id, coalesce(strftime(t.executed_at, '%Y-%m-%d %H:%M:%S'),
            t.execution_date::VARCHAR) AS executed_at, t.cusip, t.price, t.yield_pct,
          t.par_usd, CASE WHEN t.is_par_capped THEN 'or more' ELSE '' END AS capped,
          CASE t.side WHEN 'S' THEN 'dealer sells' WHEN 'B' THEN 'dealer buys' END AS side,
          CASE t.contra WHEN 'C' THEN 'customer' WHEN 'D' THEN 'dealer' WHEN 'A' THEN 'affiliate'
            END AS contra, t.delivery_date, t.record_number,
          count(*) OVER (PARTITION BY l.parent_id) AS n_in_all
        FROM trades_as_of({evening.known}) t
        JOIN (SELECT * FROM links WHERE {ANY_PARENT}) l ON l.cusip = t.cusip
        WHERE t.execution_date > {evening.before(LAST_DAYS)} AND t.execution_date <= {evening.at}
        QUALIFY row_number() OVER (PARTITION BY l.parent_id ORDER BY t.execution_date DESC,
          t.executed_at DESC NULLS LAST, t.delivery_date DESC, t.record_number DESC) <= {_TRADES}
        ORDER BY l.parent_id, t.execution_date DESC, t.executed_at DESC NULLS LAST,
          t.delivery_date DESC, t.record_number DESC
        """,
    )


def _contributions(evening: Evening) -> Question:
    return question(
        "contributions",
        f"""
        SELECT parent_id, feature, input, contribution, base_value
        FROM score_contributions WHERE trade_date = {evening.at} AND {ANY_PARENT}
          AND contribution <> 0
        QUALIFY row_number() OVER (PARTITION BY parent_id
          ORDER BY abs(contribution) DESC, feature) <= {_CONTRIBUTIONS}
        ORDER BY parent_id, abs(contribution) DESC, feature
        """,
    )


def _position(evening: Evening) -> Question:
    return question(
        "position",
        f"""
        SELECT t.parent_id, coalesce(p.shares, 0) AS shares, p.value_usd,
          100 * p.weight AS weight_pct, p.pnl_usd, 100 * t.weight AS target_pct,
          t.shares AS target_shares, t.alpha_bps, t.state,
          (SELECT sum(e.pnl_usd) FROM positions e WHERE e.parent_id = t.parent_id
            AND e.policy = t.policy AND e.trade_date <= {evening.at}) AS start_usd
        FROM (SELECT * FROM target_positions WHERE {ANY_PARENT}) t
        LEFT JOIN positions p ON p.parent_id = t.parent_id AND p.policy = t.policy
          AND p.trade_date = t.trade_date
        WHERE t.trade_date = {evening.at} AND t.policy = {evening.book} ORDER BY t.parent_id
        """,
    )


def _entities(evening: Evening) -> Question:
    return question(
        "entities",
        f"""
        WITH known AS (SELECT * FROM issuers WHERE known_at <= {evening.known}), asked AS (
          SELECT DISTINCT parent_id AS of_parent_id, issuer_id FROM known
        )
        SELECT parent_id, issuer_name, issuer_cusip, belongs_to, stock, valid_from_date,
          valid_to_date
        FROM (
          SELECT a.of_parent_id AS parent_id, k.issuer_name, k.issuer_cusip,
            k.parent_id AS belongs_to, e.ticker AS stock, k.valid_from_date, k.valid_to_date
          FROM asked a JOIN known k ON k.issuer_id = a.issuer_id
          LEFT JOIN (
            SELECT parent_id, arg_max(ticker, (valid_from_date, known_at)) AS ticker
            FROM equities WHERE known_at <= {evening.known} GROUP BY parent_id
          ) e ON e.parent_id = k.parent_id
        ) WHERE {ANY_PARENT}
        ORDER BY parent_id, issuer_name, issuer_cusip, valid_from_date
        """,
    )


# What is shown


def _section_of_score(own: Mapping[str, Answer], row: Mapping[str, Any], frame: Frame) -> str:
    parts = [
        layout.facts(
            own["listed"],
            [
                Column("score", "score", "+.3f"),
                Column("probability_pct", "P(under\u00adperform), %", ".1f"),
                Column("spread_bps", "spread at 5 years, bp", ",.0f"),
                Column("oas_5d_change_bps", "spread, 5 days, bp", "+.0f"),
                Column("equity_return_5d_pct", "stock, 5 days, %", "+.1f"),
                Column("weight_pct", "position, % of the book", "+.2f"),
            ],
        ),
        "<h3>What its bonds and its stock did</h3>",
        layout.table(
            own["why"],
            [
                Column("n_bonds", "bonds with a change", ",d"),
                Column("n_wider", "of them wider", ",d"),
                Column("median_change_bps", "middle change, bp", "+.1f"),
                Column("equity_excess_return_5d_pct", "stock less sector, %", "+.2f"),
                Column("usual_move_pct", "usual move, %", ".2f"),
                Column("news_size", "surest news, daily volatilities", "+.2f"),
                Column("news_probability", "its probability", ".2f"),
                Column("news_age", "days ago", "d"),
            ],
            frame,
            "What the reasons rest on",
            empty="No score on this evening.",
        ),
    ]
    if own["contributions"].rows.height:
        parts += [
            "<h3>What moved the model</h3>",
            layout.table(
                own["contributions"],
                [
                    Column("feature", "input"),
                    Column("input", "as the model saw it", "+.3f"),
                    Column("contribution", "contribution to the prediction", "+.5f", bar=True),
                ],
                frame,
                "Largest contributions to the prediction",
            ),
            layout.paragraph(
                f"`bondsig explain {row['ticker']} {frame.day}` goes on to the trade reports.",
                "note",
            ),
        ]
    parts += [
        "<h3>Its position</h3>",
        layout.table(
            own["position"],
            [
                Column("state", "state", "state"),
                Column("shares", "shares held", "+,d"),
                Column("value_usd", "value, $", "+,.0f"),
                Column("weight_pct", "weight, %", "+.2f"),
                Column("target_pct", "target, %", "+.2f"),
                Column("target_shares", "target, shares", "+,d"),
                Column("alpha_bps", "expected in five days, bp", "+.1f"),
                Column("pnl_usd", "P&L of the day, $", "+,.0f"),
                Column("start_usd", "P&L since the start, $", "+,.0f"),
            ],
            frame,
            "Position and target",
            empty="The book neither holds nor wants it.",
        ),
    ]
    return layout.section("score", "Why its score, and what is held", *parts)


def _section_of_time(own: Mapping[str, Answer], frame: Frame) -> str:
    """Six charts of one answer over one axis."""
    shown = [
        Picture(
            "spread-chart",
            "Credit spread, bp",
            [
                Line("spread_bps", "spread at 5 years"),
                Line("filtered_spread_bps", "filtered", "thin"),
                Line("peers_bps", "median of its peers"),
            ],
            "bp",
        ),
        Picture(
            "slope-chart",
            "Spread curve: 10 years less 2, bp",
            [Line("spread_slope_10y2y", "slope")],
            "bp",
            is_small=True,
        ),
        Picture(
            "basis-chart",
            "CDS and its basis to the bonds, bp",
            [Line("cds_spread_bps", "CDS, 5 years"), Line("cds_bond_basis_bps", "basis")],
            "bp",
            is_small=True,
        ),
        Picture(
            "volume-chart",
            "Par traded over five days, z-score",
            [Line("trace_volume_zscore_5d", "volume")],
            is_small=True,
        ),
        Picture("stock-chart", "Stock with dividends, first day = 100", [Line("stock", "stock")]),
        Picture("scores-chart", "Score", [Line("score", "score")], is_small=True),
    ]
    return layout.section(
        "time",
        "On one time axis",
        layout.charts(own["series"], shown, frame),
        note="Each day as known at its own cutoff.",
    )


def _section_of_bonds(own: Mapping[str, Answer], frame: Frame) -> str:
    return layout.section(
        "bonds",
        "Its bonds",
        layout.table(
            own["bonds"],
            [
                Column("cusip", "CUSIP"),
                Column("issuer_name", "issued by"),
                Column("coupon_pct", "coupon, %", ".3f"),
                Column("coupon_type", "coupon"),
                Column("maturity_date", "maturity"),
                Column("amount_musd", "outstanding, m$", ",.0f"),
                Column("last_date", "last bond day"),
                Column("price", "price", ".3f"),
                Column("yield_pct", "yield, %", ".3f"),
                Column("oas_bps", "OAS, bp", ",.0f"),
                Column("n_trades", f"trades in {LAST_DAYS} days", ",d", bar=True),
                Column("traded_musd", "par traded, m$", ",.1f"),
            ],
            frame,
            "Bonds outstanding that lead to this stock",
            empty="No bond of it was outstanding, as known then.",
        ),
        note="With the newest bond day of 21 trading days, as known then; par as disseminated.",
    )


def _section_of_trades(own: Mapping[str, Answer], frame: Frame) -> str:
    rows = own["trades"].rows
    n_all = rows["n_in_all"][0] if rows.height else 0
    more = f", the newest {_TRADES}" if n_all > _TRADES else ""
    return layout.section(
        "trades",
        f"Trades of the last {LAST_DAYS} trading days",
        layout.table(
            own["trades"],
            [
                Column("executed_at", "executed"),
                Column("cusip", "CUSIP"),
                Column("price", "price", ".3f"),
                Column("yield_pct", "reported yield, %", ".3f"),
                Column("par_usd", "par, $", ",.0f"),
                Column("capped", "capped"),
                Column("side", "side"),
                Column("contra", "with"),
                Column("delivery_date", "delivery"),
                Column("record_number", "record", "d"),
            ],
            frame,
            "Trades that stood on the evening",
            empty="None that stood on the evening.",
        ),
        note=f"{n_all} stood on the evening{more}.",
    )


def _section_of_entities(own: Mapping[str, Answer], frame: Frame) -> str:
    answer = own["entities"]
    return layout.section(
        "entities",
        "Who belongs to it",
        layout.table(
            answer,
            [
                Column("issuer_name", "issuer"),
                Column("issuer_cusip", "issuer CUSIP"),
                Column("stock", "belongs to", "issuer:belongs_to"),
                Column("valid_from_date", "from"),
                Column("valid_to_date", "to"),
            ],
            frame,
            "Issuers that belong to it, or did",
            empty="Nothing is known of its issuers.",
        ),
        note="With all parents that each has had, as known on the evening.",
    )
