"""Every reason is explained, and the page says what the code says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from bondsig_assets.trace import outcomes
from bondsig_assets.trace.options import PRESETS, Screens
from bondsig_assets.trace.reasons import REASONS
from bondsig_assets.trace.screens import screen_codes

ROOT = Path(__file__).parents[2]
#: Every screen switched on.
ALL = replace(
    PRESETS["dick-nielsen"],
    portfolio_trade=True,
    ats=True,
    trade_modifiers=("Z",),
    weighted_average_price=True,
    as_of=True,
    time_order=True,
    calendar="nyse",
    early_close=True,
    minimum_price=0.0,
    price_is_yield=True,
    minimum_par_usd=1.0,
    minimum_value_usd=1.0,
    half_of_issue=True,
    issue_dates=True,
    unknown_bond=True,
    convertible=True,
)


def faults() -> set[str]:
    """Faults and reasons of the view, as the modules name them."""
    modules = ["trace/layouts/lines.py", "trace/view.py", "trace/layouts/normalise.py"]
    texts = [(ROOT / "bondsig_assets" / module).read_text() for module in modules]
    text = "".join([*texts[:2], texts[2].split("def _fault(")[1]])
    named = re.findall(r'^        \(\n? *"([a-z_]+)",', text, re.MULTILINE)
    return {
        *named,
        *re.findall(r'"(too_\w+_fields)"', text),
        *re.findall(r'"(\w*not_disseminated)"', text),
        "reported_later",
    }


def test_every_reason_is_explained_and_none_is_left_over():
    assert len(screen_codes(Screens())) < 5 < len(screen_codes(ALL))
    fixed = set(outcomes.FIXED) - {"", "fault"}
    assert {"other_product", "wrong_cusip", "no_trade_message"} < faults()
    assert fixed | set(screen_codes(ALL)) | faults() == set(REASONS)


def test_the_page_says_what_the_code_says():
    page = (ROOT / "docs" / "trace_cleaning.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", page, re.MULTILINE))
    assert {name: rows.get(name) for name in REASONS} == REASONS
