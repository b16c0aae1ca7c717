"""The `bondsig` command.

Belongs here: arguments, messages, exit codes. Not here: any work. Heavy modules are imported
by the command that needs them, so that `bondsig --help` is instant.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import date
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

import click

from bondsig_assets import logs
from bondsig_assets.credentials import hidden
from bondsig_assets.disks import explained, says_full
from bondsig_assets.errors import BondsigError, SettingsError
from bondsig_assets.extras import needs
from bondsig_assets.home import VIEWS, Home, Market, current_home
from bondsig_assets.sources.registry import SOURCES

if TYPE_CHECKING:
    from bondsig_assets.trace.view import View


class _OneLine(click.ClickException):
    """A mistake of the user: one line, exit status 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the line."""
        _complain(self.message)


def _complain(text: str, level: str = "ERROR") -> None:
    """One line on standard error, for people or for machines."""
    try:
        is_json = logs.is_json()
    except SettingsError:
        is_json = False
    text = hidden(_with_full_disk(text))
    click.echo(logs.line(text, level) if is_json else f"bondsig: {text}", err=True)


def _with_full_disk(text: str) -> str:
    """`text` with the disk that is full, where that may be its cause."""
    if not says_full(text):
        return text
    try:
        return explained(text, current_home().path)
    except (OSError, BondsigError):
        return text


class _Commands(click.Group):
    """Commands whose errors, of whatever room, are one line."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            with needs("this command"):
                return super().invoke(ctx)
        except BondsigError as error:
            raise _OneLine(str(error)) from error
        except BrokenPipeError:
            # Click would end with status 1.
            _end_without_reader()


