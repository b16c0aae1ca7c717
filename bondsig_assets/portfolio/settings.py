"""What a portfolio is made by: universe, alpha, risk, costs, bounds, trading; from one TOML file.

Belongs here: typed settings with their meaning, what contradicts what, reading and writing them as
`portfolio.toml`. Not here: what is done with them (the modules beside this one), the first filter's
settings (`learning/settings.py`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import BeforeValidator, Field

from bondsig_assets.errors import SettingsError
from bondsig_assets.formats.settings_files import from_tables, read_settings, to_toml
from bondsig_assets.market_rules import HORIZON
from bondsig_assets.validation import OneOf, Says, checked

POLICIES = ("optimised", "tranches", "long_only", "equity_only")
#: Where an expected return comes from (`alpha.py`).
ROUTES = ("smaller", "probability", "information_coefficient")
#: Price at which the paper broker fills, and how an order is spread over its session.
FILL_PRICES = ("close", "vwap")
SCHEDULES = ("vwap", "twap", "pov", "almgren_chriss")
#: What becomes of shares that no half hour's cap leaves room for.
RESTS = ("drop", "close")


def _tickers(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise ValueError
    return tuple(value)


_Tickers = Annotated[
    tuple[str, ...], BeforeValidator(_tickers), Says("is not a list of tickers, as ['AAA', 'BBB']")
]


@checked(SettingsError)
class UniverseSettings:
    """Which names may be held: what a name must show to enter, and the less that keeps it in."""

    minimum_price_usd: float = Field(default=5.0, ge=0.0, description="Least close to enter")
    keep_price_usd: float = Field(default=3.0, ge=0.0, description="Least close to stay")
    minimum_dollar_volume_usd: float = Field(
        default=5e6, ge=0.0, description="Least median of 21 daily dollar volumes to enter"
    )
    keep_dollar_volume_usd: float = Field(
        default=3e6, ge=0.0, description="Least median of 21 daily dollar volumes to stay"
    )
    minimum_returns: int = Field(
        default=126, ge=21, le=252, description="Least number of returns in the last 252 days"
    )
    maximum_gap_days: int = Field(
        default=5, ge=0, description="Most trading days in a row without a return among them"
    )
    minimum_trades_21d: int = Field(
        default=10, ge=0, description="Least number of bond trades in 21 days to enter"
    )
    keep_trades_21d: int = Field(
        default=5, ge=0, description="Least number of bond trades in 21 days to stay"
    )
    maximum_staleness_days: int = Field(
        default=3, ge=0, description="Most trading days since the bonds last traded to enter"
    )
    keep_staleness_days: int = Field(
        default=5, ge=0, description="Most trading days since the bonds last traded to stay"
    )
    maximum_liquidation_days: float = Field(
        default=5.0,
        gt=0.0,
        description=(
            "Most days it takes to sell the position, or the largest one allowed, at"
            " bounds.participation_pct of volume, to enter"
        ),
    )
    keep_liquidation_days: float = Field(
        default=10.0, gt=0.0, description="Most days it takes to sell the position to stay"
    )
    borrow_needed: bool = Field(
        default=False,
        description=(
            "A name without stock to borrow is out altogether; false: it may be held, not sold"
            " short"
        ),
    )
    include: _Tickers = Field(
        default=(), description="Only these tickers; an empty list stands for all"
    )
    exclude: _Tickers = Field(default=(), description="None of these tickers")

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        for enter, keep, sign in _EDGES:
            if sign * getattr(self, keep) > sign * getattr(self, enter):
                raise SettingsError(
                    f"{keep} = {getattr(self, keep)} asks more than {enter} ="
                    f" {getattr(self, enter)}: a name would leave on the day it enters"
                )
        if both := sorted(set(self.include) & set(self.exclude)):
            raise SettingsError(f"include and exclude both name {', '.join(both)}: strike one")


#: To enter, to stay, and whether more (1) or less (-1) of it is the stricter.
_EDGES = (
    ("minimum_price_usd", "keep_price_usd", 1),
    ("minimum_dollar_volume_usd", "keep_dollar_volume_usd", 1),
    ("minimum_trades_21d", "keep_trades_21d", 1),
    ("maximum_staleness_days", "keep_staleness_days", -1),
    ("maximum_liquidation_days", "keep_liquidation_days", -1),
)


@checked(SettingsError)
class AlphaSettings:
    """From a score to the mean simple return expected over five days."""

    route: Annotated[str, OneOf(ROUTES)] = Field(
        default="probability",
        description=(
            "probability (from the calibrated probability: keeps the size of news),"
            " information_coefficient (IC x volatility x normal score: ranks alone) or smaller (of"
            " the two; 0 where their signs differ)"
        ),
    )
    prior_ic: float = Field(
        default=0.005, ge=0.0, le=0.2, description="IC expected of a model before it has shown any"
    )
    prior_ic_sd: float = Field(
        default=0.01,
        gt=0.0,
        le=0.2,
        description="Standard deviation of that expectation: small believes it, large the data",
    )
    neutral_to_volatility: bool = Field(
        default=True,
        description="Take out what the cross-section pays for volatility: an IC of it is no profit",
    )
    neutral_to_beta: bool = Field(default=True, description="Take out what it pays for market beta")
    neutral_to_sector: bool = Field(default=True, description="Take out what it pays for a sector")


@checked(SettingsError)
class RiskSettings:
    """The risk model: sectors and macro factors, specific risk, and the aversion to it."""

    risk_aversion: float = Field(
        default=10.0,
        gt=0.0,
        le=10_000.0,
        description="Return given up is half of this times the variance, both over five days",
    )
    half_life_days: int = Field(
        default=42, ge=5, le=504, description="Half-life of volatilities, in trading days"
    )
    correlation_multiple: float = Field(
        default=4.0,
        ge=1.0,
        le=20.0,
        description="Half-life of correlations, as a multiple of that of volatilities",
    )
    beta_days: int = Field(
        default=504, ge=126, le=1260, description="Window of macro betas, in trading days"
    )
    beta_half_life_days: int = Field(
        default=252, ge=21, le=1260, description="Half-life of macro betas, in trading days"
    )
    beta_ridge: float = Field(
        default=0.02,
        ge=0.0,
        le=10.0,
        description="Ridge of macro betas, as a share of the mean diagonal",
    )
    minimum_returns: int = Field(
        default=63,
        ge=21,
        description=(
            "A name with fewer returns in the window has the median betas and specific risk of"
            " its sector and size"
        ),
    )
    specific_half_life_days: int = Field(
        default=42, ge=5, le=504, description="Half-life of specific variances, in trading days"
    )
    specific_shrinkage: float = Field(
        default=0.2,
        ge=0.0,
        le=1.0,
        description="How far a specific variance is drawn to the median of the day's names",
    )
    specific_floor_pct: float = Field(
        default=5.0,
        ge=0.0,
        le=50.0,
        description="Percentile of the day's specific variances that none may be below",
    )
    newey_west_lags: int = Field(
        default=0,
        ge=0,
        le=10,
        description="Lags of the factors' autocovariances that count; 0 on liquid names",
    )

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if self.minimum_returns > self.beta_days:
            raise SettingsError(
                f"minimum_returns = {self.minimum_returns} is more than beta_days ="
                f" {self.beta_days}: no name would ever have betas of its own"
            )


@checked(SettingsError)
class CostSettings:
    """What trading and holding cost: assumptions, each to be replaced by what is known."""

    multiplier: float = Field(
        default=2.0,
        ge=0.0,
        le=10.0,
        description=(
            "How often the cost of a trade counts in a decision: 2 for the round trip of a"
            " five-day forecast. 0 takes it from the score's own persistence, from 2 (none) to 1"
        ),
    )
    impact: float = Field(
        default=1.0,
        ge=0.0,
        le=10.0,
        description=(
            "Y of the square-root law: the price moves by Y x daily volatility x root of the share"
            " of the day's volume; the average paid is two thirds of it"
        ),
    )
    half_spread_bps: float = Field(
        default=1.0, ge=0.0, le=500.0, description="Half-spread of a name without volatility"
    )
    half_spread_slope_bps: float = Field(
        default=0.6,
        ge=0.0,
        le=500.0,
        description="What 1 % of daily volatility adds to it at 50 million dollars a day",
    )
    half_spread_maximum_bps: float = Field(
        default=50.0, ge=0.0, le=1_000.0, description="No half-spread above this, but for the tick"
    )
    tick_usd: float = Field(
        default=0.01, ge=0.0, le=1.0, description="Smallest step of a price: half of it is paid"
    )
    commission_usd: float = Field(default=0.0035, ge=0.0, le=1.0, description="Commission a share")
    general_borrow_bps: float = Field(
        default=30.0,
        ge=0.0,
        le=10_000.0,
        description="Annual cost of a short where no borrow rates are delivered at all",
    )
    unknown_borrow_bps: float = Field(
        default=300.0,
        ge=0.0,
        le=10_000.0,
        description="Annual cost of a short where they are, and the name has none",
    )

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if self.half_spread_bps > self.half_spread_maximum_bps:
            raise SettingsError(
                f"half_spread_bps = {self.half_spread_bps} is above half_spread_maximum_bps ="
                f" {self.half_spread_maximum_bps}"
            )
        if self.general_borrow_bps > self.unknown_borrow_bps:
            raise SettingsError(
                f"general_borrow_bps = {self.general_borrow_bps} is above unknown_borrow_bps ="
                f" {self.unknown_borrow_bps}: a name nobody quotes would be the cheaper short"
            )


@checked(SettingsError)
class BoundSettings:
    """What targets may be, in percent of the net asset value; all but name and volume give way in
    need.
    """

    name_pct: float = Field(default=4.0, gt=0.0, le=100.0, description="Most of one name")
    participation_pct: float = Field(
        default=5.0,
        gt=0.0,
        le=100.0,
        description="Most of a day's trade in a name, in percent of its usual daily volume",
    )
    gross_pct: float = Field(
        default=200.0, gt=0.0, le=1_000.0, description="Most of longs and shorts together"
    )
    net_pct: float = Field(
        default=1.0,
        ge=0.0,
        le=1_000.0,
        description="Most of longs less shorts either way, long-short",
    )
    sector_pct: float = Field(
        default=4.0, ge=0.0, le=1_000.0, description="Most of a sector's net either way"
    )
    beta_pct: float = Field(
        default=5.0, ge=0.0, le=1_000.0, description="Most of the book's market beta either way"
    )
    factor_risk_bps: float = Field(
        default=5.0,
        ge=0.0,
        le=1_000.0,
        description="Most daily risk from each other macro factor, in bp of net asset value",
    )
    volatility_style_pct: float = Field(
        default=10.0,
        ge=0.0,
        le=1_000.0,
        description=(
            "Most exposure to the volatility style: weights times the normal score of a name's"
            " volatility"
        ),
    )
    turnover_pct: float = Field(
        default=40.0, gt=0.0, le=2_000.0, description="Most of a day's buys and sells together"
    )
    cash_pct: float = Field(default=0.0, ge=0.0, le=99.0, description="Cash of a long-only book")
    sector_etf_hedges: bool = Field(
        default=False,
        description="Sector ETFs may be held against the book, without expected return or cap",
    )

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if self.net_pct > self.gross_pct:
            raise SettingsError(
                f"net_pct = {self.net_pct} is above gross_pct = {self.gross_pct}, which bounds it"
                " already"
            )
        if self.name_pct > self.gross_pct:
            raise SettingsError(
                f"name_pct = {self.name_pct} is above gross_pct = {self.gross_pct}: one name would"
                " be more than the book"
            )


@checked(SettingsError)
class TradingSettings:
    """Orders, fills and what is booked: rules, and assumptions where a source does not tell."""

    fill: Annotated[str, OneOf(FILL_PRICES)] = Field(
        default="close",
        description=(
            "Price at which the paper broker fills in the session after the decision: its close, or"
            " vwap, for which the mean of open, high, low and close stands"
        ),
    )
    fill_participation_pct: float = Field(
        default=10.0,
        gt=0.0,
        le=100.0,
        description="Most of the session's real volume that the paper broker fills, all orders of"
        " a name together",
    )
    schedule: Annotated[str, OneOf(SCHEDULES)] = Field(
        default="vwap",
        description=(
            "How an order is spread over half hours: vwap (as volume usually is), twap (evenly),"
            " pov (as fast as the cap allows) or almgren_chriss (faster at the start)"
        ),
    )
    schedule_risk_aversion: float = Field(
        default=1.0,
        ge=0.0,
        le=1e6,
        description=(
            "almgren_chriss: dollars of expected cost that are paid to be rid of a variance of a"
            " million squared dollars"
        ),
    )
    bucket_participation_pct: float = Field(
        default=10.0,
        gt=0.0,
        le=100.0,
        description="Most of a half hour's usual volume in a schedule, all orders of a name"
        " together",
    )
    rest: Annotated[str, OneOf(RESTS)] = Field(
        default="drop",
        description=(
            "What half hours have no room for: drop (not sent; decided anew in the evening) or"
            " close (crossed at the close, in the last half hour)"
        ),
    )
    lot_shares: int = Field(
        default=1, ge=1, le=10_000, description="Orders are multiples of it, but for a full exit"
    )
    minimum_notional_usd: float = Field(
        default=500.0,
        ge=0.0,
        description="A smaller order is dust and not sent, but for a full exit",
    )
    commission_minimum_usd: float = Field(
        default=0.35,
        ge=0.0,
        le=1_000.0,
        description="Least commission of an order's fills of a day; costs.commission_usd a share",
    )
    sell_fee_bps: float = Field(
        default=0.2,
        ge=0.0,
        le=100.0,
        description="Fee on what is sold: about what the SEC's was on average; it changes yearly",
    )
    dividend_pay_days: int = Field(
        default=15,
        ge=0,
        le=252,
        description="Trading days from the ex-date to the payment of a dividend",
    )
    cash_rate_pct: float = Field(
        default=0.0,
        ge=-5.0,
        le=50.0,
        description="Annual rate on cash on days for which none is known",
    )
    cash_spread_bps: float = Field(
        default=50.0, ge=0.0, le=2_000.0, description="Own cash earns this much a year less"
    )
    proceeds_spread_bps: float = Field(
        default=25.0, ge=0.0, le=2_000.0, description="Proceeds of shorts earn this much less"
    )
    debit_spread_bps: float = Field(
        default=75.0, ge=0.0, le=5_000.0, description="Borrowed cash costs this much more"
    )
    delisting_unknown_pct: float = Field(
        default=-30.0,
        ge=-100.0,
        le=0.0,
        description=(
            "Return of a stock that was dropped where nobody knows it (Shumway 1997); a merger's,"
            " an exchange's or a liquidation's counts as 0"
        ),
    )
    halt_days: int = Field(
        default=10,
        ge=1,
        le=252,
        description="Trading days without a price after which a position is said to be halted",
    )

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if self.schedule == "almgren_chriss" and self.schedule_risk_aversion == 0:
            raise SettingsError(
                "schedule = 'almgren_chriss' with schedule_risk_aversion = 0.0 is schedule ="
                " 'vwap': say so"
            )
        if self.rest == "close" and self.schedule == "pov":
            raise SettingsError(
                "schedule = 'pov' never passes the cap and rest = 'close' does: choose one"
            )


@checked(SettingsError)
class PortfolioSettings:
    """Everything targets depend on but the data; `bondsig settings portfolio` prints it.

    Raises SettingsError with what is wrong, or with the settings that contradict each other.

    Examples:
        >>> from bondsig_assets.portfolio.settings import make_settings
        >>> make_settings({"bounds": {"net_pct": 300.0}})
        Traceback (most recent call last):
        ...
        bondsig_assets.errors.SettingsError: bounds.net_pct = 300.0 is above gross_pct = 200.0, \
