"""Panels of bond days from files: identifiers, units, what is passed over, refused or set aside."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from bondsig_assets.errors import SourceError
from bondsig_assets_tests.sources.files_fixtures import folder, lines, reasons

FIRST, LAST = date(2024, 1, 2), date(2024, 3, 28)
PANEL = """\
max_bad_share = 1.0
[[bond_day_quotes]]
files = "panel*.csv"
[bond_day_quotes.columns]
cusip = "id"
trade_date = "date"
price = "price"
yield_pct = "yield"
spread_bps = "spread"
"""
HEADER = "id,date,price,yield,spread"
APPLE = "037833AK6"


def delivered(path, *rows: str, config: str = PANEL):
    """The delivery of a panel, and what was told."""
    source = folder(path, config, panel_csv=lines(HEADER, *rows))
    return source.daily("bond_day_quotes", FIRST, LAST), source


def test_cusips_of_nine_and_eight_and_isins_are_one_bond(tmp_path):
    delivery, _ = delivered(
        tmp_path,
        f"{APPLE},2024-01-02,98.5,,",
        f"{APPLE[:8]},2024-01-03,98.6,,",
        f"US{APPLE}8,2024-01-04,98.7,,",
    )
    assert delivery.rows["cusip"].to_list() == [APPLE] * 3
    assert delivery.rows["price"].to_list() == [98.5, 98.6, 98.7]
    assert delivery.rows["known_at"][0] == datetime(2024, 1, 2, 16), "at the close of its day"


def test_a_row_that_quotes_nothing_is_passed_over_and_told(tmp_path):
    delivery, source = delivered(
        tmp_path,
        f"{APPLE},2024-01-02,98.5,,",
        f"{APPLE},2024-01-03,,,",
        f"{APPLE},2024-01-04,,5.1,",
        f"{APPLE},2024-01-05,,,x",
        f"{APPLE},2024-01-08,,,120",
    )
    columns = ("trade_date", "price", "yield_pct", "spread_bps")
    assert delivery.rows.select(columns).rows() == [
        (date(2024, 1, 2), 98.5, None, None),
        (date(2024, 1, 4), None, 5.1, None),
        (date(2024, 1, 8), None, None, 120.0),
    ]
    assert reasons(delivery.quarantined) == {"unparsable number: spread_bps": 1}
    assert source.told == [
        "panel.csv: 1 of 5 rows of bond_day_quotes have no price and no yield_pct and no"
        " spread_bps: they are passed over"
    ]


def test_rows_that_cannot_be_are_set_aside(tmp_path):
    delivery, _ = delivered(
        tmp_path,
        f"{APPLE},2024-01-02,98.5,,",
        f"{APPLE},2024-01-02,98.9,,",
        f"{APPLE},2024-01-06,98.5,,",
        f"{APPLE},2024-01-08,-3,,",
        f"{APPLE},2024-01-09,0,,",
        f"{APPLE},2024-01-10,,,99999",
        "037833AK7,2024-01-11,98.5,,",
    )
    assert delivery.rows.height == 1 and delivery.rows["price"][0] == 98.5
    assert reasons(delivery.quarantined) == {
        "bad check digit": 1,
        "duplicate key": 1,
        "negative price": 1,
        "not a trading day": 1,
        "spread above 50000 bps": 1,
        "zero price": 1,
    }


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("price", "0.985,,", 'looks like a fraction: say unit = "fraction"'),
        ("yield", ",0.051,", 'looks like a fraction: say unit = "fraction"'),
        ("spread", ",,1.21", 'looks like percent: say unit = "pct"'),
    ],
)
def test_another_unit_is_a_fault_of_the_file_and_can_be_said(tmp_path, column, value, says):
    rows = [f"{APPLE},2024-01-{day:02},{value}" for day in range(2, 6)]
    with pytest.raises(SourceError, match=says):
        delivered(tmp_path / "wrong", *rows)
    unit = says.split('"')[1]
    config = PANEL.replace(f'= "{column}"', f'= {{ column = "{column}", unit = "{unit}" }}')
    delivery, _ = delivered(tmp_path / "right", *rows, config=config)
    assert delivery.rows.height == 4
    name = {"price": "price", "yield": "yield_pct", "spread": "spread_bps"}[column]
    assert delivery.rows[name][0] == pytest.approx({"price": 98.5, "yield": 5.1}.get(column, 121.0))


def test_a_monthly_panel_is_refused_though_its_months_come_in_files_of_their_own(tmp_path):
    months = ["2024-01-31", "2024-02-29", "2024-03-28"]
    rows = [lines(HEADER, f"{APPLE},{day},98.5,,") for day in months]
    files = {f"panel{k}_csv": text for k, text in enumerate(rows)}
    with pytest.raises(SourceError, match="looks monthly: no bond has two days in one month"):
        folder(tmp_path / "months", PANEL, **files).daily("bond_day_quotes", FIRST, LAST)
    files["panel3_csv"] = lines(HEADER, f"{APPLE},2024-03-27,98.4,,")
    daily = folder(tmp_path / "days", PANEL, **files).daily("bond_day_quotes", FIRST, LAST)
    assert daily.rows.height == 4


def test_a_panel_without_price_yield_and_spread_is_refused(tmp_path):
    config = "\n".join(PANEL.splitlines()[:6])
    with pytest.raises(SourceError, match="source.toml maps none of them; add one"):
        delivered(tmp_path, f"{APPLE},2024-01-02,98.5,,", config=config)


def test_a_knowledge_time_of_its_own_is_kept_and_makes_room_for_corrections(tmp_path):
    config = PANEL + 'known_at = "spread"\n'.replace("spread", "known")
    source = folder(
        tmp_path,
        config,
        panel_csv=lines(
            HEADER + ",known",
            f"{APPLE},2024-01-02,98.5,,,2024-01-03 08:00:00",
            f"{APPLE},2024-01-02,98.1,,,2024-01-04 08:00:00",
            f"{APPLE},2024-01-03,98.1,,,2024-01-02 08:00:00",
        ),
    )
    delivery = source.daily("bond_day_quotes", FIRST, LAST)
    assert delivery.rows.select("price", "known_at").rows() == [
        (98.5, datetime(2024, 1, 3, 8)),
        (98.1, datetime(2024, 1, 4, 8)),
    ]
    assert reasons(delivery.quarantined) == {"known before it happened": 1}


def test_a_range_is_its_days_and_the_panel_alone_gives_the_range(tmp_path):
    rows = [f"{APPLE},2024-01-{day:02},98.{day},," for day in (2, 3, 4, 5, 8)]
    _, source = delivered(tmp_path, *rows)
    assert source.date_range() == (date(2024, 1, 2), date(2024, 1, 8))
    days = [source.daily("bond_day_quotes", d, d).rows.height for d in (FIRST, date(2024, 1, 6))]
    assert days == [1, 0]


def test_a_panel_of_the_next_morning_says_so_in_a_line(tmp_path):
    rule = 'known_at = { column = "date", plus_days = 1, time_default = 09:00:00 }\n'
    delivery, _ = delivered(tmp_path, f"{APPLE},2024-01-05,98.5,,", config=PANEL + rule)
    assert delivery.rows["known_at"].to_list() == [datetime(2024, 1, 6, 9)]
