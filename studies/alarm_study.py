"""How often monitors ring for nothing, and how long they take: `python -m studies.alarm_study`.

Series are drawn in which nothing changes (overlap, tails, weekdays, expectations that have to be
estimated), and what rings is counted against what was promised. Then a lead dies, halves or turns
round on a known day, and the days until an alarm are counted against those the alarm says. Prints
Markdown.

Belongs here: such series and the counting. Not here: monitors (`monitoring/`), worlds of bond days
whose lead dies, which cost hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import click
import numpy as np
import polars as pl

from bondsig_assets.arrays import Floats
from bondsig_assets.calendar import all_trading_days
from bondsig_assets.monitoring.budget import run_lengths, split
from bondsig_assets.monitoring.catalogue import BY_NAME, MONITORS
from bondsig_assets.monitoring.drift import ALL, Shapes, drift
from bondsig_assets.monitoring.jumps import day_types, jumps
from bondsig_assets.monitoring.long_run import overlapping_noise
from bondsig_assets.monitoring.profit import CUT, MOST_OF_EXPECTED
from bondsig_assets.monitoring.settings import DataSettings, DriftSettings, MonitoringSettings
from bondsig_assets.monitoring.watch import SERIES, watch

MEANS = tuple(one.name for one in MONITORS if one.how == "mean")
#: A market of 120 names: standard deviation of a day's IC and persistence of scores, which the
#: project's own runs imply, and an IC that a good model has.
DEVIATION, KEPT, IC = 0.09, 0.6, 0.02
#: Trading days from a day to the evening that knows its label.
WAIT = 6
_FIRST = int(np.searchsorted(all_trading_days(), np.datetime64("2004-01-02")))
DEFAULTS = MonitoringSettings()


def calendar(n: int, start: int = 0) -> list[date]:
    """`n` trading days from the `start`-th of the study on."""
    found: list[date] = all_trading_days()[_FIRST + start : _FIRST + start + n].tolist()
    return found


def quiet_series(seed: int, n: int, ic: float = IC) -> pl.DataFrame:
    """Every monitor of a mean on `n` days on which nothing changes, each with noise of its own:
    ICs, calibration of labels that overlap, standardised returns with the tails of Student's t (5
    degrees of freedom) at a Sharpe ratio of 1, costs with a lognormal error.
    """
    draw = np.random.default_rng(seed)
    noise = overlapping_noise(draw, (n, 5), KEPT)
    slow = overlapping_noise(draw, (n, 2), 1.0)
    z = 252**-0.5 + draw.standard_t(5, n) * 0.6**0.5
    claim = 0.53 * np.exp(0.3 * draw.normal(size=n))
    expected = 3 * np.exp(0.3 * draw.normal(size=n))
    realised = np.exp(0.8 * draw.normal(size=n) - 0.32)
    values = {
        "ic": ic + DEVIATION * noise[:, 0],
        "ic_over_equity": ic + DEVIATION * noise[:, 1],
        "book": ic + DEVIATION * noise[:, 2],
        "champion_less_control": ic + DEVIATION * noise[:, 3],
        "champion_less_challenger": 0.05 * noise[:, 4],
        "calibration_slope": slow[:, 0],
        "calibration_level": 0.06 * slow[:, 1],
        "profit": z,
        "drawdown": z,
        "risk": np.minimum(np.abs(z), CUT),
        "cost": expected * (np.minimum(realised, MOST_OF_EXPECTED) - 1),
    }
    shifts = {"calibration_slope": -claim, "cost": expected}
    return pl.concat(
        [
            rows(name, values[name], shifts.get(name), 0 if BY_NAME[name].days == 1 else WAIT)
            for name in MEANS
        ]
    )


def rows(name: str, values: Floats, shift: Floats | None = None, wait: int = WAIT) -> pl.DataFrame:
    """One series as `watch` takes it."""
    n = len(values)
    return pl.DataFrame(
        {
            "monitor": [name] * n,
            "trade_date": calendar(n),
            "known_date": calendar(n, wait),
            "value": values,
            "shift": pl.Series([None] * n if shift is None else shift, dtype=pl.Float64),
        },
        schema=SERIES,
    )


def false_alarms(lengths: Mapping[str, float], n_worlds: int, n_days: int) -> pl.DataFrame:
    """A row a monitor: `rung` in worlds without a change, and how many were `promised`."""
    counted = []
    for seed in range(n_worlds):
        found = watch(quiet_series(seed, n_days), calendar(n_days, WAIT), lengths, DEFAULTS.means)
        counted.append(
            found.group_by("monitor").agg(
                rung=(pl.col("state") == "alarm").sum(),
                promised=pl.col("expected_false_alarms").max().fill_null(0.0),
            )
        )
    return (
        pl.concat(counted).group_by("monitor").agg(pl.col("rung", "promised").sum()).sort("monitor")
    )


def delays(
    before: float, after: float, run_length: float, n_worlds: int, quiet_days: int = 1_008
) -> tuple[Floats, float]:
    """Trading days from the day an IC changes to the evening of the first alarm [world], infinite
    where none came in eight years; and the mean of what was said before. Worlds that rang before
    are left out.
    """
    n = quiet_days + 2_016
    found, said = [], []
    for seed in range(n_worlds):
        draw = np.random.default_rng(1_000 + seed)
        values = DEVIATION * overlapping_noise(draw, (n, 1), KEPT)[:, 0]
        values += np.where(np.arange(n) < quiet_days, before, after)
        table = watch(rows("ic", values), calendar(n, WAIT), {"ic": run_length}, DEFAULTS.means)
        rung = (table["state"] == "alarm").to_numpy()
        if rung[:quiet_days].any():
            continue
        first = np.flatnonzero(rung)
        found.append(first[0] - quiet_days + WAIT if first.size else np.inf)
        if (usual := table["delay_days"][quiet_days - 1]) is not None:
            said.append(usual)
    return np.array(found), float(np.mean(said)) if said else float("nan")


def noise_of_days(kind: str, draw: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Noise of a day's data [day, series]: normal, student_5, student_3, persistent or
    clustered.
    """
    if kind.startswith("student"):
        return draw.standard_t(int(kind[-1]), shape)
    fresh: Floats = draw.normal(size=shape)
    if kind == "persistent":
        for day in range(1, shape[0]):
            fresh[day] += 0.8 * fresh[day - 1]
    if kind == "clustered":
        volatility = np.zeros(shape)
        steps = draw.normal(size=shape)
        for day in range(1, shape[0]):
            volatility[day] = 0.98 * volatility[day - 1] + 0.15 * steps[day]
        fresh *= np.exp(volatility)
    return fresh


