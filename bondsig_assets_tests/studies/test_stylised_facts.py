"""The facts of the simulated market: counted on a small world, and the page that stands in the
docs.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import polars as pl
import pytest

from bondsig_assets.sources.simulated.market import SimulatedSource
from bondsig_assets.sources.simulated.worlds import world
from studies.stylised_facts import COLUMNS, page, stylised_facts

PAGE = Path(__file__).parents[2] / "docs" / "simulated_market.md"


@lru_cache(maxsize=1)
def facts() -> pl.DataFrame:
    """The facts of the tiny world."""
    return stylised_facts(SimulatedSource(world("tiny", 1, 0.2), "regulatory"))


def number(fact: str) -> float:
    """First number of what was simulated."""
    shown = facts().filter(pl.col("fact").str.starts_with(fact))["simulated"][0]
    return float(re.search(r"[-+]?\d+(\.\d+)?", shown).group())


def test_every_fact_has_a_target_and_says_where_it_comes_from():
    assert facts().columns == list(COLUMNS)
    assert facts()["fact"].is_unique().all()
    assert facts().select(pl.all().str.len_chars().min()).row(0) > (0, 0, 0, 0)
    assert not facts()["simulated"].str.contains("nan|None").any()
    sources = facts()["source_of_target"]
    assert sources.str.contains(r"assumed|planted|FRED|Greenwich|\d{4}").all(), (
        "assumed, planted, or somebody's name and year"
    )


def test_facts_come_out_where_the_simulator_puts_them():
    assert 1.2 < number("cancels per trade report") < 2.0
    assert 33 < number("inter-dealer share") < 39
    assert 30 < number("riskless principal share") < 42
    assert 20 < number("trade size, median") < 32
    assert (
        number("customer half-spread near $5 k")
        > 2 * number("customer half-spread near $100 k")
        > 2 * number("customer half-spread, $1 MM")
    )
    shown = dict(
        facts()
        .filter(pl.col("fact").str.starts_with("spread at"))
        .select("fact", "simulated")
        .iter_rows()
    )
    assert number("curve at 1½/3/5/10 years, investment grade") < number(
        "curve at 1½/3/5/10 years, B"
    )
    assert len(shown) == 6 and all(
        value.endswith(" bp") or value == "no such bond" for value in shown.values()
    )
    assert number("correlation of stock return and spread change") < -0.1
    assert number("stock → bond") > 0.02
    assert number("bond → stock") > 0.05


def test_the_live_view_is_refused():
    with pytest.raises(ValueError, match="regulatory view"):
        stylised_facts(SimulatedSource(world("tiny", 1, 0.2), "live"))


def test_the_page_in_the_docs_is_what_the_module_writes():
    text = PAGE.read_text()
    rows = re.findall(r"^\| (.+) \| (.+) \| (.+) \| (.+) \|$", text, re.MULTILINE)[1:]
    shown = pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String), orient="row")
    assert shown["fact"].to_list()[: facts().height] == facts()["fact"].to_list()
    command = "python -m studies.stylised_facts docs/simulated_market.md"
    about = re.search(r"^(`demo`.*)\.$", text, re.MULTILINE).group(1)
    assert text == page(shown, command, about)