def _end_without_reader() -> NoReturn:
    """`| head` has read enough, which is no failure."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(0)


def _home(leaving: str = "") -> Home:
    """The home that the environment names; of a team, with market and settings as the lake has
    them, but for the settings `leaving`.
    """
    home = current_home()
    if not os.environ.get("BONDSIG_CATALOG"):
        return home
    from bondsig_assets.warehouse.shared_settings import follow

    return follow(home, leaving)


def _day(_context: click.Context, _parameter: click.Parameter, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(f"'{text}' is no date; write YYYY-MM-DD") from error


@click.group(cls=_Commands)
@click.version_option(package_name="bondsig")
def cli() -> None:
    """Does the corporate bond market know something before the stock does?

    State lives in the folder that BONDSIG_HOME names (default: .bondsig in the repository).
    """


@cli.command()
@click.option("--start", callback=_day, help="First day (default: the market's first).")
@click.option("--end", callback=_day, help="Last day (default: the market's last).")
@click.option(
    "--select",
    default="",
    help=(
        "Assets to run, in Dagster's selection syntax: 'key:trade_events+' is trades and all below,"
        " '+key:scores' all above."
    ),
)
@click.option(
    "--source",
    default=None,
    help=(
        f"Where raw data come from: {', '.join(SOURCES)} (default: what the home holds, else"
        " simulated)."
    ),
)
@click.option(
    "--data",
    default=None,
    type=click.Path(path_type=Path),
    help=(
        "Folder with source.toml, for --source files; with --source wrds, of everything but TRACE."
    ),
)
@click.option(
    "--config",
    default=None,
    type=click.Path(path_type=Path),
    help="The source.toml, where it is not in the data folder.",
)
@click.option("--world", default=None, help="Simulated world: tiny, demo or full.")
@click.option(
    "--live",
    is_flag=True,
    default=None,
    help=(
        "The simulated market goes on to yesterday, one new day each morning; a new home begins as"
        " long ago as its world is long: tiny 1 3/4 years, demo 4, full 6."
    ),
)
@click.option(
    "--lead-strength",
    default=None,
    type=float,
    help=(
        "Share of variance that bonds learn first: 0 plants nothing, 0.10 is realistic, 0.20 strong"
        " on purpose."
    ),
)
@click.option(
    "--lead-shape",
    default=None,
    help=(
        "How credit news comes and lands: sparse, diffuse, slow, bad_news, institutional, cds_only,"
        " or same_day, where nothing leads."
    ),
)
@click.option(
    "--lead-path",
    default=None,
    help=(
        "How the lead changes: constant, or fading, dead, halved, flipped with the trading day from"
        " which it is, as fading:504."
    ),
)
@click.option("--seed", default=None, type=int, help="Seed of the simulated world.")
@click.option(
    "--view",
    default=None,
    help=f"Reports as {' or '.join(VIEWS)}: what was disseminated, or everything.",
)
@click.option(
    "--tables",
    default=None,
    help=(
        "TRACE tables for --source wrds, of enhanced,standard,144a (default: all; the last two"
        " after Enhanced's last day)."
    ),
)
@click.option(
    "--allow-missing-times",
    is_flag=True,
    default=None,
    help="Go on with TRACE reports whose times are all missing.",
)
@click.option("--again", is_flag=True, help="Do work again that is already done.")
def run(
    start: date | None,
    end: date | None,
    select: str,
    source: str | None,
    data: Path | None,
    config: Path | None,
    world: str | None,
    live: bool | None,
    lead_strength: float | None,
    lead_shape: str | None,
    lead_path: str | None,
    seed: int | None,
    view: str | None,
    tables: str | None,
    allow_missing_times: bool | None,
    again: bool,
) -> None:
    """Materialize a range of days, from raw reports to scores, and say what was found."""
    from bondsig_assets.commands.console import speak_to_machines
    from bondsig_assets.commands.run import run_range

    speak_to_machines()
    given = {
        "source": source,
        "data": _absolute(data),
        "config": _absolute(config),
        "world": world,
        "is_live": live,
        "lead_strength": lead_strength,
        "lead_shape": lead_shape,
        "lead_path": lead_path,
        "seed": seed,
        "view": view,
        "tables": tables,
        "allow_missing_times": allow_missing_times,
    }
    home = _home()
    market = wanted_market(
        home.market(), {name: value for name, value in given.items() if value is not None}
    )
    run_range(home, market, start, end, select, again)


@cli.command("catch-up")
def catch_up() -> None:
    """Make every trading day that is missing up to yesterday, and all that is out of date.

    For a home that `bondsig run` has begun: with one run a stage, whatever the length of an outage.
    The schedule every_morning asks for the same.
    """
    from bondsig_assets.commands.catch_up import catch_up as catch_up_home
    from bondsig_assets.commands.console import speak_to_machines

    speak_to_machines()
    catch_up_home(_home())


def _absolute(path: Path | None) -> str | None:
    return str(path.resolve()) if path else None


def wanted_market(held: Market | None, given: dict[str, Any]) -> Market:
    """The market asked for: what the home holds unless options say otherwise."""
    if held is None:
        return Market(**{**({"source": "files"} if "data" in given else {}), **given})
    source = given.get("source") or ("files" if "data" in given else held.source)
    base = (
        {name: getattr(held, name) for name in Market.__dataclass_fields__}
        if source == held.source
        else {}
    )
    return Market(**{**base, "source": source, **given})


@cli.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for trades.parquet, rejected.parquet, bond_days.parquet.",
)
@click.option(
    "--layout",
    default="auto",
    help=(
        "auto (by header), wrds-enhanced, wrds-standard, wrds-144a, finra-enhanced, finra-academic,"
        " finra-web, finra-btds, finra-btds-144a; several with commas: each file takes its own."
    ),
)
@click.option(
    "--as-of",
    default=None,
    metavar="MOMENT",
    help=(
        "Only what was reported by then counts: 'YYYY-MM-DD HH:MM', New York time; a date means"
        " 18:30."
    ),
)
@click.option(
    "--bonds",
    default=None,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Terms of the bonds (Parquet or csv, our names or FISD's).",
)
@click.option(
    "--screens",
    default="research",
    show_default=True,
    help="none, research, institutional, ex_post, dick-nielsen, vns-drr, tidy, or a .toml file.",
)
@click.option(
    "--view",
    default="regulatory",
    type=click.Choice(VIEWS[::-1]),
    help="Everything in the file, or what was disseminated on the day.",
)
@click.option(
    "--compare",
    default=None,
    metavar="RECIPES",
    help="Set published recipes beside ours: any of osbap,tidy,dick-nielsen.",
)
@click.option(
    "--allow-missing-times",
    is_flag=True,
    help="Go on where a file lost its times; reports are then known at the end of their date.",
)
@click.option(
    "--max-bad-share",
    default=0.05,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="More reports of one file that cannot be used than this share stop it.",
)
@click.option(
    "--map",
    "mapped",
    multiple=True,
    metavar="OURS=THEIRS",
    help=(
        "Which column of the file is which: executed_at='trade time', cusip=value:037833AK6, or a"
        " source.toml with [[trace_reports]]. May be given again."
    ),
)
@click.option(
    "--skip-rows",
    default=None,
    type=click.IntRange(min=0),
    help="Lines above the header (default: the header is found).",
)
@click.option(
    "--dates",
    default=None,
    type=click.Choice(["sas", "epoch", "excel", "sas-seconds", "epoch-seconds"]),
    help="What numbers of dates count from, where a file can be read in two ways.",
)
@click.option(
    "--times",
    default=None,
    type=click.Choice(["hhmmss", "seconds"]),
    help="What numbers of times are, where a file can be read in two ways.",
)
def clean(
    files: tuple[Path, ...],
    out: Path,
    layout: str,
    as_of: str | None,
    bonds: Path | None,
    screens: str,
    view: View,
    compare: str | None,
    allow_missing_times: bool,
    max_bad_share: float,
    mapped: tuple[str, ...],
    skip_rows: int | None,
    dates: str | None,
    times: str | None,
) -> None:
    """Clean TRACE files: message lifecycle, double counting, screens, price errors, bond days.

    FILES: Parquet, csv, text, gz, zip or zip of zips, SAS, Stata or Excel, from WRDS or FINRA.
    """
    from bondsig_assets.commands.clean import clean_files

    clean_files(
        files,
        out,
        layout,
        as_of,
        bonds,
        screens,
        view,
        compare,
        allow_missing_times,
        max_bad_share,
        mapped,
        skip_rows,
        dates,
        times,
    )


class _Question(click.Command):
    """A command whose text may begin with a comment of SQL: that is no option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As ever, but an unknown option with a blank in it is an argument."""
        options = {name for parameter in self.get_params(ctx) for name in parameter.opts}
        end = args.index("--") if "--" in args else len(args)
        comments = [
            word
            for word in args[:end]
            if word.startswith("--") and len(word.split()) > 1 and word.split("=")[0] not in options
        ]
        if comments:
            others = [word for word in args[:end] if word not in comments]
            args = [*others, "--", *comments, *args[end + 1 :]]
        return super().parse_args(ctx, args)


@cli.command(cls=_Question)
@click.argument("query", required=False)
@click.option(
    "--file",
    metavar="FILE",
    help="Read the question from this file; - is standard input, as it is without QUERY.",
)
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json", "jsonl", "parquet"]),
    help="How rows are written: table (default), or by the ending of --out.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    help="Write the rows into this file: .csv, .csv.gz, .json, .jsonl or .parquet.",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
def sql(
    query: str | None, file: str | None, form: str | None, out: Path | None, overwrite: bool
) -> None:
    """Ask the warehouse; works also while a run writes. Reading only.

    \b
    bondsig sql "from scores order by trade_date desc, score limit 10"
    bondsig sql --file sql/examples/why_this_score.sql
    bondsig sql "from trades" --out trades.parquet
    """
    from bondsig_assets.commands.sql import answer, read_question

    answer(_home(), read_question(query, file), form, out, overwrite)


@cli.command()
@click.argument("query")
@click.option(
    "--as-of",
    "day",
    callback=_day,
    metavar="DATE",
    help="As known at the cutoff of this day (YYYY-MM-DD); default: the newest.",
)
@click.option(
    "--picture",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw spread, curve, volume, basis and stock into this file (.png, .svg, .pdf).",
)
def issuer(query: str, day: date | None, picture: Path | None) -> None:
    """Parent, subsidiaries, bonds and stock of QUERY: a name, ticker, CUSIP, issuer CUSIP or
    parent.
    """
    from bondsig_assets.commands.issuer import print_issuer

    print_issuer(_home(), query, day, picture)


@cli.command()
@click.argument("ticker")
@click.argument("day", callback=_day, metavar="DATE")
@click.option(
    "--picture",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw the contributions into this file (.png, .svg, .pdf).",
)
@click.option(
    "--reports",
    "n_reports",
    default=10,
    show_default=True,
    type=click.IntRange(min=0),
    help="Trade reports to show, the newest first.",
)
def explain(ticker: str, day: date, picture: Path | None, n_reports: int) -> None:
    """Why TICKER has its score on DATE: from the model over features and bonds to trade reports."""
    from bondsig_assets.commands.explain import print_explanation

    print_explanation(_home(), ticker, day, picture, n_reports)


@cli.command()
@click.argument("ticker")
@click.argument("day", callback=_day, metavar="DATE")
def diff(ticker: str, day: date) -> None:
    """What has become known since DATE about the trades of TICKER, and what it changes in features
    and score.
    """
    from bondsig_assets.commands.diff import print_diff

    print_diff(_home(), ticker, day)


@cli.command()
@click.option(
    "--date",
    "day",
    callback=_day,
    metavar="DATE",
    help="Day of the targets (default: the newest).",
)
@click.option(
    "--rows",
    "n_rows",
    default=20,
    show_default=True,
    type=click.IntRange(min=0),
    help="Positions to show, the largest first.",
)
@click.option(
    "--picture",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw where expected returns went into this file (.png, .svg, .pdf).",
)
def portfolio(day: date | None, n_rows: int, picture: Path | None) -> None:
    """Target positions of a day: what each name is expected to earn, what risk, costs and bounds
    took away, and what the book adds up to.
    """
    from bondsig_assets.commands.portfolio import print_portfolio

    print_portfolio(_home(), day, picture, n_rows)


@cli.command()
@click.option(
    "--date",
    "day",
    callback=_day,
    metavar="DATE",
    help="Day that decided (default: the newest).",
)
@click.option(
    "--rows",
    "n_rows",
    default=20,
    show_default=True,
    type=click.IntRange(min=0),
    help="Orders to show, the largest first.",
)
@click.option(
    "--csv",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write every slice of the orders that are sent into this file.",
)
def orders(day: date | None, n_rows: int, csv: Path | None) -> None:
    """Orders for the session after a day, in half hours; a file that an order management system
    reads.
    """
    from bondsig_assets.commands.orders import print_orders

    print_orders(_home(), day, csv, n_rows)


@cli.command()
@click.option(
    "--date",
    "day",
    callback=_day,
    metavar="DATE",
    help="Evening (default: the newest).",
)
@click.option(
    "--all", "show_all", is_flag=True, help="Every monitor, those too of which nothing is to tell."
)
@click.option("--budget", "show_budget", is_flag=True, help="Who may ring how often for nothing.")
@click.option(
    "--picture",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw monitors and alarms up to that evening into this file (.png, .svg, .pdf).",
)
def monitor(day: date | None, show_all: bool, show_budget: bool, picture: Path | None) -> None:
    """Whether it still works, in one screen: accuracy, calibration, profit, data and freshness by
    what was known on an evening, what rang and how often that happens for nothing.
    """
    from bondsig_assets.commands.monitor import print_monitor

    print_monitor(_home(), day, picture, show_all=show_all, show_budget=show_budget)


@cli.command()
@click.option("--policy", default=None, help="optimised, tranches, long_only or equity_only.")
@click.option("--nav", default=None, type=float, help="Net asset value it begins with, in dollars.")
@click.option("--start", callback=_day, help="First day (default: the first with scores).")
@click.option("--end", callback=_day, help="Last day (default: the last with scores).")
@click.option(
    "--credit", is_flag=True, help="Beside the same optimiser on the equity-only control."
)
@click.option("--capacity", is_flag=True, help="Also at 1, 3, 10 … 1,000 million dollars.")
@click.option(
    "--picture",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw the tear sheet into this file (.png, .svg, .pdf).",
)
def backtest(
    policy: str | None,
    nav: float | None,
    start: date | None,
    end: date | None,
    credit: bool,
    capacity: bool,
    picture: Path | None,
) -> None:
    """What another policy or size would have earned over the scores there are, by the functions of
    the daily run. What portfolio.toml says holds where nothing else is asked.
    """
    from bondsig_assets.commands.backtest import print_backtest

    print_backtest(
        _home(),
        policy,
        nav,
        start,
        end,
        picture,
        with_credit=credit,
        with_capacity=capacity,
    )


@cli.command()
@click.argument(
    "what", type=click.Choice(["learning", "portfolio", "monitoring"]), default="learning"
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a new file instead; one that exists is never overwritten.",
)
@click.option(
    "--apply",
    "applied",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Make this file the home's; of a team, every machine's. Who did is kept (audit-log).",
)
def settings(what: str, out: Path | None, applied: Path | None) -> None:
    """Print every setting with its meaning as a TOML file: of a training (learning.toml), of
    target positions (portfolio.toml) or of monitors (monitoring.toml), as the home has it, or the
    defaults.
    """
    from bondsig_assets.commands.settings import apply_settings, print_settings

    if applied and out:
        raise click.UsageError("--apply and --out exclude each other")
    if applied:
        apply_settings(_home(leaving=what), what, applied)
    else:
        print_settings(_home(), what, out)


@cli.command()
@click.option("--database", default="lake", show_default=True, help="Database of the catalog.")
@click.option("--owner", default="lake", show_default=True, help="Role that writes.")
@click.option("--reader", default="researcher", show_default=True, help="Role that only reads.")
def roles(database: str, owner: str, reader: str) -> None:
    """Print what makes the roles of a team's lake, for psql: bondsig roles | psql -h … -U postgres.

    It may be run again. It sets no password.
    """
    from bondsig_assets.commands.roles import print_roles

    print_roles(database, owner, reader)


@cli.command("audit-log")
@click.option(
    "-n",
    "rows",
    default=20,
    show_default=True,
    type=click.IntRange(min=1),
    help="How many of the newest.",
)
def audit_log(rows: int) -> None:
    """Who launched what, and who changed settings or the champion, the newest first."""
    from bondsig_assets.commands.audit_log import print_audit

    print_audit(_home(), rows)


@cli.command()
@click.argument("version", required=False)
@click.option(
    "--from",
    "day",
    callback=_day,
    metavar="DATE",
    help="First trading day it scores (default: the day after the newest score).",
)
def champion(version: str | None, day: date | None) -> None:
    """Show which model scores since when and why; with VERSION ("ridge 2024-04-01", or previous)
    put it there.
    """
    from bondsig_assets.commands.champion import print_champions, set_champion

    if version:
        set_champion(_home(), version, day)
    else:
        print_champions(_home())


@cli.command()
@click.option(
    "--offline",
    is_flag=True,
    help="Load the extensions that are installed here: no network, but this DuckDB version alone.",
)
def attach(offline: bool) -> None:
    """Print the SQL with which the DuckDB shell, or any other DuckDB, reads the warehouse.

    \b
    bondsig attach > lake.sql; duckdb -init lake.sql
    """
    from bondsig_assets.commands.warehouse import print_attachment

    print_attachment(_home(), offline)


@cli.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
def export(path: Path, overwrite: bool) -> None:
    """Copy the whole warehouse into one plain DuckDB file."""
    from bondsig_assets.commands.warehouse import export_file

    export_file(_home(), path, overwrite)


@cli.command()
def summary() -> None:
    """Print again what the last run found."""
    from bondsig_assets.commands.run import show_summary

    show_summary(_home())


@cli.command()
@click.option(
    "--date",
    "day",
    callback=_day,
    metavar="DATE",
    help="Evening to show, as known then (default: the newest).",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder to write it into (default: report/ in the home).",
)
def report(day: date | None, out: Path | None) -> None:
    """Write the pages of an evening: what arrived, scores and why, trades, P&L, every issuer, the
    record, the data. They open from the disk.
    """
    from bondsig_assets.commands.report import write_report

    write_report(_home(), day, out)


@cli.command()
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option("--port", default=3000, help="Port of Dagster.")
@click.option("--mlflow-port", default=5000, help="Port of MLflow.")
@click.option("--report-port", default=3001, help="Port of the report's pages.")
@click.option(
    "--allowed-hosts",
    default="",
    help="Names, with commas, that a proxy in front asks for; requests for others are refused.",
)
def ui(host: str, port: int, mlflow_port: int, report_port: int, allowed_hosts: str) -> None:
    """Serve the report's pages, the Dagster UI with its daemon, and the MLflow UI."""
    from bondsig_assets.commands.console import speak_to_machines
    from bondsig_assets.commands.ui import serve

    speak_to_machines()
    serve(_home(), host, port, mlflow_port, report_port, allowed_hosts)


