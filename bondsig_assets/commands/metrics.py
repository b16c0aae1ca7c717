"""`bondsig metrics`: how the home is, in numbers, for Prometheus or as JSON.

Belongs here: printing. Not here: which numbers (`orchestration/status.py`), their names
(`orchestration/exposition.py`), serving them (`orchestration/report_server.py`).
"""

from __future__ import annotations

import json
import sys

from bondsig_assets.commands.run import be_quiet, held_market
from bondsig_assets.home import Home
from bondsig_assets.orchestration.exposition import as_json, prometheus_text
from bondsig_assets.orchestration.status import Looking


def print_metrics(home: Home, as_object: bool) -> None:
    """Print what is found, in the text format of Prometheus, or as one JSON object.

    Raises UserError where the home holds no market.
    """
    be_quiet()
    held_market(home)
    status = Looking(home).status()
    text = json.dumps(as_json(status), indent=1) + "\n" if as_object else prometheus_text(status)
    sys.stdout.write(text)
