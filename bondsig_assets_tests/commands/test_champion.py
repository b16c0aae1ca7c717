"""`bondsig champion` shows who scores, and who said nothing."""

# A test's name says what it shows.
# ruff: noqa: D103

from __future__ import annotations

from datetime import date

import pytest

from bondsig_assets.calendar import trading_days
from bondsig_assets.home import Home, Market
from bondsig_assets.warehouse import Warehouse, Write
from bondsig_assets_tests.command_line import bondsig
from bondsig_assets_tests.rows_of import rows_of

_DAYS = trading_days(date(2024, 1, 2), date(2024, 1, 12))


def shown(path, scores) -> str:
    """What the command prints of two champions, the second from the fifth day on; `scores`: day and
    scores of its issuers.
    """
    home = Home(path)
    home.claim(Market(), (_DAYS[0], _DAYS[-1]))
    warehouse = Warehouse(home.path)
    warehouse.initialize()
    champions = rows_of(
        "champions",
        {
            "valid_from_date": _DAYS[0],
            "valid_to_date": _DAYS[3],
            "model_version": "ridge 1",
            "decision": "first",
            "reason": "the first",
        },
        {
            "valid_from_date": _DAYS[4],
            "model_version": "ridge 2",
            "decision": "refit",
            "reason": "the second",
        },
    )
    rows = [
        {"trade_date": _DAYS[k], "ticker": f"T{n}", "parent_id": f"P{n}", "score": value}
        | {"model_version": "ridge 1" if k < 4 else "ridge 2"}
        for k, values in scores.items()
        for n, value in enumerate(values)
    ]
    warehouse.replace(Write("champions", champions), Write("scores", rows_of("scores", *rows)))
    done = bondsig("champion", BONDSIG_HOME=str(home.path))
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("scores", "first", "second", "told"),
    [
        # A day of one issuer says neither.
        (
            {0: (0.1, 0.1), 1: (0.0, 0.0), 2: (0.1,), 4: (0.1, 0.2), 5: (0.3, 0.3)},
            ("2", "2"),
            ("2", "1"),
            "flat: on 3 of 4 days every issuer had the same score, which says nothing; 1 of 2"
            " champions said nothing at all",
        ),
        ({0: (0.1, 0.2), 5: (0.1, 0.3)}, ("1", "0"), ("1", "0"), ""),
        ({5: (0.1, 0.3)}, ("0", "0"), ("1", "0"), ""),
    ],
)
def test_champions_that_told_no_issuer_from_another_are_said(tmp_path, scores, first, second, told):
    lines = [line.strip() for line in shown(tmp_path / "home", scores).splitlines()]
    newest, oldest = lines[1].split(), lines[2].split()
    assert newest[0] == str(_DAYS[4]) and newest[-4:] == [*second, "the", "second"]
    assert oldest[0] == str(_DAYS[0]) and oldest[-4:] == [*first, "the", "first"]
    assert (lines[3] if len(lines) > 3 else "") == told