@cli.command()
@click.option("--port", default=8443, help="Port of the pages, https on 127.0.0.1.")
@click.option(
    "--workers", default=0, type=click.IntRange(0), help="Processes that do blocks of runs."
)
def serve(port: int, workers: int) -> None:
    """Run a team's whole topology on this machine, behind a login: docs/team.md."""
    from bondsig_assets.commands.team import serve_here

    serve_here(current_home(), port, workers)


@cli.command()
@click.argument("name")
@click.option("--check", is_flag=True, help="Only say whether it is well.")
def service(name: str, check: bool) -> None:
    """Be one service of a team: what its containers, and `bondsig serve`, run."""
    from bondsig_assets.commands.team import be_service

    be_service(name, check)


@cli.command()
@click.argument("address")
@click.option("--host", default="127.0.0.1", help="Address of this machine that it listens on.")
@click.option("--processes", default=1, type=click.IntRange(1), help="Each has one thread.")
@click.option("--memory", default="4GiB", help="What a process may take before it is ended.")
def worker(address: str, host: str, processes: int, memory: str) -> None:
    """Do blocks of work for the Dask scheduler at ADDRESS, tcp://host:port: docs/cluster.md."""
    from bondsig_assets.commands.worker import become_worker

    become_worker(address, host, processes, memory)


