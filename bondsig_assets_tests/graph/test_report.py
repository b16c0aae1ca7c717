"""The report of a whole home: its SQL gives its numbers, a past evening is as known then, and what
cannot be shown is said in one line.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import date, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from bondsig_assets.calendar import cutoff, offset
from bondsig_assets.home import Home
from bondsig_assets.reporting.site.issuer import files_of
from bondsig_assets.reporting.site.layout import raw, written
from bondsig_assets.reporting.site.make import make_site
from bondsig_assets.reporting.site.reasons import reasons
from bondsig_assets.tables.monitoring import ALARMS, MONITORS
from bondsig_assets.warehouse import Warehouse
from bondsig_assets_tests.command_line import bondsig
from bondsig_assets_tests.graph.homes import copy_home, make_home, run

pytestmark = pytest.mark.slow


@dataclass
class Shown:
    """What a page shows: its SQL by name; rows of each table, (value, text) by column; data of
    charts; links; text.
    """

    sql: dict[str, str] = field(default_factory=dict)
    tables: dict[str, list[dict[str, tuple[str | None, str]]]] = field(default_factory=dict)
    charts: dict[str, dict[str, list[Any]]] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)
    text: str = ""


class _Parser(HTMLParser):
    """Reads a page as a person would: what stands under which name."""

    def __init__(self) -> None:
        super().__init__()
        self.shown = Shown()
        self._into: list[str] | None = None
        self._table, self._columns, self._k = "", [], 0
        self._value: str | None = None
        self._sql = self._json = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        of = dict(attrs)
        if tag == "a" and of.get("href"):
            self.shown.links.append(str(of["href"]))
        if tag in ("table", "dl") and "data-question" in of:
            self._table, self._columns = str(of["data-question"]), []
            self.shown.tables[self._table] = [{}] if tag == "dl" else []
        if tag == "th" and "data-c" in of:
            self._columns.append(of["data-c"])
        if tag == "tr" and self._columns:
            self.shown.tables[self._table].append({})
            self._k = 0
        if tag in ("td", "dd"):
            self._value, self._into = of.get("data-v"), []
            if tag == "dd":
                self._columns, self._k = [of["data-c"]], 0
        if tag == "pre" and "data-sql" in of:
            self._sql, self._into = str(of["data-sql"]), []
        if tag == "script" and of.get("type") == "application/json":
            self._json, self._into = str(of["id"]), []

    def handle_endtag(self, tag: str) -> None:
        said = "".join(self._into or [])
        if tag in ("td", "dd") and self._into is not None:
            column = self._columns[self._k]
            self.shown.tables[self._table][-1][column] = (self._value, said)
            self._k, self._into = self._k + 1, None
        if tag == "dl":
            self._columns = []
        if tag == "table":
            self._columns = []
        if tag == "pre" and self._sql:
            assert self.shown.sql.get(self._sql, said) == said
            self.shown.sql[self._sql], self._sql, self._into = said, "", None
        if tag == "script" and self._json:
            told = json.loads(said)
            self.shown.charts[told["question"]] = told["columns"]
            self._json, self._into = "", None

    def handle_data(self, data: str) -> None:
        if self._into is not None:
            self._into.append(data)
        self.shown.text += data


def read_page(file: Path) -> Shown:
    parser = _Parser()
    parser.feed(file.read_text())
    return parser.shown


@pytest.fixture(scope="session")
def site(full_home, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "site"
    make_site(Warehouse(full_home.path), full_home, None, folder)
    return folder


def _same_number(one: str, other: Any) -> bool:
    return one == raw(other) or (
        isinstance(other, float) and math.isclose(float(one), other, rel_tol=1e-12)
    )


def _assert_table(rows: pl.DataFrame, shown: list[dict[str, tuple[str | None, str]]]) -> int:
    """Every cell is what the SQL gives; how many numbers there were."""
    assert rows.height == len(shown)
    n = 0
    for row, cells in zip(rows.iter_rows(named=True), shown, strict=True):
        for column, (value, said) in cells.items():
            if column == "why":
                assert said == reasons(row)
            elif value is None:
                assert said == written(row[column], "text"), column
            else:
                assert _same_number(value, row[column]), (column, value, row[column])
                n += isinstance(row[column], (int, float))
    return n


def _assert_chart(rows: pl.DataFrame, columns: dict[str, list[Any]]) -> None:
    for name, values in columns.items():
        wanted = rows[name].to_list()
        assert len(values) == len(wanted)
        for one, other in zip(values, wanted, strict=True):
            if isinstance(other, date):
                assert one == (other - date(1970, 1, 1)).days
            elif one is None or other is None:
                assert one is None and (other is None or math.isnan(other)), name
            else:
                assert math.isclose(one, other, rel_tol=1e-5, abs_tol=1e-12), name


def test_every_sql_of_the_site_gives_what_stands_beside_it(full_home, site):
    warehouse, n_numbers, n_asked = Warehouse(full_home.path), 0, 0
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 15
    with warehouse.on_snapshot():
        for file in pages:
            shown = read_page(file)
            assert {*shown.tables, *shown.charts} <= set(shown.sql), file
            for name, sql in shown.sql.items():
                rows = warehouse.read(sql)
                n_asked += 1
                if name in shown.tables:
                    n_numbers += _assert_table(rows, shown.tables[name])
                elif name not in shown.charts:
                    assert rows.is_empty(), f"{file}: the answer of {name} is not shown"
                if name in shown.charts:
                    _assert_chart(rows, shown.charts[name])
    assert n_asked > 150 and n_numbers > 3000


def test_the_sql_runs_as_it_is_copied(full_home, site):
    sql = read_page(site / "index.html").sql
    for name in ("summary", "checks", "strongest"):
        done = bondsig("sql", sql[name], "-f", "csv", BONDSIG_HOME=str(full_home.path))
        assert done.returncode == 0 and len(done.stdout.splitlines()) > 1, done.stderr


def test_what_the_pages_say(full_home, site):
    today, record, data = (read_page(site / f"{name}.html") for name in ("index", "record", "data"))
    warehouse = Warehouse(full_home.path)
    day = warehouse.read("SELECT max(trade_date) AS day FROM scores")["day"][0]
    scores = warehouse.read(f"SELECT * FROM scores WHERE trade_date = DATE '{day}'")
    assert today.tables["summary"][0]["n_scored"] == (str(scores.height), str(scores.height))
    assert f"{scores.height} names were scored" in today.text
    assert "No monitors in this home yet" in today.text or "monitors" in today.tables
    strongest = [row["ticker"][1] for row in today.tables["strongest"]]
    assert strongest[0] == scores.sort("score", "ticker", descending=[True, False])["ticker"][0]
    # Day, month and start of the P&L, by hand.
    book = warehouse.read(f"SELECT * FROM portfolio_days WHERE trade_date <= DATE '{day}'")
    earned = book["nav_usd"] - book["nav_before_usd"] - book["capital_usd"]
    shown = today.tables["earned"][0]
    assert float(shown["start_usd"][0]) == pytest.approx(earned.sum(), abs=0.01)
    assert float(shown["day_usd"][0]) == pytest.approx(
        earned.filter(book["trade_date"] == day).sum(), abs=0.01
    )
    assert sum(float(row["start_usd"][0]) for row in today.tables["parts"]) == pytest.approx(
        earned.sum(), abs=1.0
    )
    # Reports in = rejected + trades that stand.
    rows = {row["stage"][1]: int(row["n_rows"][0]) for row in data.tables["waterfall"]}
    rejected = sum(n for stage, n in rows.items() if stage.startswith("rejected"))
    assert rows["reports in"] + rejected == rows["trades that stand"]
    assert rows["trades that stand"] == warehouse.read("SELECT count(*) AS n FROM trades")["n"][0]
    assert {row["model_version"][1] for row in record.tables["champions"]} == set(
        warehouse.read("SELECT model_version FROM champions")["model_version"]
    )


def test_every_link_leads_somewhere_and_everything_is_said_to_be_simulated(site):
    for file in site.rglob("*.html"):
        shown = read_page(file)
        for link in shown.links:
            assert link.startswith("#") or (file.parent / link).exists(), (file, link)
        assert "Simulated market" in shown.text
        text = file.read_text()
        assert text.count("<figcaption") == text.count("(simulated)</figcaption>")
        assert "http" not in text.replace("http-equiv", ""), "an address elsewhere"


def test_a_past_evening_is_as_known_then(full_home, tmp_path):
    """The pages of a past evening are those of a home in which no later day has happened."""
    day = offset(date(2023, 9, 29), -40)
    cut = copy_home(full_home, tmp_path / "cut")
    warehouse = Warehouse(cut.path)
    make_site(Warehouse(full_home.path), full_home, day, tmp_path / "whole")
    whole = {file.name: read_page(file) for file in (tmp_path / "whole").rglob("*.html")}
    _forget_after(warehouse, day)
    make_site(warehouse, cut, day, tmp_path / "site")
    found = {file.name: read_page(file) for file in (tmp_path / "site").rglob("*.html")}
    assert found.keys() == whole.keys()
    # Judged over all days at once: not known on any, and not shown of a later one.
    hindsight = {"performance", "decay", "calibration", "checks"}
    for name, page in whole.items():
        assert page.tables.keys() >= found[name].tables.keys() - hindsight
        for asked, rows in page.tables.items():
            if asked not in hindsight:
                assert rows == found[name].tables[asked], (name, asked)
        for asked, columns in page.charts.items():
            if asked not in hindsight:
                assert columns == found[name].charts[asked], (name, asked)
    assert "was not known on it" in whole["record.html"].text


def _forget_after(warehouse: Warehouse, day: date) -> None:
    """Take out of a warehouse what was not known on the evening of `day`."""
    from bondsig_assets.tables import TABLES
    from bondsig_assets.warehouse import Write
    from bondsig_assets_tests.known_past import known_by

    names = [name for name, table in TABLES.items() if table.known_time and table.schema == "main"]
    held = {name: warehouse.read_table(name) for name in names}
    kept = known_by(held, day)
    writes = [
        Write(name, TABLES[name].conform(frame))
        for name, frame in kept.items()
        if frame.height < held[name].height and name != "link_conflicts"
    ]
    assert len(writes) > 15
    warehouse.replace(*writes)


def test_what_cannot_be_shown_is_said_in_one_line(full_home, tmp_path):
    def told(home: Path, *more: str) -> str:
        done = bondsig("report", *more, BONDSIG_HOME=str(home))
        assert done.returncode == 1 and not done.stdout, done
        assert done.stderr.count("\n") == 1 and done.stderr.startswith("bondsig: "), done.stderr
        return done.stderr

    assert "holds no market yet" in told(tmp_path / "nowhere")
    empty = make_home(tmp_path / "empty")
    Warehouse(empty.path).initialize()
    assert "has no scores yet: `bondsig run`" in told(empty.path)
    assert "2024-04-01 has no scores: there are" in told(full_home.path, "--date", "2024-04-01")
    assert "2023-09-04 is no trading day" in told(full_home.path, "--date", "2023-09-04")
    assert "is no date" in told(full_home.path, "--date", "yesterday")
    (tmp_path / "file").write_text("mine")
    assert "is a file" in told(full_home.path, "--out", str(tmp_path / "file"))
    assert "cannot be written" in told(full_home.path, "--out", str(tmp_path / "file" / "site"))
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.txt").write_text("mine")
    assert "holds other files" in told(full_home.path, "--out", str(tmp_path / "thesis"))


def test_the_command_writes_and_says_where(full_home, tmp_path):
    out = tmp_path / "site"
    done = bondsig("report", "--out", str(out), BONDSIG_HOME=str(full_home.path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{out / 'index.html'}: ") and (out / "index.html").exists()


def test_a_run_writes_it_and_its_summary_says_where(full_home):
    page = full_home.report / "index.html"
    assert "Today" in read_page(page).text
    done = bondsig("summary", BONDSIG_HOME=str(full_home.path))
    assert f"Report: {page}" in done.stdout


def test_an_unscored_day_says_why(full_home, tmp_path):
    day = Warehouse(full_home.path).read("SELECT max(trade_date) AS d FROM unscored_days")["d"][0]
    make_site(Warehouse(full_home.path), full_home, day, tmp_path / "site")
    assert "Nobody was scored: " in read_page(tmp_path / "site" / "index.html").text


def test_a_damaged_event_log_costs_the_checks_alone(full_home, tmp_path):
    home = copy_home(full_home, tmp_path / "home")
    (home.dagster / "history" / "runs" / "index.db").write_bytes(b"no database" * 100)
    make_site(Warehouse(home.path), home, None, tmp_path / "site")
    shown = read_page(tmp_path / "site" / "index.html")
    assert "checks" not in shown.tables and "cannot be read from here" in shown.text


def test_monitors_and_alarms_are_shown_where_there_are_some(full_home):
    """With rows as the declarations have them, whether or not this home has the tables."""
    from bondsig_assets.reporting.site import record, today
    from bondsig_assets.reporting.site.layout import Frame
    from bondsig_assets.reporting.site.questions import Evening, ask, tables_of

    warehouse, day = Warehouse(full_home.path), date(2023, 9, 29)
    rows = {
        "monitors": pl.DataFrame(
            [
                _of(
                    MONITORS,
                    trade_date=day,
                    monitor="ic",
                    state="quiet",
                    statistic=2.0,
                    threshold=8.0,
                )
            ]
            + [_of(MONITORS, trade_date=day, monitor="volumes", state="alarm", statistic=9.0)],
            schema=MONITORS.polars_schema,
        ),
        "alarms": pl.DataFrame(
            [_of(ALARMS, trade_date=day, monitor="volumes", explanation="half the reports")],
            schema=ALARMS.polars_schema,
        ),
    }

    def read(sql: str, parameters: Any = ()) -> pl.DataFrame:
        if any(f"FROM {name}" in sql for name in rows):
            import duckdb

            with duckdb.connect() as lake:
                for name, frame in rows.items():
                    lake.register(name, frame)
                return lake.execute(sql, list(parameters)).pl()
        return warehouse.read(sql, parameters)

    evening = Evening(day, "optimised", tables_of(warehouse.read) | set(rows))
    frame = Frame(day, "A market", "")
    page = today.page(ask(read, today.questions(evening)), evening, frame)
    parser = _Parser()
    parser.feed(page)
    assert [row["monitor"][1] for row in parser.shown.tables["monitors"]] == ["volumes", "ic"]
    assert parser.shown.tables["monitors"][1]["of_threshold_pct"] == ("25.0", "25")
    assert "half the reports" in page and 'class="state bad">alarm' in page
    page = record.page(ask(read, record.questions(evening)), evening, frame)
    assert "half the reports" in page and "No monitors in this home" not in page


def _of(table: Any, **values: Any) -> dict[str, Any]:
    """A row with something in every required column."""
    made: dict[str, Any] = {}
    for column in table.columns:
        if not column.nullable:
            made[column.name] = {
                "DATE": date(2023, 9, 29),
                "VARCHAR": "some",
                "TIMESTAMP": datetime(2023, 9, 29, 18, 30),
                "BIGINT": 1,
            }.get(column.type, [] if column.type.endswith("[]") else 0.0)
    return {**made, **values}


def test_pages_have_names_of_their_own():
    listed = pl.DataFrame(
        {
            "parent_id": ["P1", "P2", "P3", "P4", "P/5", "p1"],
            "ticker": ["BRK.A", "abc", "ABC", None, "", "../x"],
        }
    )
    files = files_of(listed)
    assert files["P1"] == "BRK.A.html" and files["P2"] == "P2.html" and files["P3"] == "P3.html"
    assert len({name.lower() for name in files.values()}) == 6
    assert all("/" not in name and not name.startswith(".") for name in files.values())


def test_the_evening_ends_at_its_cutoff():
    from bondsig_assets.reporting.site.questions import Evening

    day = date(2024, 3, 1)
    assert f"{cutoff(day)}" in Evening(day, "optimised", frozenset()).known


def test_the_asset_needs_no_scores(tmp_path):
    """A home that has nothing to show is no failure of the run."""
    home: Home = make_home(tmp_path / "home")
    Warehouse(home.path).initialize()
    run(home, select="key:report", checks=False)
    assert not home.report.exists()
