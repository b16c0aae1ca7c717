"""Who exists in the simulated market, what befalls them, and when each fact was known."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import polars as pl
import pytest

from bondsig_assets.bonds.conventions import settlement_dates
from bondsig_assets.calendar import all_trading_days, next_trading_days, offset
from bondsig_assets.securities.cusips import is_valid_cusip
from bondsig_assets.sources.simulated.entities import make_parents
from bondsig_assets.sources.simulated.paths import make_market
from bondsig_assets.sources.simulated.pricing import _settlement
from bondsig_assets.sources.simulated.worlds import world
from bondsig_assets.tables import RAW_REFERENCE
from bondsig_assets_tests.sources.simulated_fixtures import fresh, shared

DATED = {
    "issuers": "known_at",
    "equities": "known_at",
    "bonds": "offering_date",
    "ratings": "rating_date",
    "fundamentals": "known_at",
    "treasury_yields": "trade_date",
    "equity_links": "valid_from_date",
    "call_schedules": "known_at",
    "amounts_outstanding": "effective_date",
    "delistings": "last_trade_date",
    "macro_series": "trade_date",
}


def whole(table: str, name: str = "tiny") -> pl.DataFrame:
    """A reference table as it stands at the end of the world."""
    source = shared(name=name)
    return source.reference(table, source.date_range()[1]).rows


@pytest.mark.parametrize("name", ["tiny", "demo"])
def test_cusips_are_valid_and_belong_to_their_issuer(name):
    bonds, issuers = whole("bonds", name), whole("issuers", name)
    assert is_valid_cusip(bonds["cusip"]).all()
    owned = bonds.join(issuers.unique("issuer_id"), on="issuer_id", how="left")
    assert owned["issuer_cusip"].null_count() == 0, "every bond's issuer exists"
    assert owned.select((pl.col("cusip").str.slice(0, 6) == pl.col("issuer_cusip")).all()).item()
    assert (
        issuers.group_by("issuer_cusip").agg(pl.col("issuer_id").n_unique())["issuer_id"].max() == 1
    )
    assert set(issuers["parent_id"]) <= set(whole("equities", name)["parent_id"])
    assert set(whole("ratings", name)["issuer_id"]) == set(issuers["issuer_id"])


def test_no_two_bonds_share_a_cusip():
    for name, seed in (("tiny", 1), ("tiny", 7), ("demo", 1), ("demo", 2), ("full", 1)):
        cusips = pl.Series(make_market(world(name, seed, 0.2)).bonds.cusip)
        assert cusips.is_unique().all(), (name, seed)


def test_the_demo_holds_what_cleaning_and_pricing_must_meet():
    bonds = whole("bonds", "demo")
    for flag in ("is_callable", "is_144a", "is_convertible"):
        assert 0.005 < bonds[flag].mean() < 0.5, flag
    assert 0.01 < (bonds["coupon_type"] == "V").mean() < 0.1
    assert bonds.select(
        (pl.col("first_call_date").is_not_null() == pl.col("is_callable")).all()
    ).item()
    callable_ = bonds.filter("is_callable")
    assert callable_.select((pl.col("offering_date") < pl.col("first_call_date")).all()).item()
    assert callable_.select((pl.col("first_call_date") < pl.col("maturity_date")).all()).item()
    assert callable_.select((pl.col("first_call_price") > 100).all()).item()
    assert bonds.select((pl.col("offering_date") < pl.col("first_coupon_date")).all()).item()
    assert bonds["offering_date"].dt.weekday().max() <= 5
    equities = whole("equities", "demo")
    assert equities["sector_etf"].n_unique() == 11
    assert equities.group_by("ticker").agg(pl.col("parent_id").n_unique())["parent_id"].max() == 1
    assert not set(equities["ticker"]) & set(equities["sector_etf"])
    assert whole("issuers", "demo").group_by("parent_id").len()["len"].max() > 1, (
        "subsidiaries exist"
    )


@pytest.mark.parametrize("name", ["tiny", "demo"])
def test_the_takeover_is_known_before_it_happens(name):
    source = shared(name=name)
    parents, days = make_parents(source.world), source.world.days()
    day, target, acquirer = (
        days[parents.takeover_day],
        parents.parent_id[parents.target],
        parents.parent_id[parents.acquirer],
    )
    bought = whole("issuers", name).filter(pl.col("valid_from_date") == day)
    mine = whole("issuers", name).filter(pl.col("parent_id") == target)
    assert set(bought["issuer_id"]) == set(mine["issuer_id"]) and set(bought["parent_id"]) == {
        acquirer
    }
    announced = days[parents.takeover_day - 30]
    assert bought["known_at"].unique().to_list() == [datetime.combine(announced, time(16))]
    ended = whole("equities", name).filter(
        (pl.col("parent_id") == target) & pl.col("valid_to_date").is_not_null()
    )
    assert ended.select("valid_to_date", pl.col("known_at").dt.date()).rows() == [
        (day - timedelta(days=1), announced)
    ]
    before = source.reference("issuers", announced - timedelta(days=1)).rows
    assert before.filter(pl.col("valid_from_date") == day).is_empty(), (
        "nobody knows before the announcement"
    )
    prices = source.daily("equity_prices", *source.date_range()).rows.filter(
        pl.col("ticker") == ended["ticker"][0]
    )
    assert prices["trade_date"].max() == offset(day, -1)
    quotes = source.daily("cds_quotes", day, source.date_range()[1]).rows
    assert ended["ticker"][0] not in set(quotes["ticker"])
    last = offset(day, -1)
    assert whole("delistings", name).rows() == [
        (ended["ticker"][0], last, 0.0, "merger", datetime.combine(day, time(9)))
    ]
    assert source.reference("delistings", offset(last, -1)).rows.is_empty()


@pytest.mark.parametrize("name", ["tiny", "demo"])
def test_the_ticker_changes_on_its_day_and_the_price_goes_on(name):
    source = shared(name=name)
    parents, days = make_parents(source.world), source.world.days()
    day = days[parents.rename_day]
    mine = (
        whole("equities", name)
        .filter(pl.col("parent_id") == parents.parent_id[parents.renamed])
        .sort("valid_from_date")
    )
    old, new = mine["ticker"].to_list()
    assert old != new and mine["valid_from_date"][1] == day
    assert mine["known_at"][1] < datetime.combine(day, time(0))
    prices = (
        source.daily("equity_prices", *source.date_range())
        .rows.filter(pl.col("ticker").is_in([old, new]))
        .sort("trade_date")
    )
    assert prices["trade_date"].to_list() == days, "one price a day under one name or the other"
    assert prices.filter(pl.col("trade_date") < day)["ticker"].unique().to_list() == [old]
    assert prices.filter(pl.col("trade_date") >= day)["ticker"].unique().to_list() == [new]
    worth = prices["split_ratio"] * (prices["close_usd"] + prices["dividend_usd"])
    implied = 100 * (worth / prices["close_usd"].shift(1) - 1)
    assert (implied - prices["total_return_pct"]).abs().max() < 1e-9, (
        "also across the change of name"
    )


def test_every_name_has_a_price_every_day_it_is_listed():
    source = shared()
    prices = source.daily("equity_prices", *source.date_range()).rows
    days, listed = len(source.world.days()), make_parents(source.world)
    assert prices.filter(~pl.col("is_etf")).height == source.world.n_parents * days - (
        days - listed.takeover_day
    )
    assert prices.filter("is_etf").group_by("ticker").len()["len"].to_list() == [days] * 11
    assert prices.filter(pl.col("total_return_pct").is_null())["trade_date"].unique().to_list() == [
        source.date_range()[0]
    ]
    assert prices["close_usd"].min() > 0
    assert prices.select(
        (pl.col("known_at") == pl.col("trade_date").dt.combine(time(16))).all()
    ).item()


def test_a_treasury_curve_is_known_the_next_morning():
    yields = whole("treasury_yields")
    assert yields.select(
        (pl.col("known_at") == next_trading_days(yields["trade_date"]).dt.combine(time(9))).all()
    ).item()
    assert yields["trade_date"].unique().sort().to_list() == shared().world.days()
    assert yields.group_by("trade_date").len()["len"].unique().to_list() == [11]
    assert yields["par_yield_pct"].is_between(-1, 12).all()


def test_balance_sheets_are_known_well_after_their_quarter():
    filed = whole("fundamentals")
    lag = filed["known_at"].dt.date() - filed["period_end_date"]
    assert lag.min() >= timedelta(days=20)
    on_first_day = filed.filter(
        pl.col("known_at") <= datetime.combine(shared().date_range()[0], time(18, 30))
    )
    assert on_first_day["parent_id"].n_unique() == shared().world.n_parents, (
        "every name has one from the first day on"
    )
    assert (
        filed.select(
            (
                pl.col("short_term_debt_usd")
                + pl.col("long_term_debt_usd")
                - pl.col("total_debt_usd")
            )
            .abs()
            .max()
        ).item()
        < 1
    )
    assert filed.select((pl.col("short_term_debt_usd") >= 0).all()).item()


def test_ratings_are_known_after_the_action():
    ratings = whole("ratings", "demo")
    assert ratings.select((pl.col("known_at").dt.date() > pl.col("rating_date")).all()).item()
    assert ratings["rating_number"].min() >= 1 and ratings["rating_number"].max() <= 22
    actions = ratings.group_by("issuer_id").len().filter(pl.col("len") > 1)
    assert actions.height > 0.2 * ratings["issuer_id"].n_unique(), "ratings move"


@pytest.mark.parametrize("table", RAW_REFERENCE)
def test_a_reference_table_holds_nothing_dated_later_and_rewrites_nothing(table):
    source, dated = shared(), DATED[table]
    everything = whole(table)
    sizes = []
    for position in (0, 140, 232, 262, 300, 437):
        through = source.world.days()[position]
        rows = source.reference(table, through).rows
        assert rows.select((pl.col(dated).cast(pl.Date) <= through).all()).item()
        assert rows.equals(everything.filter(pl.col(dated).cast(pl.Date) <= through)), (
            "what was known stays as it was"
        )
        assert fresh().reference(table, through).rows.equals(rows)
        sizes.append(rows.height)
    assert sizes[-1] > sizes[0] and (sizes[0] > 0 or table == "delistings")


def test_cds_exist_for_the_largest_names_only():
    source = shared(name="demo")
    quotes = source.daily("cds_quotes", source.world.days()[500], source.world.days()[519]).rows
    stocks = source.daily(
        "equity_prices", source.world.days()[500], source.world.days()[519]
    ).rows.filter(~pl.col("is_etf"))
    assert 0.3 < quotes["ticker"].n_unique() / stocks["ticker"].n_unique() < 0.5
    assert quotes["tenor_years"].unique().sort().to_list() == [1, 3, 5, 7, 10]
    assert quotes["par_spread_bps"].min() >= 1
    size = stocks.group_by("ticker").agg(
        cap=(pl.col("close_usd") * pl.col("shares_outstanding")).mean()
    )
    quoted = (
        size.group_by(pl.col("ticker").is_in(quotes["ticker"].unique().implode()))
        .agg(pl.col("cap").median())
        .sort("ticker")
    )
    assert quoted["cap"][1] > 2 * quoted["cap"][0]


def test_a_callable_bond_is_pulled_to_par_like_any_other():
    mids = (
        shared(name="demo")
        .truth()["bond_mids"]
        .join(whole("bonds", "demo").filter(pl.col("coupon_type") == "F"), on="cusip")
    )
    last = mids.filter((pl.col("maturity_date") - pl.col("trade_date")).dt.total_days() < 60)
    mean = dict(last.group_by("is_callable").agg(pl.col("true_mid").mean()).iter_rows())
    assert abs(mean[True] - mean[False]) < 0.5, mean


def test_the_truth_settles_on_the_days_on_which_the_street_does():
    days = all_trading_days()[:-5]
    street = settlement_dates(pl.Series(days)).to_numpy().astype("datetime64[D]").astype(int)
    assert (_settlement(days) == street).all()


def test_as_many_bonds_are_out_in_every_year():
    bonds = make_market(world("demo", 1, 0.2)).bonds
    for year in range(2021, 2034):
        day = (date(year, 7, 1) - date(1970, 1, 1)).days
        out = ((bonds.offering_day <= day) & (bonds.maturity_day > day)).sum()
        # What is refinanced early is out twice for a while.
        assert 0.99 < out / bonds_of_the_first_day(bonds) < 1.05, year


def bonds_of_the_first_day(bonds) -> int:
    """Slots: a bond each on the first day."""
    first = (date(2021, 1, 4) - date(1970, 1, 1)).days
    return int(((bonds.offering_day <= first) & (bonds.maturity_day > first)).sum())
