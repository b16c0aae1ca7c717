"""What is being done and how long is left.

Belongs here: turning updates of assets into a line or a bar. Not here: the updates themselves.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bars

from bondsig_assets.calendar import trading_days
from bondsig_assets.orchestration.runner import Stage

#: Seconds a thousand trading days (or twelve folds) of the demo take on 2 cores; only ratios
#: matter.
_SECONDS = {
    "trace_reports": 40,
    "equity_prices": 12,
    "cds_quotes": 12,
    "trades": 40,
    "bond_days": 25,
    "bond_analytics": 16,
    "issuer_days": 25,
    "labels": 12,
    "models": 170,
    "champions": 6,
    "scores": 16,
    "signals": 12,
    "evaluations": 25,
}
_DOING = {
    "trace_reports": "taking in trade reports",
    "equity_prices": "taking in stock prices",
    "cds_quotes": "taking in CDS quotes",
    "trades": "cleaning trades",
    "bond_days": "aggregating bond days",
    "bond_analytics": "solving yields and spreads",
    "issuer_days": "computing issuer features",
    "labels": "computing labels",
    "models": "training walk-forward models",
    "champions": "replaying the gate",
    "scores": "scoring every day",
    "signals": "filtering signals",
    "evaluations": "judging",
}


class Progress:
    """Shows the work of some stages; on a terminal as a bar, elsewhere one line per asset."""

    def __init__(self, console: Console, stages: Sequence[Stage]) -> None:
        self._console = console
        self._began = time.monotonic()
        self._weights = _weights(stages)
        self._done: dict[str, float] = {}
        self._current = ""
        columns = (
            TextColumn("{task.description:34}"),
            BarColumn(40),
            TextColumn("{task.percentage:3.0f} %  {task.fields[left]}"),
        )
        self._bars = Bars(*columns, console=console, transient=True)
        self._task = self._bars.add_task("starting", total=1.0, left="")

    def __enter__(self) -> Progress:
        if self._console.is_terminal:
            self._bars.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._console.is_terminal:
            self._bars.stop()

    def update(self, asset: str, share: float) -> None:
        """Take an update: `share` of the present work of `asset` is done."""
        if asset not in self._weights:
            return
        self._done[asset] = max(self._done.get(asset, 0.0), share)
        total = sum(
            self._done.get(name, 0.0) * weight for name, weight in self._weights.items()
        ) / sum(self._weights.values())
        left = self._left(total)
        self._bars.update(
            self._task, completed=total, description=_DOING.get(asset, asset), left=left
        )
        if not self._console.is_terminal and asset != self._current:
            self._console.print(f"{total:4.0%}  {_DOING.get(asset, asset)}  {left}")
        self._current = asset

    def _left(self, total: float) -> str:
        if total < 0.03:
            return ""
        seconds = (time.monotonic() - self._began) * (1 - total) / total
        return f"about {seconds // 60:.0f}:{seconds % 60:02.0f} left"


def _weights(stages: Sequence[Stage]) -> dict[str, float]:
    """Expected seconds of each asset, from the number of its partitions."""
    from datetime import date

    weights: dict[str, float] = {}
    for stage in stages:
        for first, last in stage.key_ranges:
            days = (
                len(trading_days(date.fromisoformat(first), date.fromisoformat(last)))
                if first
                else 1
            )
            for name in stage.assets:
                if name in _SECONDS:
                    size = days / 756 if name == "models" else days / 1005
                    weights[name] = weights.get(name, 0.0) + _SECONDS[name] * max(size, 0.02)
    return weights
