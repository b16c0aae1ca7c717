"""The record: what the book earned, how good the scores were and are, what moves the model, who
scored when, what rang.

Belongs here: the questions and the page of the past, as known on the evening. Not here: the
evening itself (`today.py`), statistics (`learning/evaluation.py`, `portfolio/figures.py`).

Tables that are judged over all days at once have no knowledge time: they are shown when the evening
is not before the last day they judge, else the page says why they are not.
"""

from __future__ import annotations

from collections.abc import Mapping

from bondsig_assets.reporting.site import layout
from bondsig_assets.reporting.site.layout import Column, Frame, Line, Picture
from bondsig_assets.reporting.site.questions import Answer, Evening, Question, one_row, question

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
#: Trading days of the mean of an IC; a model's inputs that are shown.
_IC_DAYS, _INPUTS = 63, 20
_CHAMPION = (
    "(SELECT arg_max(model_name, valid_from_date) FROM champions WHERE valid_from_date <= {})"
)


def questions(evening: Evening) -> list[Question]:
    """What the page asks."""
    asked = [
        _judged(evening),
        _book(evening),
        _months(evening),
        _earned_parts(evening),
        _performance(evening),
        _ics(evening),
        _decay(evening),
        _calibration(evening),
        _inputs(evening),
        _champions(evening),
    ]
    if "alarms" in evening.tables:
        asked.append(_rang(evening))
    return asked


def page(answers: Mapping[str, Answer], evening: Evening, frame: Frame) -> str:
    """The record, from its answers."""
    judged = one_row(answers, "judged")
    known = {name: last is None or str(last) <= str(evening.day) for name, last in judged.items()}
    parts = [
        _section_of_book(answers, evening, frame, known["performance_until"]),
        _section_of_ics(answers, frame, known["evaluations_until"]),
        _section_of_calibration(answers, frame, known["evaluations_until"]),
        _section_of_inputs(answers, frame),
        _section_of_champions(answers, frame),
        _section_of_alarms(answers, frame),
    ]
    return layout.page(
        frame,
        "record.html",
        "The record",
        "".join(parts),
        f"What the book of policy {evening.policy} earned, and how good the scores were.",
    )


# What is asked


def _judged(evening: Evening) -> Question:
    return question(
        "judged",
        f"""
        SELECT (SELECT max(last_date) FROM performance WHERE policy = {evening.book})
            AS performance_until,
          (SELECT max(last_date) FROM evaluations) AS evaluations_until
        """,
    )


def _book(evening: Evening) -> Question:
    return question(
        "book",
        f"""
        SELECT trade_date, growth, 100 * (growth / max(growth) OVER (ORDER BY trade_date
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - 1) AS drawdown_pct
        FROM (
          SELECT trade_date, 100 * exp(sum(ln(greatest(nav_usd / (nav_before_usd + capital_usd),
            1e-9))) OVER (ORDER BY trade_date)) AS growth
          FROM portfolio_days WHERE policy = {evening.book} AND trade_date <= {evening.at}
            AND nav_before_usd + capital_usd > 0
        ) ORDER BY trade_date
        """,
    )


def _months(evening: Evening) -> Question:
    return question(
        "months",
        f"""
        SELECT year(trade_date)::VARCHAR AS year, {_month_columns()},
          100 * (exp(sum(ln(greatest(nav_usd / (nav_before_usd + capital_usd), 1e-9)))) - 1)
            AS year_pct
        FROM portfolio_days WHERE policy = {evening.book} AND trade_date <= {evening.at}
          AND nav_before_usd + capital_usd > 0
        GROUP BY 1 ORDER BY 1 DESC
        """,
    )


def _month_columns() -> str:
    return ",\n  ".join(
        "100 * (exp(sum(ln(greatest(nav_usd / (nav_before_usd + capital_usd), 1e-9))) FILTER"
        f" (WHERE month(trade_date) = {k})) - 1) AS month_{k}_pct"
        for k in range(1, 13)
    )


