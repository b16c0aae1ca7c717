"""How often the gate lets through a challenger that is no better: `python -m studies.gate_study`.

The gate compares daily size-weighted ICs (added over the control), sibling against sibling, over up
to a year. Here no specification is better than another: daily ICs are drawn with the variances, the
correlations and the autocorrelation that were measured, or, with `--home`, resampled in blocks from
those of a home, each model's mean taken out, which keeps their tails and slow swings too. Counted
is how often another specification becomes champion all the same; and how often one that is truly
better does.

Belongs here: such histories and the rate of changes in them. Not here: the gate
(`learning/gate.py`); `walked` is its rule for another specification on arrays, and a test holds the
two together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import polars as pl

from bondsig_assets.arrays import Bools, Floats, Ints
from bondsig_assets.learning.gate import LONGEST_COMPARISON_DAYS
from bondsig_assets.learning.settings import GateSettings, LearningSettings
from bondsig_assets.learning.statistics import lags_of
from bondsig_assets.warehouse import Warehouse

#: Models that may become champion, the first champion first.
NAMES = (
    "bayes_ridge",
    "elastic_net",
    "expected_reaction",
    "lightgbm",
    "random_forest",
    "residual_trees",
    "ridge",
    "xgboost",
)
#: Measured on 773 calibration days of the demo (seed 1, lead 0.20, trade reports to siblings;
#: `--home` prints them again): standard deviation of each model's daily size-weighted IC, …
DEVIATION = (0.118, 0.115, 0.117, 0.105, 0.111, 0.117, 0.114, 0.110)
#: … correlations of the models' daily ICs, …
CORRELATION = (
    (1.00, 0.85, 0.94, 0.68, 0.76, 0.98, 0.82, 0.68),
    (0.85, 1.00, 0.80, 0.71, 0.73, 0.86, 0.98, 0.71),
    (0.94, 0.80, 1.00, 0.70, 0.78, 0.92, 0.76, 0.70),
    (0.68, 0.71, 0.70, 1.00, 0.85, 0.73, 0.68, 0.89),
    (0.76, 0.73, 0.78, 0.85, 1.00, 0.79, 0.70, 0.89),
    (0.98, 0.86, 0.92, 0.73, 0.79, 1.00, 0.82, 0.73),
    (0.82, 0.98, 0.76, 0.68, 0.70, 0.82, 1.00, 0.68),
    (0.68, 0.71, 0.70, 0.89, 0.89, 0.73, 0.68, 1.00),
)
#: … and autocorrelation of their differences from the first, mean over the seven, 1 … 5 days apart;
#: nothing beyond.
AUTOCORRELATION = (0.43, 0.26, 0.16, 0.08, 0.01)
CALIBRATION_DAYS, QUARTER_DAYS, QUARTERS = 84, 63, 20
#: Days of a block that is resampled: beyond what labels overlap, and a quarter's swings whole.
BLOCK_DAYS = 63
MARGINS = (2.0, 2.5, 2.75, 3.0, 3.25, 3.5, 3.75, 4.0)
#: Daily IC by which a challenger is better where power is asked, and quarters it is given.
EDGES, PATIENCE_QUARTERS = (0.01, 0.02, 0.03), 8


@dataclass(frozen=True)
class Measured:
    """Daily ICs as they were found: deviation [model], correlation [model, model], autocorrelation
    [lag], 1 first.
    """

    deviation: Floats
    correlation: Floats
    autocorrelation: Floats


STATED = Measured(np.array(DEVIATION), np.array(CORRELATION), np.array(AUTOCORRELATION))


def measure(ics: Floats) -> Measured:
    """What is measured of daily ICs [day, model]; autocorrelations are of differences from the
    first, as many lags as are stated.
    """
    gaps = ics[:, 1:] - ics[:, :1]
    gaps = gaps - gaps.mean(axis=0)
    variance = (gaps * gaps).mean(axis=0)
    lags = range(1, len(AUTOCORRELATION) + 1)
    found = [((gaps[k:] * gaps[:-k]).sum(axis=0) / len(gaps) / variance).mean() for k in lags]
    deviation: Floats = np.sqrt(((ics - ics.mean(axis=0)) ** 2).mean(axis=0))
    correlation: Floats = np.asarray(np.corrcoef(ics.T))
    return Measured(deviation, correlation, np.array(found))


def drawn(measured: Measured, n_days: int, rng: np.random.Generator) -> Floats:
    """Daily ICs [day, model] of equal skill: normal, with the moments of `measured`."""
    covariance = measured.correlation * np.outer(measured.deviation, measured.deviation)
    weights = moving_average(measured.autocorrelation)
    raw = rng.standard_normal((n_days + weights.size - 1, covariance.shape[0])) @ _root(covariance)
    daily: Floats = np.sum(
        [w * raw[k : k + n_days] for k, w in enumerate(weights.tolist())], axis=0
    )
    return daily


def moving_average(autocorrelation: Floats) -> Floats:
    """Weights of a moving average of white noise, of variance 1, whose autocorrelations are those
    given and 0 beyond: by its spectrum (Kolmogorov's cepstral factorisation), negative parts of
    which, that no process has, are cut.
    """
    n = 1024
    covariance = np.zeros(n)
    covariance[0] = 1.0
    k = np.arange(1, autocorrelation.size + 1)
    covariance[k] = covariance[-k] = autocorrelation
    spectrum = np.maximum(np.fft.fft(covariance).real, 1e-4)
    cepstrum = np.fft.ifft(np.log(spectrum)).real
    causal = np.concatenate([[cepstrum[0] / 2], cepstrum[1 : n // 2], np.zeros(n - n // 2)])
    weights: Floats = np.fft.ifft(np.exp(np.fft.fft(causal))).real[: 4 * autocorrelation.size]
    return weights / float(np.sqrt(weights @ weights))


def _root(covariance: Floats) -> Floats:
    """A matrix R with R'R the covariance; what rounding has made negative of it is cut."""
    values, vectors = np.linalg.eigh(covariance)
    root: Floats = np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T
    return root


def resampled(ics: Floats, n_days: int, rng: np.random.Generator) -> Floats:
    """Daily ICs [day, model] of equal skill: blocks of days of `ics` (circular, Politis and Romano
    1992), each model's mean taken out.
    """
    gap = ics - ics.mean(axis=0)
    starts = rng.integers(0, len(gap), -(-n_days // BLOCK_DAYS))
    rows = (starts[:, None] + np.arange(BLOCK_DAYS)).ravel()[:n_days] % len(gap)
    daily: Floats = gap[rows]
    return daily


def t_statistics(ics: Floats, horizon: int) -> Floats:
    """Mean over Newey-West error of the difference of each pair, [challenger, incumbent], as the
    gate has it; 0 where the two are the same every day.
    """
    n, models = ics.shape
    lags = min(lags_of(horizon, n), max(n - 2, 0))
    gap = (ics[:, :, None] - ics[:, None, :]).reshape(n, -1)
    mean = gap.mean(axis=0)
    gap = gap - mean
    variance = (gap * gap).sum(axis=0) / n
    for step in range(1, lags + 1):
        weight = 2 * (1 - step / (lags + 1))
        variance = variance + weight * (gap[step:] * gap[:-step]).sum(axis=0) / n
    error = np.sqrt(np.maximum(variance, 0.0) / n)
    found: Floats = np.divide(mean, error, out=np.zeros(mean.size), where=error > 0)
    return found.reshape(models, models)


def pairs(ics: Floats, settings: GateSettings, horizon: int) -> list[Floats]:
    """The `t_statistics` of each quarter after the first whose days are enough to compare."""
    found = []
    for quarter in range(1, (len(ics) - CALIBRATION_DAYS) // QUARTER_DAYS + 1):
        end = CALIBRATION_DAYS + quarter * QUARTER_DAYS
        known = ics[max(end - LONGEST_COMPARISON_DAYS, 0) : end]
        enough = len(known) >= settings.new_specification_days
        found.append(t_statistics(known, horizon) if enough else np.zeros((ics.shape[1],) * 2))
    return found


def walked(by_quarter: Sequence[Floats], margin: float, first: int = 0) -> Ints:
    """Champion of each quarter, the first one's included, by the gate's rule for another
    specification; refits take over unseen.
    """
    champions = [first]
    for t in by_quarter:
        against = t[:, champions[-1]]
        best = int(against.argmax())
        champions.append(best if against[best] > margin else champions[-1])
    return np.array(champions)


@dataclass(frozen=True)
class Rate:
    """Changes of champion among histories at one margin: of quarters, and of whole histories with
    at least one.
    """

    margin: float
    of_quarters: float
    of_histories: float


def rates(histories: Sequence[Sequence[Floats]], margins: Sequence[float]) -> list[Rate]:
    """How often the champion changed."""
    found = []
    for margin in margins:
        changed: Bools = np.array([np.diff(walked(one, margin)) != 0 for one in histories])
        found.append(Rate(margin, float(changed.mean()), float(changed.any(axis=1).mean())))
    return found


def found_within(histories: Sequence[Sequence[Floats]], margin: float, better: int) -> float:
    """Share of histories in which the model `better` became champion within the patience."""
    return float(
        np.mean([(walked(one[:PATIENCE_QUARTERS], margin) == better).any() for one in histories])
    )


def siblings_of(home: Path) -> Floats:
    """Daily size-weighted ICs [day, NAMES] of a home's siblings, each day by its newest fold."""
    rows = Warehouse(home).read_table(
        "holdout_ics", columns=["fold", "model_name", "trade_date", "size_weighted_ic"]
    )
    days = (
        rows.filter(pl.col("model_name").is_in(NAMES))
        .sort("fold", "trade_date", "model_name")
        .unique(["model_name", "trade_date"], keep="last", maintain_order=True)
        .pivot("model_name", index="trade_date", values="size_weighted_ic")
        .sort("trade_date")
        .drop_nulls()
    )
    return days.select(NAMES).to_numpy()


@click.command()
@click.option(
    "--home",
    type=click.Path(path_type=Path, exists=True),
    default=None,
    help="Measure in this home, and resample its days; without it what is stated here is drawn.",
)
@click.option("--histories", default=2000, help="Histories of twenty quarters.")
@click.option("--seed", default=0, help="Seed of what is drawn.")
def main(home: Path | None, histories: int, seed: int) -> None:
    """Print how often a challenger of equal skill passes, by margin, and one that is better."""
    settings, horizon = GateSettings(), LearningSettings().walk_forward.horizon_days
    n_days = CALIBRATION_DAYS + (QUARTERS - 1) * QUARTER_DAYS
    found = siblings_of(home) if home is not None else None
    measured = STATED if found is None else measure(found)
    if found is not None:
        click.echo(f"{len(found)} days of {home}")
        click.echo(f"deviation {np.round(measured.deviation, 3).tolist()}")
        click.echo(f"correlation {np.round(measured.correlation, 2).tolist()}")
        click.echo(f"autocorrelation {np.round(measured.autocorrelation, 2).tolist()}")

    def history(k: int, edge: float = 0.0) -> list[Floats]:
        rng = np.random.default_rng([seed, k])
        ics = drawn(measured, n_days, rng) if found is None else resampled(found, n_days, rng)
        ics[:, NAMES.index("expected_reaction")] += edge
        return pairs(ics, settings, horizon)

    equal = [history(k) for k in range(histories)]
    how = "drawn with these moments" if found is None else f"resampled in blocks of {BLOCK_DAYS}"
    click.echo(f"{histories} histories of {QUARTERS} quarters, {len(NAMES)} models, {how}")
    click.echo("margin  changes of quarters  of histories")
    for one in rates(equal, MARGINS):
        click.echo(f"{one.margin:6.2f}  {one.of_quarters:18.2%}  {one.of_histories:12.1%}")
    for edge in EDGES:
        better = [history(k, edge) for k in range(histories // 4)]
        shares = [found_within(better, m, NAMES.index("expected_reaction")) for m in MARGINS]
        told = "  ".join(f"{m:g}: {s:.0%}" for m, s in zip(MARGINS, shares, strict=True))
        click.echo(
            f"better by {edge:g} a day, champion within {PATIENCE_QUARTERS} quarters: {told}"
        )


if __name__ == "__main__":
    main()
