"""Tables of what is watched, what rang and what was asked for.

Belongs here: declarations of monitors, their evenings, alarms, drift and requests for a retraining.
Not here: the judgement of the past (`learning.py`), how any of it is worked out (`monitoring/`).
"""

from __future__ import annotations

from functools import partial

from bondsig_assets.tables.schema import KNOWN, C, R, daily

_EVENING = R("trade_date", "DATE", "Evening it stood so: a trading day, at its cutoff")
_NAME = R(
    "monitor",
    "VARCHAR",
    "What is watched: a name of the catalogue (docs/monitoring.md), a series of one (missing.…,"
    " volumes.…), or freshness.…",
)
_FAMILY = R(
    "family",
    "VARCHAR",
    "accuracy, calibration, profit, before_labels, data (the families of the budget) or freshness",
)
_VALUE = C("value", "DOUBLE", "Newest value that was known, in the monitor's own unit")
_EXPECTED = C("expected", "DOUBLE", "What it is held against, as known on that evening")
_LOOKED_FOR = C("looked_for", "DOUBLE", "Mean, or value, whose coming is watched for")
_DEVIATION = C(
    "deviation",
    "DOUBLE",
    "Long-run standard deviation of a day, overlap counted; of a jump the usual spread",
)
_STATISTIC = C(
    "statistic",
    "DOUBLE",
    "Shiryaev-Roberts' R or CUSUM's S; of a jump its distance in usual spreads; of freshness days",
)
_THRESHOLD = C("threshold", "DOUBLE", "Statistic at which it rings")
_SINCE = C("since_date", "DATE", "Since when it points to a change, if there is one")
_VALUES = C(
    "n_days",
    "BIGINT",
    "Values the statistic is made of: since it began or last rang; of a jump those of its history",
    "days",
)
_RUN_LENGTH = C(
    "run_length_days",
    "DOUBLE",
    "Mean number of values between two false alarms, from the budget",
    "days",
)
_DELAY = C(
    "delay_days",
    "DOUBLE",
    "Trading days that usually pass from such a change to the alarm, the wait for labels included",
    "days",
)
_FALSE = C(
    "expected_false_alarms",
    "DOUBLE",
    "False alarms that were to be expected of it so far",
)


_daily = partial(daily, "monitoring")


MONITORS = _daily(
    "monitors",
    "Where every monitor stood on every evening, by what was known then.",
    (
        _EVENING,
        _NAME,
        _FAMILY,
        R(
            "state",
            "VARCHAR",
            "quiet, watch (half its threshold), alarm (it rang this evening), late (of freshness),"
            " waiting (too little history), nothing_to_lose (nothing is expected of it), or"
            " no_value",
        ),
        _VALUE,
        C("value_date", "DATE", "Day that value is about"),
        _EXPECTED,
        _LOOKED_FOR,
        _DEVIATION,
        _STATISTIC,
        _THRESHOLD,
        _SINCE,
        _VALUES,
        _RUN_LENGTH,
        _DELAY,
        _FALSE,
        C("last_alarm_date", "DATE", "Evening on which it last rang"),
        KNOWN,
    ),
    key=("trade_date", "monitor"),
)

#: What a monitor may be on an evening, in the order in which people are told.
STATES = ("alarm", "late", "watch", "quiet", "waiting", "nothing_to_lose", "no_value")

MONITORED_DAYS = _daily(
    "monitored_days",
    "What every evening's monitors come to, and by which settings they were made.",
    (
        _EVENING,
        *(R(f"n_{state}", "BIGINT", f"Monitors in state {state}") for state in STATES),
        C(
            "years_between_false_alarms",
            "DOUBLE",
            "Years of trading days between two false alarms of all that is watched, at least",
            "years",
        ),
        R("settings_hash", "VARCHAR", "Fingerprint of monitoring.toml as it was read"),
        KNOWN,
    ),
    key=("trade_date",),
)

ALARMS = _daily(
    "alarms",
    "Every alarm: what rang, how sure that is, and what fell.",
    (
        _EVENING,
        _NAME,
        _FAMILY,
        _VALUE,
        _EXPECTED,
        _LOOKED_FOR,
        _STATISTIC,
        _THRESHOLD,
        _SINCE,
        _VALUES,
        _RUN_LENGTH,
        _DELAY,
        _FALSE,
        C("model_version", "VARCHAR", "Champion of that evening"),
        R(
            "fell",
            "VARCHAR[]",
            "Parts of the market, of the inputs or of the data that changed most, largest first",
        ),
        R("explanation", "VARCHAR", "The alarm in a sentence"),
        KNOWN,
    ),
    key=("trade_date", "monitor"),
)

DRIFT = _daily(
    "drift",
    "Each feature's last days against its own past: how far it is, and how far windows without a"
    " verdict were. Warns, and spends no budget of false alarms.",
    (
        _EVENING,
        R("feature", "VARCHAR", "Column of issuer_days, or all: one number for every feature"),
        R(
            "kind",
            "VARCHAR",
            "level (raw median of a day), spread (its log MAD), missing (log odds of the missing"
            " share), shape (of z-scores) or all",
        ),
        C("now", "DOUBLE", "Mean of the window; of shape none"),
        C("before", "DOUBLE", "Mean of the windows it is compared with; of shape none"),
        C(
            "distance",
            "DOUBLE",
            "How far both are apart: the difference, or of shape Wasserstein-1 of the z-scores over"
            " their standard deviation",
        ),
        C("usual_distance", "DOUBLE", "Median distance of earlier windows"),
        C("largest_distance", "DOUBLE", "Largest distance of earlier windows"),
        R("n_windows", "BIGINT", "Earlier windows it is ranked among"),
        C(
            "share",
            "DOUBLE",
            "Rank of the distance among them and its own, from the top: what a quiet window reaches"
            " with this probability",
            "share",
        ),
        R("is_warning", "BOOLEAN", "share is at most the setting drift.warning_share"),
        C(
            "reason",
            "VARCHAR",
            "Why nothing is said: short_history, no_values (fewer than half the window's days)",
        ),
        C("missing_for", "VARCHAR", "Of missing: the reason whose share grew most"),
        KNOWN,
    ),
    key=("trade_date", "feature", "kind"),
)

RETRAIN_REQUESTS = _daily(
    "retrain_requests",
    "Evenings on which alarms asked for a training, and what became of it.",
    (
        R("trade_date", "DATE", "Evening of the alarms"),
        R(
            "state",
            "VARCHAR",
            "asked, cooling_down (asked too recently), held (the data rang too: mend it first) or"
            " no_champion",
        ),
        R("evidence", "VARCHAR[]", "Monitors that rang"),
        C("since_date", "DATE", "Earliest day since which one of them points to a change"),
        C("n_days", "BIGINT", "Trading days from there to the evening", "days"),
        C("model_version", "VARCHAR", "Champion of that evening"),
        C("fold", "DATE", "Quarter that a training would be for"),
        C("last_asked_date", "DATE", "Evening of the request before"),
        R("explanation", "VARCHAR", "What was decided, and why"),
        KNOWN,
    ),
    key=("trade_date",),
)
