"""What a cleaning may be told: the screens, each with its source, the presets, and TOML files of
them.

Belongs here: the options and their names. Not here: how a screen is applied (`screens.py`).
"""

from __future__ import annotations

import tomllib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from bondsig_assets.errors import ReportsError
from bondsig_assets.validation import Says, checked, declared_fields, validated

Calendar = Literal["nyse", "sifma", "none"]
PriceErrors = Literal["trailing", "ex_post", "none"]
Interdealer = Literal["pair", "drop_buys", "keep"]
Markets = tuple[Literal["P1", "P2", "S1", "S2"], ...]
GiveUps = tuple[Literal["A", "G", "Q"], ...]
Conditions = tuple[Literal["A", "C", "N", "R", "W", "Z"], ...]
Modifiers = tuple[Annotated[str, Field(pattern=r"^[A-Z0-9]$")], ...]
Days = Annotated[int | None, Says("is not a whole number of days, 0 or more")]


def _option(default: Any, meaning: str, source: str, **rules: Any) -> Any:
    said: Any = {"source": source}
    return Field(default=default, description=meaning, json_schema_extra=said, **rules)


# A bound that is off is infinite.
@checked(ReportsError, finite=False)
class Screens:
    """Which reports that stand are no trades of the sample; applied after matching, never before.

    The defaults are `none`: message lifecycle and double counting alone. Prices are % of par, par
    and values US dollars. `trace.options.PRESETS` holds the sets by name; the page on screens says
    what each option means and whose it is. Nothing is checked here; a TOML file given to `clean`
    is, and raises ReportsError.

    Examples:
        >>> from dataclasses import replace
        >>> from bondsig_assets import Screens
        >>> from bondsig_assets.trace.options import PRESETS
        >>> Screens(minimum_par_usd=100_000.0).interdealer
        'pair'
        >>> mine = replace(PRESETS["research"], name="mine", calendar="sifma")
        >>> mine.calendar, mine.minimum_par_usd
        ('sifma', 10000.0)
    """

    name: str = "none"
    interdealer: Interdealer = _option(
        "pair",
        "pair: a buy leg that repeats a sell leg gives way; drop_buys: every buy leg does; keep:"
        " none",
        "pairing counts; drop_buys: Dick-Nielsen 2014",
    )
    affiliate: bool = _option(
        True,
        "drop contra A, an affiliate that passes the customer's trade on at the same price",
        "FINRA Rule 6730; WRDS keeps C and D alone",
    )
    self_trade: bool = _option(
        True, "drop reports of a dealer with itself (Academic file)", "Dick-Nielsen & Poulsen 2019"
    )
    only_before_2012: bool = _option(
        False,
        "apply flag screens to reports of before 2012-02-06 alone",
        "van Binsbergen-Nozawa-Schwert as used by DRR",
    )
    when_issued: bool = _option(False, "drop trades before issue", "Dick-Nielsen 2014")
    special_price: bool = _option(
        False, "drop prices reported as away from the market", "Dick-Nielsen 2014"
    )
    primary_market: Markets = _option(
        (), "trading markets to drop, of S1 S2 P1 P2", "Dick-Nielsen 2014", strict=False
    )
    locked_in: bool = _option(False, "drop locked-in trades", "van Binsbergen-Nozawa-Schwert")
    give_up: GiveUps = _option(
        (), "give-up codes to drop, of A Q G (before 2012)", "Dick-Nielsen 2014", strict=False
    )
    weighted_average_price: bool = _option(
        False,
        "drop weighted average prices (modifier 4 or sale condition W)",
        "FINRA Rule 6730(d)(4)",
    )
    portfolio_trade: bool = _option(
        False,
        "drop portfolio trades (modifier 4 P, since 2023-05-15): at least ten bonds for one price",
        "FINRA Rule 6730(d)(4)(H), Regulatory Notice 22-12",
    )
    ats: bool = _option(
        False,
        "drop executions on an alternative trading system, where the file flags them",
        "FINRA's layout of historic files: ATS Indicator",
    )
    trade_modifiers: Modifiers = _option(
        (),
        "codes of modifier 3 or 4 to drop, as the file has them: the one of delayed Treasury spot"
        " trades (price fixed later than the spread), say",
        "FINRA's layout of historic files: Trade Modifier 3 and 4; Regulatory Notice 22-12",
        strict=False,
    )
    sale_conditions: Conditions = _option(
        (),
        "sale conditions to drop, of A C N R W Z (before 2012)",
        "van Binsbergen-Nozawa-Schwert; WRDS drops C",
        strict=False,
    )
    settlement_days: Days = _option(
        None,
        "drop what settles in more days than this (before 2012 as coded, since then in calendar"
        " days); 0 is one trading day beyond the regular cycle of the date",
        "Dick-Nielsen 2014; Rule 15c6-1: T+3 to 2017-09-04, T+2 to 2024-05-27, T+1 since",
        ge=0,
    )
    commission: bool = _option(
        False, "drop trades with a commission (Y before 2012, C since)", "Dick-Nielsen 2014"
    )
    agency_customer: bool = _option(
        False,
        "drop agency trades with a customer without commission: their price is the dealer leg's",
        "Dick-Nielsen 2014",
    )
    security_type: bool = _option(
        False, "keep corporate bonds alone (C, CORP) where the type is given", "Dick-Nielsen 2014"
    )
    as_of: bool = _option(False, "drop reports with an as-of code", "Tidy Finance")
    time_order: bool = _option(
        False, "drop executions after their report", "a report cannot be of the future"
    )
    calendar: Calendar = _option(
        "none",
        "drop executions on days when this market is closed: nyse, sifma",
        "OSBAP filter 3; Asquith-Covert-Pathak",
    )
    early_close: bool = _option(
        False, "drop executions after an early close of that calendar", "Asquith-Covert-Pathak"
    )
    minimum_price: float = _option(
        float("-inf"), "drop prices at or below, % of par", "OSBAP filter 4"
    )
    maximum_price: float = _option(
        float("inf"), "drop prices above, % of par", "OSBAP filter 4; Asquith-Covert-Pathak 220"
    )
    price_is_yield: bool = _option(False, "drop prices equal to the yield", "OSBAP filter 7")
    minimum_par_usd: float = _option(
        0.0,
        "drop par below, US dollars",
        "van Binsbergen-Nozawa-Schwert $10,000; institutional $100,000",
    )
    minimum_value_usd: float = _option(
        0.0, "drop par times price below, US dollars", "OSBAP filter 5"
    )
    half_of_issue: bool = _option(False, "drop par of half the issue or more", "OSBAP filter 8")
    issue_dates: bool = _option(
        False,
        "drop executions before the offering or from maturity on",
        "OSBAP filter 9; Asquith-Covert-Pathak",
    )
    unknown_bond: bool = _option(False, "drop bonds without terms", "the graph needs terms")
    convertible: bool = _option(False, "drop convertibles", "OSBAP universe")
    price_errors: PriceErrors = _option(
        "none",
        "trailing: quarantine by earlier prints alone; ex_post: the usual filters with hindsight",
        "trailing: ours; ex_post: OSBAP filters 1, 6 and 10",
    )