def jump_alarms(
    kind: str, run_length: float, n_series: int, n_days: int = 2_400
) -> tuple[int, float, float]:
    """Alarms of `n_days` of data without a change, the first 600 not judged, how many were
    promised, and the usual distance at which one rings, in usual spreads.
    """
    n, draw = n_days, np.random.default_rng(5)
    days = all_trading_days()[_FIRST : _FIRST + n]
    types = day_types(days)
    of_type = np.array([0.0, 0.3, 0.3, 0.2, -0.2, -0.8, -2.0, -0.4])[types]
    levels = 8 + 0.2 * noise_of_days(kind, draw, (n, n_series)) + of_type[:, None]
    found = jumps(
        levels,
        np.zeros(levels.shape),
        types,
        np.arange(600, n),
        np.full(n_series, run_length),
        DataSettings(),
    )
    over = np.abs(found.distance) >= found.edge
    over[1:] &= ~over[:-1]
    with np.errstate(invalid="ignore"):
        usual = float(np.nanmedian(found.edge / found.spread))
    return int(over.sum()), float(np.isfinite(found.edge).sum()) / run_length, usual


def drift_warnings(kept: float, n_worlds: int) -> tuple[float, float]:
    """Share of verdicts on a feature that warn, and of those on all of them, where twenty features
    follow one market of that persistence and nothing drifts.
    """
    settings = DriftSettings()
    n, n_features = settings.days, 20
    warned, overall = [], []
    for seed in range(n_worlds):
        draw = np.random.default_rng(seed)
        fresh = draw.normal(size=(n, 1)) * (1 - kept**2) ** 0.5
        market = np.empty((n, 1))
        market[0] = draw.normal()
        for day in range(1, n):
            market[day] = kept * market[day - 1] + fresh[day]
        loading = draw.uniform(0.3, 1.0, n_features)
        level, spread, missing = (
            market * loading + 0.3 * draw.normal(size=(n, n_features)) for _ in range(3)
        )
        quantiles = np.linspace(-2, 2, 19)[None, :, None] * (
            1 + 0.1 * market[:, :, None] * loading + 0.03 * draw.normal(size=(n, 19, n_features))
        )
        days = np.array(calendar(n), dtype="datetime64[D]")
        names = tuple(f"f{k}" for k in range(n_features))
        found = drift(
            Shapes(days, names, level, spread, missing, quantiles), calendar(1, n - 1), settings
        )
        is_one = pl.col("feature") == ALL
        warned.append(found.filter(~is_one)["is_warning"].mean())
        overall.append(found.filter(is_one)["is_warning"].item())
    return float(np.mean(np.array(warned, dtype=float))), float(np.mean(overall))


