"""What a home and a source say of their inputs: odd units, and what is lacking."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from bondsig_assets.commands.inputs import lacking_in_home, lacking_in_source, odd_units
from bondsig_assets.home import Market
from bondsig_assets.sources.registry import make_source
from bondsig_assets.warehouse import Warehouse, Write
from bondsig_assets_tests.rows_of import rows_of
from bondsig_assets_tests.sources.files_fixtures import PRICES, folder, lines

DAY = date(2024, 1, 5)
CURVE = """
[[treasury_yields]]
files = "curve.csv"
[treasury_yields.columns]
trade_date = "date"
tenor_years = "tenor"
par_yield_pct = { column = "yield", unusual = true }
"""


@pytest.fixture
def home(tmp_path):
    """A warehouse with a curve of fractions and nothing else."""
    warehouse = Warehouse(tmp_path)
    warehouse.initialize()
    known = datetime(2024, 1, 8, 9)
    curve = [
        {"trade_date": DAY, "tenor_years": tenor, "par_yield_pct": value, "known_at": known}
        for tenor, value in ((2.0, 0.0459), (10.0, 0.042), (30.0, 0.0434))
    ]
    warehouse.replace(Write("treasury_yields", rows_of("treasury_yields", *curve)))
    return warehouse


def test_a_curve_of_fractions_is_told_of_a_home(home, tmp_path):
    (line,) = odd_units(home, None)
    assert line.startswith(
        'treasury_yields.par_yield_pct looks like a fraction: say unit = "fraction"'
    )
    files = tmp_path / "files"
    folder(files, CURVE, curve_csv=lines("date,tenor,yield", "2024-01-05,10,0.042"))
    assert list(odd_units(home, Market(source="files", data=str(files)))) == []


def test_what_is_lacking_is_told_of_a_home(home):
    told = lacking_in_home(home)
    assert any(line.startswith("links: no equities") for line in told)
    assert not any("treasury_yields" in line for line in told)


def test_what_is_lacking_is_told_of_files(tmp_path):
    folder(tmp_path, PRICES, prices_csv=lines("symbol,date,close", "AAA,2024-01-05,10"))
    told = lacking_in_source(make_source(Market(source="files", data=str(tmp_path))))
    assert any(line.startswith("trades: no trace_reports") for line in told)
    assert any(line.startswith("links: no equities") for line in told)
