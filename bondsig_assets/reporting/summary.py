"""The summary a run ends with: what came in, what was rejected and why, what it found.

Belongs here: text for a person. Not here: numbers that are not in the warehouse.
"""

from __future__ import annotations

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from bondsig_assets.market_rules import MINIMUM_NAMES
from bondsig_assets.reporting.waterfall import Read, waterfall

#: Mean gross exposure below which a book held next to nothing, and a ratio says nothing of it.
_IDLE = 0.01


def print_summary(
    console: Console, read: Read, market: str, pictures: str, report: str = "", took: str = ""
) -> None:
    """Print waterfall, evaluation, where things are (`report`: the page to open, where there is
    one) and the next command.
    """
    console.print()
    console.print(Text(f"What bondsig found in the {market}", style="bold"))
    if market.startswith("simulated"):
        console.print(
            "[dim]A simulated market: nothing here is evidence about real bonds. Lead strength 0"
            " plants nothing, 0.10 is realistic, 0.20 strong on purpose.[/]"
        )
    console.print(_waterfall(read))
    console.print(_evaluations(read))
    console.print(_book(read))
    console.print(f"Pictures: {pictures}")
    if report:
        console.print(f"Report: {report}")
    if took:
        console.print(took)
    console.print(
        'Next: [bold]make ui[/] (graph, checks, models)   [bold].venv/bin/bondsig sql "from scores'
        ' order by trade_date desc, score limit 10"[/]'
    )


def _waterfall(read: Read) -> Table:
    table = Table(title="From reports to scores", title_justify="left", box=None, pad_edge=False)
    table.add_column("stage")
    table.add_column("rows", justify="right")
    table.add_column("share", justify="right")
    for stage, rows, share in waterfall(read).iter_rows():
        rejected = stage.startswith("rejected")
        table.add_row(
            Text(("  " if rejected else "") + stage, style="dim" if rejected else "bold"),
            f"{rows:,}",
            f"{abs(share):.2%}" if share is not None else "",
        )
    return table


def _evaluations(read: Read) -> Table | Group | str:
    rows = read(
        "SELECT *, (SELECT max_by(label, fold) FROM models) AS label FROM evaluations WHERE slice ="
        " 'all' AND horizon_days = (SELECT coalesce(max_by(horizon_days, fold), 5) FROM models)"
        " ORDER BY model_name LIKE '%over_equity', model_name"
    ).to_dicts()
    if not rows:
        if not read("SELECT count(*) AS n FROM labels")["n"][0]:
            return (
                "\nNo evaluation: there is not one label, so nothing could be trained. If labels"
                " were asked for, `bondsig doctor` says which input is lacking."
            )
        return (
            "\nNo evaluation yet: no fold has enough labelled days before it (it takes about a"
            f" year), or no day has {MINIMUM_NAMES} issuers."
        )
    first, last, days, horizon = (
        rows[0]["first_date"],
        rows[0]["last_date"],
        rows[0]["n_days"],
        rows[0]["horizon_days"],
    )
    kind = "beta-adjusted" if rows[0]["label"] == "beta_adjusted" else "excess"
    title = Text(
        f"Daily size-weighted IC against the {horizon}-day {kind} return, {days} days,"
        f" {first} … {last}",
        style="italic",
    )
    table = Table(box=None, pad_edge=False)
    for name in ("model", "IC", "added to control", "t", "smallest detectable", "rank IC", "t"):
        table.add_column(name, justify="left" if name == "model" else "right")
    of = {row["model_name"]: row for row in rows}
    for name in sorted({one.removesuffix("_over_equity") for one in of}):
        alone, added = of.get(name, {}), of.get(f"{name}_over_equity", {})
        table.add_row(
            "equity-only control" if name == "equity_only" else name,
            _signed(alone.get("size_weighted_ic"), 4),
            Text(_signed(added.get("size_weighted_ic"), 4), style="bold"),
            Text(_signed(added.get("size_weighted_t"), 2), style="bold"),
            _signed(added.get("smallest_detectable_size_weighted_ic"), 4).lstrip("+"),
            _signed(alone.get("mean_ic"), 4),
            _signed(alone.get("t_statistic"), 2),
        )
    note = (
        "Size-weighted: the day's correlation of the score with the return's normal score. What is"
        " added is what the equity-only control does not explain of the score. Below the smallest"
        " detectable one (2.8 standard errors) is no evidence either way. One sample is one draw."
    )
    return Group(Text(), title, table, Text(note, style="dim"), _champion(read))


def _book(read: Read) -> Text:
    """What the book holds, orders and earned, and which bounds gave way."""
    days = read(
        "SELECT policy, count(*) AS n, min(trade_date) AS first, arg_max(nav_usd, trade_date) AS"
        " nav, sum(capital_usd) AS capital, sum(interest_usd) AS interest, avg(gross) AS"
        " mean_gross, arg_max(n_long, trade_date) AS n_long, arg_max(n_short, trade_date) AS"
        " n_short, arg_max(gross, trade_date) AS gross,"
        " arg_max_null(beta, trade_date) AS beta, max(trade_date) AS last FROM portfolio_days"
        " GROUP BY policy ORDER BY last DESC, policy"
    ).to_dicts()
    if not days:
        return Text("No book yet: `bondsig run` makes target positions once there are scores.")
    one = days[0]
    where = f"WHERE policy = '{one['policy']}'"
    n_orders = read(
        f"SELECT count(*) AS n FROM orders {where} AND state = 'sent' AND decision_date ="
        f" DATE '{one['last']}'"
    )["n"][0]
    breaches = read(
        f"SELECT count(*) AS n, count(DISTINCT trade_date) AS days FROM breaches {where}"
    ).row(0)
    sharpe = read(
        f"SELECT value, error FROM performance {where} AND part = 'net' AND figure = 'sharpe_ratio'"
    ).rows()
    earned = one["nav"] - one["capital"]
    said = (
        f"Book of policy {one['policy']} since {one['first']}: ${one['nav']:,.0f}, net P&L"
        f" {earned:+,.0f} after all costs, {one['interest']:+,.0f} of it interest"
    )
    if (one["mean_gross"] or 0.0) < _IDLE:
        said += "; it hardly ever held a stock: little was known"
    elif sharpe and sharpe[0][0] is not None:
        said += f", Sharpe ratio {sharpe[0][0]:+.2f}"
        said += "" if sharpe[0][1] is None else f" ± {sharpe[0][1]:.2f}"
    said += (
        f"\nOn {one['last']}: {one['n_long']} long, {one['n_short']} short, gross"
        f" {one['gross'] or 0.0:.0%}, market beta {_signed(one['beta'], 3) or 'unknown'};"
        f" {n_orders} orders for the next session; "
        + (f"bounds gave way {breaches[0]} times" if breaches[0] else "every bound held")
    )
    return Text(said)


def _signed(value: float | None, digits: int) -> str:
    """A number with its sign, nothing where there is none."""
    return "" if value is None else f"{value:+.{digits}f}"


def _champion(read: Read) -> Text:
    found = read("SELECT * FROM champions ORDER BY valid_from_date DESC LIMIT 1").to_dicts()
    return Text(
        f"Champion since {found[0]['valid_from_date']}: {found[0]['model_version']}"
        f" ({found[0]['reason']})"
        if found
        else "No champion yet."
    )