def report(n_worlds: int, n_days: int, n_series: int = 40, n_data_days: int = 2_400) -> str:
    """Every table of the study, as Markdown: `n_worlds` of `n_days` for means, `n_series` of
    `n_data_days` for jumps.
    """
    lines = [
        f"Series without a change, {n_worlds} worlds of {n_days / 252:.0f} years, rung / promised:",
        "",
        "| monitor | one in 2 years each | one in 10 years each |",
        "|---|---|---|",
    ]
    often, seldom = (
        false_alarms(dict.fromkeys(MEANS, 252.0 * years), n_worlds, n_days) for years in (2, 10)
    )
    both = often.join(seldom, on="monitor", suffix="_seldom", maintain_order="left")
    for name, rung, promised, less, few in both.iter_rows():
        lines.append(f"| {name} | {rung} / {promised:.0f} | {less} / {few:.0f} |")
    whole = [(frame["rung"].sum(), frame["promised"].sum()) for frame in (often, seldom)]
    lines.append("| all | " + " | ".join(f"{r} / {p:.0f}" for r, p in whole) + " |")
    budget = run_lengths(split(DEFAULTS))
    own = {name: budget[name] for name in MEANS}
    shared = false_alarms(own, n_worlds, n_days)
    lines += [
        "",
        f"All of them within the default budget: {shared['rung'].sum()} rang where"
        f" {shared['promised'].sum():.1f} were promised.",
        "",
        "An IC that changes, trading days to the alarm, labels included:",
        "",
        "| IC | becomes | one in | mean | median | 90 % | said | worlds without an alarm |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for before, after in ((0.02, 0.0), (0.02, 0.01), (0.02, -0.02), (0.05, 0.0), (0.05, 0.025)):
        for years in (2, 25):
            found, said = delays(before, after, 252.0 * years, n_worlds)
            if not found.size:
                continue
            seen = np.where(np.isfinite(found), found, 2_016.0)
            lines.append(
                f"| {before:g} | {after:g} | {years} years | {seen.mean():.0f} |"
                f" {np.median(seen):.0f} | {np.quantile(seen, 0.9):.0f} | {said:.0f} |"
                f" {np.isinf(found).sum()} of {found.size} |"
            )
    lines += [
        "",
        "Days of data without a change, rung / promised (usual spreads at which it rings):",
        "",
        "| noise | one in 2 years | one in 20 years |",
        "|---|---|---|",
    ]
    for kind in ("normal", "persistent", "clustered", "student_5", "student_3"):
        cells = []
        for years in (2, 20):
            rung, promised, usual = jump_alarms(kind, 252.0 * years, n_series, n_data_days)
            cells.append(f"{rung} / {promised:.0f} ({usual:.1f})")
        lines.append(f"| {kind} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "Drift that is none, share of verdicts that warn:",
        "",
        "| persistence of the market | a feature | all features |",
        "|---|---|---|",
    ]
    for kept in (0.9, 0.98, 0.995):
        one, every = drift_warnings(kept, n_worlds)
        lines.append(f"| {kept:g} | {100 * one:.1f} % | {100 * every:.1f} % |")
    return "\n".join(lines)


@click.command(help=__doc__)
@click.option("--worlds", default=60, show_default=True, help="Worlds of each kind.")
@click.option("--years", default=16, show_default=True, help="Years of each quiet world.")
def main(worlds: int, years: int) -> None:
    """Print the study."""
    click.echo(report(worlds, 252 * years))


if __name__ == "__main__":
    main()