def _earned_parts(evening: Evening) -> Question:
    each = ", ".join(
        f"sum(sum(pnl_usd) FILTER (WHERE part = '{part}')) OVER one / 1e6 AS {part}_musd"
        for part in ("alpha", "factor", "specific", "cost")
    )
    return question(
        "earned_parts",
        f"""
        SELECT trade_date, {each}
        FROM pnl_parts WHERE policy = {evening.book} AND trade_date <= {evening.at}
        GROUP BY trade_date WINDOW one AS (ORDER BY trade_date) ORDER BY trade_date
        """,
    )


def _performance(evening: Evening) -> Question:
    return question(
        "performance",
        f"""
        SELECT part, figure, value, error, t_statistic, smallest_detectable, first_date,
          last_date, n_days
        FROM performance WHERE policy = {evening.book} AND last_date <= {evening.at}
        ORDER BY array_position(['net', 'gross', 'active', 'long', 'short'], part) NULLS LAST,
          part, figure
        """,
    )


def _ics(evening: Evening) -> Question:
    champion = _CHAMPION.format(evening.at)
    return question(
        "ics",
        f"""
        WITH known AS (
          SELECT trade_date, horizon_days FROM labels WHERE trade_date <= {evening.at}
          GROUP BY ALL HAVING max(known_at) <= {evening.known}
        ), used AS (SELECT coalesce(arg_max(horizon_days, fold), 5) AS h FROM models
          WHERE known_at <= {evening.known})
        SELECT i.trade_date, avg(i.size_weighted_ic) OVER quarter AS mean_ic,
          avg(e.size_weighted_ic) OVER quarter AS mean_control_ic,
          sum(i.size_weighted_ic) OVER (ORDER BY i.trade_date) AS total_ic
        FROM information_coefficients i
        JOIN used ON i.horizon_days = used.h
        JOIN known k ON k.trade_date = i.trade_date AND k.horizon_days = i.horizon_days
        LEFT JOIN information_coefficients e ON e.trade_date = i.trade_date
          AND e.horizon_days = i.horizon_days AND e.model_name = 'equity_only'
        WHERE i.model_name = {champion}
        WINDOW quarter AS (ORDER BY i.trade_date ROWS BETWEEN {_IC_DAYS - 1} PRECEDING
          AND CURRENT ROW)
        ORDER BY i.trade_date
        """,
    )


def _decay(evening: Evening) -> Question:
    champion = _CHAMPION.format(evening.at)
    return question(
        "decay",
        f"""
        SELECT model_name, horizon_days, size_weighted_ic, size_weighted_error, size_weighted_t,
          smallest_detectable_size_weighted_ic, tied_rank_ic, hit_rate, book_return_pct,
          book_return_t, n_days
        FROM evaluations
        WHERE slice = 'all' AND last_date <= {evening.at} AND model_name IN ({champion},
          {champion} || '_over_equity', 'equity_only', 'champion', 'champion_over_equity')
        ORDER BY model_name, horizon_days
        """,
    )


def _calibration(evening: Evening) -> Question:
    champion = _CHAMPION.format(evening.at)
    return question(
        "calibration",
        f"""
        SELECT 100 * mean_probability AS given_pct, 100 * observed_share AS seen_pct,
          100 * low AS low_pct, 100 * high AS high_pct, 100 * mean_probability AS equal_pct,
          n_rows
        FROM reliability_bins WHERE model_name = {champion} ORDER BY mean_probability
        """,
    )


def _inputs(evening: Evening) -> Question:
    champion = _CHAMPION.format(evening.at).replace("model_name", "model_version")
    return question(
        "inputs",
        f"""
        SELECT i.importance_rank, i.feature, 100 * i.share AS share_pct,
          i.mean_abs_contribution, i.mean_contribution, m.model_version
        FROM feature_importances i
        JOIN models m ON m.fold = i.fold AND m.model_name = i.model_name
        WHERE m.model_version = {champion} AND i.share > 0
        QUALIFY row_number() OVER (ORDER BY i.importance_rank, i.feature) <= {_INPUTS}
        ORDER BY i.importance_rank, i.feature
        """,
    )


