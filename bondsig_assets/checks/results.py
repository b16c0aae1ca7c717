"""What a check that only warns came to, in Dagster's terms.

Belongs here: the result made of what was found. Not here: any check.
"""

from __future__ import annotations

from typing import Any

import dagster as dg


def warning_of(found: list[str], otherwise: str) -> dg.AssetCheckResult:
    """A warning that says the first three of `found` and lists all; passed, with the words
    `otherwise`, where nothing was.
    """
    metadata: dict[str, Any] = (
        {"found": dg.MetadataValue.md("\n".join(f"- {line}" for line in found))} if found else {}
    )
    return dg.AssetCheckResult(
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(found[:3]) or otherwise,
        metadata=metadata,
    )
