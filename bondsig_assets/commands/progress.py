"""What is being done and how long is left.

Belongs here: turning updates of assets into a line or a bar. Not here: the updates themselves.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from dagster import AssetKey
from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bars

from bondsig_assets.calendar import trading_days
from bondsig_assets.orchestration.runner import Stage


class Progress:
    """Shows the work of some stages; on a terminal as a bar, elsewhere one line per asset."""

    def __init__(self, console: Console, graph: Any, stages: Sequence[Stage]) -> None:
        self._console = console
        self._began = time.monotonic()
        self._graph = graph
        self._weights = _weights(graph, stages)
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
        left, doing = self._left(total), _metadata(self._graph, asset)["doing"]
        self._bars.update(self._task, completed=total, description=doing, left=left)
        if not self._console.is_terminal and asset != self._current:
            self._console.print(f"{total:4.0%}  {doing}  {left}")
        self._current = asset

    def _left(self, total: float) -> str:
        if total < 0.03:
            return ""
        seconds = (time.monotonic() - self._began) * (1 - total) / total
        return f"about {seconds // 60:.0f}:{seconds % 60:02.0f} left"


def _weights(graph: Any, stages: Sequence[Stage]) -> dict[str, float]:
    """Expected seconds of each asset that takes any, from the number of its partitions."""
    weights: dict[str, float] = {}
    for stage in stages:
        for first, last in stage.key_ranges:
            days = (
                trading_days(date.fromisoformat(first), date.fromisoformat(last)) if first else [1]
            )
            for name in stage.assets:
                if seconds := _metadata(graph, name).get("expected_seconds"):
                    share = max(len(days) / 1005, 0.02)
                    weights[name] = weights.get(name, 0.0) + seconds * share
    return weights


def _metadata(graph: Any, name: str) -> Mapping[str, Any]:
    """What the declaration of an asset says of itself."""
    return {
        key: getattr(value, "value", value)
        for key, value in graph.get(AssetKey(name)).metadata.items()
    }