def _champions(evening: Evening) -> Question:
    return question(
        "champions",
        f"""
        WITH days AS (
          SELECT trade_date, count(DISTINCT score) = 1 AND count(*) > 1 AS is_alike,
            avg(CASE WHEN is_informed THEN 1.0 ELSE 0.0 END) AS informed
          FROM scores WHERE trade_date <= {evening.at} GROUP BY trade_date
        )
        SELECT c.valid_from_date, c.model_version, c.decision, c.reason,
          count(d.trade_date) AS n_days, count(*) FILTER (WHERE d.is_alike) AS n_alike_days,
          100 * avg(d.informed) AS informed_pct
        FROM champions c LEFT JOIN days d ON d.trade_date >= c.valid_from_date
          AND d.trade_date <= coalesce(c.valid_to_date, DATE '9999-12-31')
        WHERE c.known_at <= {evening.known} AND c.valid_from_date <= {evening.at}
        GROUP BY ALL ORDER BY c.valid_from_date DESC
        """,
    )


def _rang(evening: Evening) -> Question:
    return question(
        "rang",
        f"""
        SELECT trade_date, monitor, family, explanation, since_date, delay_days, model_version
        FROM alarms WHERE trade_date <= {evening.at} ORDER BY trade_date DESC, monitor
        """,
    )


# What is shown


def _later(what: str) -> str:
    return layout.paragraph(
        f"{what} is judged over days after this evening, and so was not known on it: `bondsig"
        " report` without --date shows it.",
        "empty",
    )


def _section_of_book(
    answers: Mapping[str, Answer], evening: Evening, frame: Frame, is_known: bool
) -> str:
    months = [
        Column("year", "year"),
        *(Column(f"month_{k}_pct", name, "+.1f") for k, name in enumerate(_MONTHS, start=1)),
        Column("year_pct", "year, %", "+.1f"),
    ]
    figures = layout.table(
        answers["performance"],
        [
            Column("part", "part"),
            Column("figure", "figure"),
            Column("value", "value", "digits"),
            Column("error", "± error", "digits"),
            Column("t_statistic", "t", "+.1f"),
            Column("smallest_detectable", "smallest detectable", "digits"),
        ],
        frame,
        "Figures of the book",
        empty="No day of a book that can be judged yet.",
    )
    return layout.section(
        "book",
        "What the book earned",
        layout.charts(
            answers["book"],
            [
                Picture(
                    "growth-chart",
                    "Net growth, 100 before the first day",
                    [Line("growth", "growth")],
                ),
                Picture(
                    "drawdown-chart",
                    "Drawdown, %",
                    [Line("drawdown_pct", "drawdown")],
                    "%",
                    is_small=True,
                ),
            ],
            frame,
            group="money",
        ),
        layout.charts(
            answers["earned_parts"],
            [
                Picture(
                    "parts-chart",
                    "Where it came from since the start, million dollars",
                    [
                        Line("alpha_musd", "alpha"),
                        Line("factor_musd", "factors"),
                        Line("specific_musd", "specific"),
                        Line("cost_musd", "costs"),
                    ],
                    "m$",
                )
            ],
            frame,
            group="money",
        ),
        "<h3>Net return by month, %</h3>",
        layout.table(answers["months"], months, frame, "Net return by month"),
        "<h3>Figures with their errors</h3>",
        figures if is_known else _later("The book"),
        note=f"Policy {evening.policy}, after all costs.",
    )


