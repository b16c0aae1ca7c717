"""A feature of your own, judged honestly: walked forward, over the control, beside luck.

Belongs here: one idea from SQL to a verdict. Not here: how the verdict is made
(`bondsig_assets/learning/own_feature.py`). Run `marimo edit notebooks/own_feature.py`, and change
the cell that makes `values`.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="bondsig: a feature of your own")


@app.cell
def _():
    from statistics import NormalDist

    import marimo as mo
    import matplotlib.pyplot as plt
    import numpy as np
    import polars as pl

    import bondsig_assets as bondsig
    from bondsig_assets.home import current_home
    from bondsig_assets.learning.evaluation import DETECTABLE
    from bondsig_assets.learning.settings import load_settings

    def shown(frame):
        """A table with four digits, which nothing is chosen from."""
        return mo.ui.table(frame.with_columns(pl.selectors.float().round(4)), selection=None)

    return DETECTABLE, NormalDist, bondsig, current_home, load_settings, mo, np, pl, plt, shown


@app.cell
def _(bondsig, current_home, load_settings, mo, pl):
    home = current_home()
    settings = load_settings(home.learning_file).walk_forward
    lake = bondsig.connect(home.path)
    labels = lake.execute("from labels where horizon_days = ?", [settings.horizon_days]).pl()
    control = lake.sql("from predictions where model_name = 'equity_only'").pl()
    mo.md(
        f"""
        # A feature of your own

        Does it say anything about the stock's return over its sector in the next
        {settings.horizon_days} trading days that stock prices and filings do not? Four rules keep
        the answer honest:

        1. A value for a day rests on what was known at that day's cutoff. Give `known_at`, and what
           looks ahead is refused.
        2. The data say which side is good, quarter by quarter, on the days before it: no sign is
           put in by hand.
        3. What counts is what is left beside the control, `equity_only`.
        4. An effect below the smallest that this sample could have shown is no evidence, and with
           every further feature you try, luck has one more chance.

        {labels.height:,} labels, {control.height:,} predictions of the control from
        {control["trade_date"].min()} to {control["trade_date"].max()}.
        """
    )
    return control, labels, lake, settings


@app.cell
def _(lake):
    # Change this: one row an issuer and day, the number, and when it was known. Here: spreads have
    # widened over five days, in shares of their level, and the stock has not fallen.
    values = lake.sql(
        """
        select trade_date, parent_id, known_at,
          case when equity_return_5d_pct > 0 then oas_5d_change_pct else 0 end as value
        from issuer_days
        where oas_5d_change_pct is not null and equity_return_5d_pct is not null
        """
    ).pl()
    name = "unanswered_widening"
    return name, values


@app.cell
def _(mo, pl, values):
    per_day = values.group_by("trade_date").agg(
        issuers=pl.len(), zeros=(pl.col("value") == 0).mean()
    )
    mo.md(
        f"""
        ## What it looks like

        {values.height:,} values on {per_day.height:,} days, {per_day["issuers"].median():.0f}
        issuers on a usual day, {100 * per_day["zeros"].mean():.0f} % of them zero. From
        {values["value"].min():.3g} over {values["value"].median():.3g} (median) to
        {values["value"].max():.3g}.
        """
    )
    return


@app.cell
def _(bondsig, control, labels, name, settings, values):
    rows = bondsig.judge_feature(values, labels, control, settings, name)
    return (rows,)


@app.cell
def _(mo):
    tried = mo.ui.number(1, 1000, value=1, label="features you have tried, this one included")
    tried
    return (tried,)


@app.cell
def _(DETECTABLE, NormalDist, mo, name, pl, rows, shown, tried):
    _answer = rows.filter(pl.col("slice") == "all", pl.col("model_name") == f"{name}_over_equity")
    if _answer.is_empty():
        verdict = "Nothing is left beside the control: the feature is the control's prediction."
    else:
        _ic, _t, _least = _answer.select(
            "size_weighted_ic", "size_weighted_t", "smallest_detectable_size_weighted_ic"
        ).row(0)
        # What this sample finds four times in five, and more the more was tried (Bonferroni).
        _bar = max(DETECTABLE, NormalDist().inv_cdf(1 - 0.025 / tried.value))
        if abs(_t) < _bar:
            _said = "**not told apart from luck**"
        elif _ic < 0:
            _said = "**worse than luck**: the side that was good turned, again and again"
        else:
            _said = "**more than luck would explain**"
        verdict = (
            f"IC over equity {_ic:+.4f}, t {_t:.1f}, which has to be {_bar:.1f} (features tried:"
            f" {tried.value}): {_said}. The smallest IC that this sample would have shown four"
            f" times in five is {_least:.4f}."
        )
    mo.vstack(
        [
            mo.md("## The verdict"),
            mo.md(verdict),
            shown(
                rows.filter(pl.col("slice") == "all").select(
                    "model_name",
                    "size_weighted_ic",
                    "size_weighted_t",
                    "smallest_detectable_size_weighted_ic",
                    "mean_ic",
                    "book_return_pct",
                    "book_return_t",
                    "n_days",
                )
            ),
            mo.md("By year: an effect that one year made is not one."),
            shown(
                rows.filter(pl.col("slice") == "year").select(
                    "model_name", "bucket", "size_weighted_ic", "size_weighted_t", "n_days"
                )
            ),
        ]
    )
    return (verdict,)


@app.cell
def _(bondsig, control, labels, name, np, pl, settings, values):
    # The same numbers dealt out anew among the issuers of each day: all that is left is luck.
    _rng = np.random.default_rng(1)
    luck = []
    for _ in range(9):
        _dealt = values.with_columns(_order=pl.Series(_rng.random(values.height))).select(
            "trade_date",
            "parent_id",
            value=pl.col("value").sort_by("_order").over("trade_date"),
        )
        _row = bondsig.judge_feature(_dealt, labels, control, settings, name).filter(
            pl.col("slice") == "all", pl.col("model_name") == f"{name}_over_equity"
        )
        luck += _row["size_weighted_t"].to_list()
    return (luck,)


@app.cell
def _(luck, mo, name, pl, plt, rows):
    figure, axis = plt.subplots(figsize=(8, 2), constrained_layout=True)
    axis.plot(luck, [0] * len(luck), "o", color="grey", label="dealt out anew")
    axis.plot(
        rows.filter(pl.col("slice") == "all", pl.col("model_name") == f"{name}_over_equity")[
            "size_weighted_t"
        ],
        [0]
        * rows.filter(
            pl.col("slice") == "all", pl.col("model_name") == f"{name}_over_equity"
        ).height,
        "D",
        label=name,
    )
    axis.set_yticks([])
    axis.set_xlabel("t of the IC over equity")
    axis.legend()
    plt.close(figure)
    mo.vstack(
        [
            mo.md(
                """
                ## Beside luck

                The same values, dealt out anew among the issuers of each day, judged in the same
                way.
                """
            ),
            figure,
        ]
    )
    return


if __name__ == "__main__":
    app.run()