NONE = Screens()
RESEARCH = replace(
    NONE,
    name="research",
    when_issued=True,
    special_price=True,
    primary_market=("S2", "P1", "P2"),
    weighted_average_price=True,
    sale_conditions=("C", "N", "R", "W"),
    settlement_days=0,
    time_order=True,
    calendar="nyse",
    minimum_price=0.0,
    maximum_price=1000.0,
    price_is_yield=True,
    minimum_par_usd=10_000.0,
    half_of_issue=True,
    issue_dates=True,
    price_errors="trailing",
)
PRESETS: dict[str, Screens] = {
    "none": NONE,
    "research": RESEARCH,
    "institutional": replace(RESEARCH, name="institutional", minimum_par_usd=100_000.0),
    "ex_post": replace(RESEARCH, name="ex_post", price_errors="ex_post"),
    "dick-nielsen": replace(
        NONE,
        name="dick-nielsen",
        interdealer="drop_buys",
        when_issued=True,
        special_price=True,
        primary_market=("S2", "P1", "P2"),
        give_up=("A", "Q"),
        locked_in=True,
        sale_conditions=("C",),
        settlement_days=5,
        commission=True,
        agency_customer=True,
        security_type=True,
    ),
    "vns-drr": replace(
        NONE,
        name="vns-drr",
        only_before_2012=True,
        when_issued=True,
        locked_in=True,
        sale_conditions=("A", "C", "N", "R", "W", "Z"),
        settlement_days=2,
        minimum_par_usd=10_000.0,
    ),
    "tidy": replace(
        NONE, name="tidy", when_issued=True, special_price=True, settlement_days=7, as_of=True
    ),
}


def screens_named(wanted: str | Path | Screens) -> Screens:
    """The preset of that name, or the screens of that TOML file.

    A TOML file has option names as keys, and may name a preset to start from as `base`
    (default `none`). Raises ReportsError for an unknown preset, option or type.
    """
    if isinstance(wanted, Screens):
        return wanted
    text = str(wanted)
    if text.lower() in PRESETS:
        return PRESETS[text.lower()]
    if not text.endswith(".toml"):
        raise ReportsError(
            f"no screens '{text}'; presets are {', '.join(PRESETS)}, or give a .toml file"
        )
    path = Path(text)
    try:
        options = tomllib.loads(path.read_text())
    except OSError as error:
        raise ReportsError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ReportsError(f"{path}: no valid TOML: {str(error).splitlines()[0]}") from error
    return _from_options(path, options)


def _from_options(path: Path, options: dict[str, Any]) -> Screens:
    base = options.pop("base", "none")
    if not isinstance(base, str) or base not in PRESETS:
        raise ReportsError(
            f"{path}: base = {base!r} is no preset; presets are {', '.join(PRESETS)}"
        )

    def unknown(names: list[str], known: list[str]) -> str:
        screens = ", ".join(name for name in known if name != "name")
        return f"{path}: no screen '{names[0]}'; screens are {screens}"

    if "name" in options:
        raise ReportsError(unknown(["name"], list(declared_fields(Screens))))
    values = asdict(PRESETS[base]) | {"name": path.stem} | options
    return validated(Screens, values, f"{path}: ", unknown)