def _section_of_ics(answers: Mapping[str, Answer], frame: Frame, is_known: bool) -> str:
    decay = layout.table(
        answers["decay"],
        [
            Column("model_name", "model"),
            Column("horizon_days", "days ahead", "d"),
            Column("size_weighted_ic", "size-weighted IC", "+.4f", bar=True),
            Column("size_weighted_error", "± error", ".4f"),
            Column("size_weighted_t", "t", "+.1f"),
            Column("smallest_detectable_size_weighted_ic", "smallest detectable", ".4f"),
            Column("tied_rank_ic", "rank IC, ties", "+.4f"),
            Column("hit_rate", "hit rate", ".3f"),
            Column("book_return_pct", "book of scores, %", "+.2f"),
            Column("book_return_t", "t", "+.1f"),
            Column("n_days", "days", ",d"),
        ],
        frame,
        "IC by horizon",
        empty="Nothing was judged yet.",
    )
    return layout.section(
        "ics",
        "How good the scores were, and whether that fades",
        layout.charts(
            answers["ics"],
            [
                Picture(
                    "ic-chart",
                    f"Size-weighted IC, mean of {_IC_DAYS} days whose labels were known",
                    [
                        Line("mean_ic", "the champion's kind"),
                        Line("mean_control_ic", "equity-only control"),
                    ],
                ),
                Picture(
                    "total-chart",
                    "Sum of daily ICs: where the line turns flat, skill is gone",
                    [Line("total_ic", "sum")],
                ),
            ],
            frame,
        ),
        "<h3>By days ahead</h3>",
        decay if is_known else _later("IC by days ahead"),
    )


def _section_of_calibration(answers: Mapping[str, Answer], frame: Frame, is_known: bool) -> str:
    answer = answers["calibration"]
    shown = [
        layout.charts(
            answer,
            [
                Picture(
                    "calibration-chart",
                    "Share that underperformed by the probability given, %",
                    [
                        Line("seen_pct", "what came", "points"),
                        Line("low_pct", "95 % from", "thin"),
                        Line("high_pct", "95 % to", "thin"),
                        Line("equal_pct", "as given"),
                    ],
                    "%",
                )
            ],
            frame,
            x="given_pct",
        ),
        layout.table(
            answer,
            [
                Column("given_pct", "given, %", ".1f"),
                Column("seen_pct", "came, %", ".1f"),
                Column("low_pct", "from, %", ".1f"),
                Column("high_pct", "to, %", ".1f"),
                Column("n_rows", "predictions", ",d"),
            ],
            frame,
            "Probabilities given and what came",
        ),
    ]
    return layout.section(
        "calibration",
        "Do its probabilities mean what they say?",
        *(shown if is_known else [_later("Calibration")]),
    )


def _section_of_inputs(answers: Mapping[str, Answer], frame: Frame) -> str:
    rows = answers["inputs"].rows
    who = rows["model_version"][0] if rows.height else "the champion"
    return layout.section(
        "inputs",
        "What moves the model",
        layout.table(
            answers["inputs"],
            [
                Column("importance_rank", "rank", "d"),
                Column("feature", "input"),
                Column("share_pct", "share of all contributions, %", ".1f", bar=True),
                Column("mean_abs_contribution", "mean size", ".5f"),
                Column("mean_contribution", "mean", "+.5f"),
            ],
            frame,
            "Inputs by how much they move the prediction",
            empty="No model has told its inputs yet.",
        ),
        note=f"Of {who}, over its calibration span.",
    )


def _section_of_champions(answers: Mapping[str, Answer], frame: Frame) -> str:
    return layout.section(
        "champions",
        "Who scored when",
        layout.table(
            answers["champions"],
            [
                Column("valid_from_date", "from"),
                Column("model_version", "champion"),
                Column("decision", "decision"),
                Column("reason", "why", "words"),
                Column("n_days", "days scored", ",d"),
                Column("n_alike_days", "days on which all scores were alike", ",d"),
                Column("informed_pct", "scores with a probability of their own, %", ".0f"),
            ],
            frame,
            "Champions",
            empty="No champion yet.",
        ),
    )


def _section_of_alarms(answers: Mapping[str, Answer], frame: Frame) -> str:
    if "rang" not in answers:
        return layout.section(
            "alarms", "Alarms in time", layout.paragraph("No monitors in this home yet.", "empty")
        )
    return layout.section(
        "alarms",
        "Alarms in time",
        layout.table(
            answers["rang"],
            [
                Column("trade_date", "evening"),
                Column("monitor", "monitor"),
                Column("family", "family"),
                Column("explanation", "what rang", "words"),
                Column("since_date", "since"),
                Column("delay_days", "usual delay, days", ".0f"),
                Column("model_version", "champion then"),
            ],
            frame,
            "Every alarm",
            empty="None has rung.",
        ),
    )
