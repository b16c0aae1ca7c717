"""What is watched and how often it may ring for nothing; from one TOML file.

Belongs here: typed settings with their meaning, what contradicts what, reading and writing them as
`monitoring.toml`. Not here: what is done with them (the modules beside this one).
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
from bondsig_assets.monitoring.catalogue import BY_NAME, FAMILIES
from bondsig_assets.validation import OneOf, Says, checked

#: How the mean of a daily series is watched (`sequential.py`), and where a threshold comes from.
DETECTORS = ("shiryaev_roberts", "cusum")
THRESHOLDS = ("theory", "simulated")


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise ValueError
    return tuple(value)


_Names = Annotated[
    tuple[str, ...], BeforeValidator(_names), Says("is not a list of names, as ['ic', 'book']")
]


@checked(SettingsError)
class BudgetSettings:
    """How the one budget of false alarms is split: weights of families, then equal shares."""

    accuracy: float = Field(default=4.0, ge=0.0, description="ICs, book of scores, differences")
    calibration: float = Field(default=1.0, ge=0.0, description="Slope and level of probabilities")
    profit: float = Field(default=2.0, ge=0.0, description="P&L, risk, cost and drawdown")
    before_labels: float = Field(default=1.0, ge=0.0, description="What a day's scores look like")
    data: float = Field(default=2.0, ge=0.0, description="Missing shares and data volumes")

    def __post_init__(self) -> None:
        """Refuse a budget for nobody."""
        if not sum(self.weights.values()) > 0:
            raise SettingsError(
                f"every weight is 0: one of {', '.join(FAMILIES)} has to be watched"
            )

    @property
    def weights(self) -> dict[str, float]:
        """Family → weight, in the order of FAMILIES."""
        return {family: float(getattr(self, family)) for family in FAMILIES}


@checked(SettingsError)
class MeanSettings:
    """How the mean of a daily series is watched: accuracy, calibration, profit."""

    detector: Annotated[str, OneOf(DETECTORS)] = Field(
        default="shiryaev_roberts", description=f"One of {', '.join(DETECTORS)}"
    )
    threshold: Annotated[str, OneOf(THRESHOLDS)] = Field(
        default="theory",
        description=(
            "theory (rings seldomer than promised) or simulated (spends the whole budget; seconds"
            " for every new signal)"
        ),
    )
    minimum_history_days: int = Field(
        default=126, ge=42, description="Least days with a value before it is watched"
    )
    prior_ic: float = Field(
        default=0.005, ge=-0.2, le=0.2, description="Mean of what an IC is expected to be"
    )
    prior_ic_sd: float = Field(
        default=0.01, gt=0.0, le=0.2, description="Standard deviation of that"
    )
    prior_sharpe: float = Field(
        default=0.5, ge=-5.0, le=5.0, description="Mean of what a Sharpe ratio is expected to be"
    )
    prior_sharpe_sd: float = Field(
        default=1.0, gt=0.0, le=5.0, description="Standard deviation of that"
    )
    challenger_ic: float = Field(
        default=0.01, gt=0.0, le=0.2, description="What the champion loses to its challenger"
    )
    level_shift_pct: float = Field(
        default=5.0, gt=0.0, le=50.0, description="Shift of probabilities that is looked for"
    )
    risk_shift_pct: float = Field(
        default=25.0, gt=0.0, le=200.0, description="Excess of realised risk that is looked for"
    )


@checked(SettingsError)
class DataSettings:
    """How a jump of a day's data is told from usual days: missing shares, volumes, scores."""

    history_days: int = Field(
        default=504, ge=63, le=2_520, description="Days that say what is usual"
    )
    minimum_history_days: int = Field(
        default=126, ge=63, description="Least days with a value before it is watched"
    )
    level_days: int = Field(
        default=21, ge=5, le=504, description="Days whose median is the present level"
    )
    flat_share: float = Field(
        default=0.99,
        gt=0.0,
        le=1.0,
        description="Share of names with the same score, or the base rate, from which it rings",
    )

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if self.minimum_history_days > self.history_days:
            raise SettingsError(
                f"minimum_history_days = {self.minimum_history_days} is more than history_days ="
                f" {self.history_days}: nothing would ever be watched"
            )


