"""A first look at a warehouse: what is in it, one issuer from trades to score, then and now.

Belongs here: what a researcher opens on the first day. Not here: results (`docs/results.md`). Run
`marimo edit notebooks/first_look.py`, or `python notebooks/first_look.py` to see that it runs.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="bondsig: a first look")


@app.cell
def _():
    import marimo as mo
    import matplotlib.pyplot as plt
    import polars as pl

    import bondsig_assets as bondsig
    from bondsig_assets.home import PACKAGE, current_home

    def shown(frame):
        """A table with four digits, which nothing is chosen from."""
        return mo.ui.table(frame.with_columns(pl.selectors.float().round(4)), selection=None)

    return PACKAGE, bondsig, current_home, mo, pl, plt, shown


@app.cell
def _(bondsig, current_home, mo):
    home = current_home()
    market = home.market()
    lake = bondsig.connect(home.path)
    mo.md(
        f"""
        # A first look

        The home **{home.path}** holds the {market.describe() if market else "market of nobody"}.
        {
            "**Everything here is simulated**: nothing is evidence about real bonds."
            if market and market.source == "simulated"
            else ""
        }

        `lake` is a DuckDB connection that only reads: `lake.sql("…").pl()` is a Polars frame,
        `.df()` a pandas one. Set `BONDSIG_HOME` before you start marimo to look at another home.
        """
    )
    return (lake,)


@app.cell
def _(lake, mo, shown):
    tables = lake.sql(
        """
        select t.table_name, count(*) as columns, any_value(t.comment) as meaning
        from duckdb_tables() t
        join duckdb_columns() c using (database_name, schema_name, table_name)
        where t.database_name = 'lake' and t.schema_name = 'main' and t.table_name <> 'migrations'
        group by t.table_name order by t.table_name
        """
    ).pl()
    mo.vstack(
        [
            mo.md(
                "## What there is\n\nEvery table and column says what it means, in the warehouse."
            ),
            shown(tables),
        ]
    )
    return (tables,)


@app.cell
def _(lake, mo, shown):
    rejected = lake.sql(
        """
        select reason, count(*) as reports,
          round(100.0 * count(*) / (select count(*) from trace_reports), 2) as share_pct
        from rejected_reports group by reason order by reports desc, reason
        """
    ).pl()
    n_reports, n_trades = lake.sql(
        "select (select count(*) from trace_reports), (select count(*) from trades)"
    ).fetchone()
    mo.vstack(
        [
            mo.md(
                f"""
                ## From reports to trades

                {n_reports:,} reports came in and {n_trades:,} stand as trades. Every other one has
                a reason, and `cause_record_number` the report that ended it:
                """
            ),
            shown(rejected),
        ]
    )
    return n_reports, n_trades, rejected


@app.cell
def _(lake, mo):
    # The issuers with the most bond days first: there is most to see.
    tickers = [
        ticker
        for (ticker,) in lake.sql(
            "select ticker from issuer_days group by ticker"
            " order by sum(n_bonds_traded) desc nulls last, ticker"
        ).fetchall()
    ]
    chosen = mo.ui.dropdown(tickers, value=tickers[0], label="issuer")
    mo.vstack([mo.md("## One issuer"), chosen])
    return (chosen,)


@app.cell
def _(chosen, lake, pl, plt):
    path = lake.execute(
        """
        select d.trade_date, d.spread_bps, p.close_usd, s.score
        from issuer_days d
        left join equity_prices p on p.ticker = d.ticker and p.trade_date = d.trade_date
        left join scores s on s.ticker = d.ticker and s.trade_date = d.trade_date
        where d.ticker = ? order by d.trade_date
        """,
        [chosen.value],
    ).pl()
    figure, axes = plt.subplots(3, 1, figsize=(9, 6), sharex=True, constrained_layout=True)
    for axis, column, label in zip(
        axes,
        ("spread_bps", "close_usd", "score"),
        ("spread over Treasuries, bp", "stock, USD", "score"),
        strict=True,
    ):
        seen = path.filter(pl.col(column).is_not_null())
        axis.plot(seen["trade_date"], seen[column], linewidth=1)
        axis.set_ylabel(label)
    axes[2].axhline(0, color="grey", linewidth=0.5)
    figure.suptitle(chosen.value)
    plt.close(figure)
    figure
    return (path,)


@app.cell
def _(PACKAGE, lake, mo, shown):
    why = lake.sql((PACKAGE / "sql" / "examples" / "why_this_score.sql").read_text()).pl()
    mo.vstack(
        [
            mo.md(
                """
                ## Why is the lowest score of the newest day what it is?

                One of the queries in `sql/examples`. The contributions of all features and
                `base_value` add up to the prediction.
                """
            ),
            shown(why),
        ]
    )
    return (why,)


@app.cell
def _(bondsig, lake, mo, shown):
    # Half-way through the scored days.
    then_day = lake.sql(
        "select median(trade_date)::date from (select distinct trade_date from scores)"
    ).fetchone()[0]
    ask = f"""
        select count(*) as bond_days, sum(n_trades)::bigint as trades, avg(price) as mean_price
        from bond_days where trade_date <= date '{then_day}'
    """
    with bondsig.connect(as_of=then_day) as past:
        as_known_then = past.sql(ask).pl()
    as_known_now = lake.sql(ask).pl()
    mo.vstack(
        [
            mo.md(
                f"""
                ## Then and now

                The same days up to {then_day}, as they were known at that day's cutoff, and as they
                are known now: late reports, cancels and corrections came in between. Features of
                that day saw the first line.
                """
            ),
            shown(as_known_then),
            shown(as_known_now),
        ]
    )
    return as_known_now, as_known_then


@app.cell
def _(PACKAGE, lake, mo, shown):
    knows = lake.sql((PACKAGE / "sql" / "examples" / "does_it_know_anything.sql").read_text()).pl()
    mo.vstack(
        [
            mo.md(
                """
                ## Does any model know more than the equity-only control?

                `<model>_over_equity` is what a model adds to the control. Below the smallest
                detectable IC this sample is no evidence either way. A feature of your own is judged
                in the same way in `own_feature.py`.
                """
            ),
            shown(knows),
        ]
    )
    return (knows,)


if __name__ == "__main__":
    app.run()