@cli.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def within(arguments: tuple[str, ...]) -> None:
    """Any other command, on the lake, record and MLflow of a team: bondsig within run."""
    from bondsig_assets.commands.team import run_within

    run_within(arguments)


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def secrets(folder: Path) -> None:
    """Make the secrets that a team's containers need and FOLDER lacks."""
    from bondsig_assets.commands.team import make_secrets

    make_secrets(folder)


@cli.command()
@click.argument("name")
@click.option("--role", default="reader", help="operator, who may start runs, or reader.")
@click.option(
    "--secrets",
    "folder",
    default=None,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of `bondsig secrets` (default: that of the home).",
)
def login(name: str, role: str, folder: Path | None) -> None:
    """Let NAME in at a team's proxy; the password is asked for, or read from standard input."""
    from bondsig_assets.commands.team import add_login

    add_login(folder or current_home().path / "secrets", name, role)


@cli.command()
@click.option(
    "--snapshot-days",
    default=30.0,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Days that snapshots no model names, and files none needs, are kept.",
)
@click.option(
    "--event-days",
    default=90.0,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Days that logs of runs, and runs deleted in MLflow, are kept.",
)
def maintain(snapshot_days: float, event_days: float) -> None:
    """Keep the home fit for years, beside readers and writers: merge the lake's small files, forget
    old snapshots, remove files none needs and old logs. What is done and what models name stays.
    """
    from bondsig_assets.commands.maintain import keep_in_order

    keep_in_order(_home(), snapshot_days, event_days)


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--keep", type=click.IntRange(min=1), help="Remove all but the newest so many (default: none)."
)
@click.option("--verify", is_flag=True, help="Make none: hold one against its checksums.")
@click.option("--name", default="", help="Which backup to verify (default: the newest).")
def backup(folder: Path, keep: int | None, verify: bool, name: str) -> None:
    """Add a backup of the home to FOLDER, also while a run writes: what has not changed since the
    last one takes no room.
    """
    from bondsig_assets.commands.backup import make_backup, verify_backup

    if verify:
        verify_backup(folder, name)
    else:
        make_backup(_home(), folder, keep)


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--home",
    type=click.Path(path_type=Path),
    help="Where to, a folder that is not there or empty (default: BONDSIG_HOME).",
)
@click.option("--name", default="", help="Which backup in FOLDER (default: the newest).")
def restore(folder: Path, home: Path | None, name: str) -> None:
    """Make a home from a backup that `bondsig backup` wrote; every file is checked."""
    from bondsig_assets.commands.backup import restore_backup

    place = Home(home.expanduser().resolve()) if home else current_home()
    restore_backup(place, folder, name)


