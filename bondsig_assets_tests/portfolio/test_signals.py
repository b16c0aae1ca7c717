"""The first filter: each rule alone, on a day where everything else passes."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from bondsig_assets.learning.settings import SignalSettings
from bondsig_assets.portfolio.signals import filtered_signals, select_signals, signal_reasons
from bondsig_assets.tables import TABLES
from bondsig_assets_tests.rows_of import rows_of

DAY, NEXT = date(2024, 3, 1), date(2024, 3, 4)
SETTINGS = SignalSettings()
#: The filter without a level, for what the other rules do.
ANY = SignalSettings(minimum_probability=0.0)


def scores(
    n: int = 20,
    day: date = DAY,
    spread: float = 0.4,
    base: float = 0.5,
    middle: float | None = None,
) -> pl.DataFrame:
    """`n` scores of a day by a champion of that `base` rate, best last, probabilities from middle +
    spread / 2 down to middle - spread / 2; the middle is the base.
    """
    middle = base if middle is None else middle
    rank = [(2 * k + 1) / n - 1 for k in range(n)]
    return rows_of(
        "scores",
        *(
            {
                "ticker": f"T{k:02}",
                "parent_id": f"P{k:02}",
                "trade_date": day,
                "score_rank": r,
                "base_rate": base,
                "probability_underperform": middle - r * spread / 2,
                "score": 1 - 2 * (middle - r * spread / 2),
            }
            for k, r in enumerate(rank)
        ),
    )


def liquidity(
    n: int = 20,
    day: date = DAY,
    stale: float | None = 0.0,
    trades: float | None = 100.0,
    only: int | None = None,
) -> pl.DataFrame:
    """Liquid and fresh, but for the issuer `only` (all when not given) as told."""
    mine = [(stale, trades) if only in (None, k) else (0.0, 100.0) for k in range(n)]
    return rows_of(
        "issuer_days",
        *(
            {"parent_id": f"P{k:02}", "trade_date": day, "staleness_days": s, "n_trades_21d": t}
            for k, (s, t) in enumerate(mine)
        ),
    ).select("parent_id", "trade_date", "staleness_days", "n_trades_21d")


def chosen(frame: pl.DataFrame, liquid: pl.DataFrame, **changes) -> dict[str, int]:
    """Direction of each ticker that passes; no level is asked for unless named."""
    asked = SignalSettings(**{"minimum_probability": 0.0, **changes})
    found = TABLES["signals"].conform(select_signals(frame, liquid, asked))
    return dict(found.select("ticker", "direction").iter_rows())


def test_the_outer_tenths_pass():
    assert chosen(scores(), liquidity()) == {"T00": -1, "T01": -1, "T18": 1, "T19": 1}


@pytest.mark.parametrize(("quantile", "each_side"), [(0.05, 1), (0.1, 2), (0.25, 5), (0.5, 10)])
def test_the_quantile_counts_names(quantile, each_side):
    found = list(chosen(scores(), liquidity(), quantile=quantile, margin=0.0).values())
    assert (found.count(1), found.count(-1)) == (each_side, each_side)


@pytest.mark.parametrize("n", [5, 10, 20, 50, 100])
def test_a_tenth_of_any_number_of_names(n):
    found = list(chosen(scores(n), liquidity(n)).values())
    assert found.count(1) == found.count(-1) == (n + 5) // 10


def test_the_probability_must_leave_the_middle_by_the_margin():
    # The extremes of twenty are at rank 0.95, the next at 0.85.
    assert chosen(scores(spread=0.021), liquidity(), margin=0.009) == {"T00": -1, "T19": 1}
    assert chosen(scores(spread=0.021), liquidity(), margin=0.0085) == {
        "T00": -1,
        "T01": -1,
        "T18": 1,
        "T19": 1,
    }
    assert chosen(scores(spread=0.0), liquidity()) == {}


def test_the_margin_is_on_the_side_of_the_direction():
    # All probabilities above the base rate: nobody is expected to outperform more than usual.
    assert chosen(scores(middle=0.8), liquidity()) == {"T00": -1, "T01": -1}
    assert chosen(scores(middle=0.2), liquidity()) == {"T18": 1, "T19": 1}


@pytest.mark.parametrize("base", [0.3, 0.47, 0.5, 0.55])
def test_a_champion_that_knows_nothing_gives_no_signal_and_one_that_knows_gives_both_sides(base):
    assert chosen(scores(spread=0.0, base=base), liquidity()) == {}
    assert chosen(scores(base=base), liquidity()) == {"T00": -1, "T01": -1, "T18": 1, "T19": 1}


def test_a_fixed_level_is_asked_of_the_side_taken():
    # Extremes at 0.55 -+ 0.095 and 0.085: P of the side is 0.645, 0.635 below and 0.545, 0.535
    # above.
    frame = scores(spread=0.2, base=0.55)
    assert chosen(frame, liquidity(), minimum_probability=0.54) == {"T00": -1, "T01": -1, "T19": 1}
    assert chosen(frame, liquidity(), minimum_probability=0.64) == {"T00": -1}


def test_by_default_seven_in_ten_are_asked_for():
    # The extremes are at rank 0.95 and 0.85: 0.7375 and 0.7125 here, 0.69 and 0.67 with less.
    frame = scores(spread=0.5, base=0.5)
    found = select_signals(frame, liquidity(), SETTINGS)
    assert dict(found.select("ticker", "direction").iter_rows()) == {
        "T00": -1,
        "T01": -1,
        "T18": 1,
        "T19": 1,
    }
    assert select_signals(scores(spread=0.4), liquidity(), SETTINGS).is_empty()


@pytest.mark.parametrize(("trades", "passes"), [(10.0, True), (9.0, False), (None, True)])
def test_bonds_must_have_traded_where_trades_are_counted(trades, passes):
    """Quotes that count none leave null: their number is not asked, their age is."""
    assert ("T19" in chosen(scores(), liquidity(trades=trades, only=19))) == passes


@pytest.mark.parametrize(("stale", "passes"), [(3.0, True), (4.0, False)])
def test_bonds_must_have_traded_lately(stale, passes):
    assert ("T19" in chosen(scores(), liquidity(stale=stale, only=19))) == passes


def test_an_issuer_with_cds_only_passes_the_bond_rules():
    assert "T19" in chosen(scores(), liquidity(stale=None, trades=None, only=19))


def test_liquidity_is_that_of_the_day():
    frame = pl.concat([scores(), scores(day=NEXT)])
    liquid = pl.concat([liquidity(), liquidity(day=NEXT, trades=0.0)])
    assert set(select_signals(frame, liquid, ANY)["trade_date"]) == {DAY}


def test_rows_are_in_order_and_carry_their_score():
    frame = pl.concat([scores(day=NEXT), scores()]).reverse()
    found = select_signals(frame, pl.concat([liquidity(), liquidity(day=NEXT)]), ANY)
    assert found.select("trade_date", "ticker").rows() == sorted(
        found.select("trade_date", "ticker").rows()
    )
    joined = found.join(frame, on=["ticker", "trade_date"], suffix="_source")
    assert joined.height == found.height == 8
    assert (joined["score"] == joined["score_source"]).all() and (
        joined["score_rank"] == joined["score_rank_source"]
    ).all()


def test_what_is_filtered_keeps_every_reason():
    liquid = liquidity(stale=4.0, trades=9.0, only=19)
    found = signal_reasons(scores(spread=0.021), liquid, SignalSettings(minimum_probability=0.6))
    reasons = dict(found.select("ticker", "reasons").iter_rows())
    assert reasons["T10"] == ["middle"]
    assert reasons["T18"] == ["margin", "probability"], "0.85 of half of 0.021 is no 0.01"
    assert reasons["T19"] == ["margin", "probability", "bond_trades", "bond_staleness"]
    assert found.height == 20


def test_signals_are_the_scores_without_a_reason():
    for trades in (None, 9.0, 10.0):
        liquid = liquidity(trades=trades)
        found = signal_reasons(scores(), liquid, SETTINGS)
        kept = found.filter(pl.col("reasons").list.len() == 0)["ticker"].to_list()
        assert kept == select_signals(scores(), liquid, SETTINGS)["ticker"].to_list()


def test_what_is_no_signal_stands_among_the_others():
    """Every name of the outer parts is a signal or stands among the others with its reasons."""
    frame = scores(spread=0.4)
    found = TABLES["filtered_signals"].conform(filtered_signals(frame, liquidity(), SETTINGS))
    assert found["ticker"].to_list() == ["T00", "T01", "T18", "T19"]
    assert {tuple(one) for one in found["reasons"].to_list()} == {("probability",)}
    stale = filtered_signals(frame, liquidity(trades=1.0, only=19), SETTINGS)
    assert stale.filter(ticker="T19")["reasons"].to_list() == [["probability", "bond_trades"]]
    passing = scores(spread=0.5, base=0.5)
    assert filtered_signals(passing, liquidity(), SETTINGS).is_empty()