@checked(SettingsError)
class DriftSettings:
    """How a window of a feature is compared with its own past; warns, and spends no budget."""

    window_days: int = Field(default=21, ge=5, le=126, description="Days of a window")
    reference_windows: int = Field(
        default=12, ge=2, le=60, description="Windows before it that it is compared with"
    )
    null_windows: int = Field(
        default=24, ge=9, le=120, description="Earlier windows, each compared likewise"
    )
    warning_share: float = Field(
        default=0.05, gt=0.0, le=0.5, description="Share of quiet windows that may warn"
    )

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if (self.null_windows + 1) * self.warning_share < 1:
            raise SettingsError(
                f"warning_share = {self.warning_share} is less than one in null_windows + 1 ="
                f" {self.null_windows + 1}: no window could warn"
            )

    @property
    def days(self) -> int:
        """Trading days that a verdict rests on."""
        return self.window_days * (1 + self.null_windows + self.reference_windows)


@checked(SettingsError)
class FreshnessSettings:
    """How old a source, a layer or the champion may be."""

    maximum_champion_age_days: int = Field(
        default=189, ge=21, description="Most trading days since the champion's last training day"
    )
    history_days: int = Field(
        default=504, ge=63, le=2_520, description="Days whose longest wait is the usual one"
    )


@checked(SettingsError)
class RetrainingSettings:
    """What an alarm asks for."""

    cool_down_days: int = Field(
        default=63, ge=0, description="Least trading days between two requests"
    )
    families: _Names = Field(
        default=("accuracy", "calibration"), description="Families whose alarms ask for one"
    )
    held_by: _Names = Field(
        default=("data",),
        description="Families whose alarm holds it back: broken data teaches nothing",
    )
    held_days: int = Field(
        default=5, ge=1, description="Trading days for which such an alarm holds it back"
    )

    def __post_init__(self) -> None:
        """Refuse names that nothing has."""
        for name in ("families", "held_by"):
            if unknown := sorted(set(getattr(self, name)) - set(FAMILIES)):
                raise SettingsError(
                    f"{name} names {', '.join(unknown)}; there are: {', '.join(FAMILIES)}"
                )
        if both := sorted(set(self.families) & set(self.held_by)):
            raise SettingsError(f"families and held_by both name {both[0]}: strike one")


@checked(SettingsError)
class MonitoringSettings:
    """Everything alarms depend on but the data.

    Raises SettingsError with what is wrong, or with the settings that contradict each other.

    Examples:
        >>> from bondsig_assets.monitoring.settings import make_settings
        >>> make_settings({"years": 0.0})
        Traceback (most recent call last):
        ...
        bondsig_assets.errors.SettingsError: years = 0.0 must be above 0.0 and at most 1000.0
    """

    years: float = Field(
        default=2.0,
        gt=0.0,
        le=1_000.0,
        description="Years of trading days between two false alarms of all monitors together",
    )
    without: _Names = Field(default=(), description="Monitors that are not watched, by name")
    budget: BudgetSettings = BudgetSettings()
    means: MeanSettings = MeanSettings()
    data: DataSettings = DataSettings()
    drift: DriftSettings = DriftSettings()
    freshness: FreshnessSettings = FreshnessSettings()
    retraining: RetrainingSettings = RetrainingSettings()

    def __post_init__(self) -> None:
        """Refuse names of monitors that there are not."""
        if unknown := sorted(set(self.without) - set(BY_NAME)):
            raise SettingsError(
                f"without names {', '.join(unknown)}; there are: {', '.join(BY_NAME)}"
            )

    @cached_property
    def hash(self) -> str:
        """Fingerprint of all settings: monitors of other settings are out of date."""
        text = json.dumps(asdict(cast("Any", self)), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


_GROUPS: dict[str, type] = {
    "budget": BudgetSettings,
    "means": MeanSettings,
    "data": DataSettings,
    "drift": DriftSettings,
    "freshness": FreshnessSettings,
    "retraining": RetrainingSettings,
}
_PLAIN = ("years", "without")


def load_settings(path: Path | None) -> MonitoringSettings:
    """Settings from `monitoring.toml`, defaults where it is silent or there is none. Raises
    SettingsError.
    """
    if path is None or not path.exists():
        return MonitoringSettings()
    return read_settings(path, make_settings, "bondsig settings monitoring")


def make_settings(values: Mapping[str, Any]) -> MonitoringSettings:
    """Settings from nested tables as in the TOML file. Raises SettingsError naming what is wrong,
    or what contradicts what.
    """
    return from_tables(MonitoringSettings, _PLAIN, _GROUPS, values)


def as_toml(settings: MonitoringSettings) -> str:
    """The settings as a TOML file with every meaning as a comment."""
    return to_toml(settings, _PLAIN, _GROUPS)