which bounds it already
    """

    policy: Annotated[str, OneOf(POLICIES)] = Field(
        default="optimised",
        description=f"Which targets the graph makes every day: {', '.join(POLICIES)}",
    )
    nav_usd: float = Field(
        default=10_000_000.0, gt=0.0, description="Net asset value that weights are taken of"
    )
    universe: UniverseSettings = UniverseSettings()
    alpha: AlphaSettings = AlphaSettings()
    risk: RiskSettings = RiskSettings()
    costs: CostSettings = CostSettings()
    bounds: BoundSettings = BoundSettings()
    trading: TradingSettings = TradingSettings()

    def __post_init__(self) -> None:
        """Refuse groups that contradict each other."""
        bounds, trading = self.bounds, self.trading
        if trading.fill_participation_pct < bounds.participation_pct:
            raise SettingsError(
                f"trading.fill_participation_pct = {trading.fill_participation_pct} is below"
                f" bounds.participation_pct = {bounds.participation_pct}: orders of a usual day"
                " would never be filled; raise it"
            )
        if self.policy == "long_only" and bounds.gross_pct + bounds.cash_pct < 100:
            raise SettingsError(
                f"policy = 'long_only' invests 100 - bounds.cash_pct = {100 - bounds.cash_pct} %,"
                f" more than bounds.gross_pct = {bounds.gross_pct}"
            )
        if self.policy == "long_only" and bounds.sector_etf_hedges:
            raise SettingsError(
                "policy = 'long_only' sells nothing short: bounds.sector_etf_hedges = true"
                " contradicts it"
            )

    @cached_property
    def hash(self) -> str:
        """Fingerprint of all settings: targets of other settings are out of date."""
        text = json.dumps(asdict(cast("Any", self)), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def days_of_forecast(self) -> int:
        """Trading days that an expected return and its risk are for."""
        return HORIZON


_GROUPS: dict[str, type] = {
    "universe": UniverseSettings,
    "alpha": AlphaSettings,
    "risk": RiskSettings,
    "costs": CostSettings,
    "bounds": BoundSettings,
    "trading": TradingSettings,
}
_PLAIN = ("policy", "nav_usd")


def load_settings(path: Path | None) -> PortfolioSettings:
    """Settings from `portfolio.toml`, defaults where it is silent or there is none. Raises
    SettingsError.
    """
    if path is None or not path.exists():
        return PortfolioSettings()
    return read_settings(path, make_settings, "bondsig settings portfolio")


def make_settings(values: Mapping[str, Any]) -> PortfolioSettings:
    """Settings from nested tables as in the TOML file. Raises SettingsError naming what is wrong,
    or what contradicts what.
    """
    return from_tables(PortfolioSettings, _PLAIN, _GROUPS, values)


def as_toml(settings: PortfolioSettings) -> str:
    """The settings as a TOML file with every meaning as a comment."""
    return to_toml(settings, _PLAIN, _GROUPS)