@cli.command()
@click.option("--json", "as_object", is_flag=True, help="One JSON object, as /status serves it.")
def metrics(as_object: bool) -> None:
    """Print how the home is, in numbers, for Prometheus: days, runs, checks, daemon, lake, disk.

    `bondsig ui` serves the same on the report's port, as /metrics and /status.
    """
    from bondsig_assets.commands.metrics import print_metrics

    print_metrics(_home(), as_object)


@cli.command()
@click.option("--check", is_flag=True, help="Say what would be done, and do nothing.")
@click.option(
    "--backup",
    type=click.Path(path_type=Path),
    help="Folder for the backup that is made first (default: beside the home, -backups).",
)
@click.option("--no-backup", is_flag=True, help="Make no backup first.")
def upgrade(check: bool, backup: Path | None, no_backup: bool) -> None:
    """Bring a home that an older version made to this one: lake, Dagster's record, MLflow."""
    from bondsig_assets.commands.upgrade import upgrade_home

    upgrade_home(_home(), backup, no_backup, check)


@cli.command()
def doctor() -> None:
    """Say what is wrong with this installation and this home, and how to mend it."""
    from bondsig_assets.commands.doctor import examine

    sys.exit(0 if examine(current_home()) else 1)


def main() -> None:
    """Entry point: a user's mistake is one line, never a traceback."""
    started = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        # A closed terminal ends a command as Ctrl-C does, to which Dagster listens while a run goes
        # on; under nohup it is no matter.
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        code = cli(standalone_mode=False)
        # Now, while a reader who has left is still no failure.
        sys.stdout.flush()
    except click.exceptions.Abort:
        _complain("stopped; what was finished is kept, run the same command again to go on")
        sys.exit(130)
    except KeyboardInterrupt:
        _complain(
            f"stopped after {time.monotonic() - started:.0f} s; what was finished is kept,"
            " run the same command again to go on"
        )
        sys.exit(130)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(0)
    except click.UsageError as error:
        command = f"{error.ctx.info_name} " if error.ctx and error.ctx.parent else ""
        _OneLine(f"{error.format_message()} (see bondsig {command}--help)").show()
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(1)
    except BrokenPipeError:
        _end_without_reader()
    except Exception as error:  # noqa: BLE001 - whatever it is, a user gets one line
        if os.environ.get("BONDSIG_DEBUG"):
            raise
        _OneLine(
            f"{type(error).__name__}: {(str(error) or 'no message').splitlines()[0]}"
            " (BONDSIG_DEBUG=1 shows where)"
        ).show()
        sys.exit(1)
    sys.exit(code or 0)
