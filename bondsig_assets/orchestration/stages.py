"""When an asset runs, as a tag on it: with the days, in training, after it, or on asking alone.

Belongs here: the tag and its values. Not here: running anything (`runner.py`, `jobs.py`).
"""

from __future__ import annotations

from typing import Any

TAG = "bondsig/stage"
#: Every morning, from reports to features.
DAYS = "days"
#: What the simulated market really was: with the first days, not every morning.
TRUTH = "truth"
#: Once a quarter: models, and who becomes champion.
TRAINING = "training"
#: Every morning, by the models there are.
SCORING = "scoring"
#: Never unless asked for by name: with hindsight, so that no day has it.
ON_ASKING = "on_asking"

#: Tag of an asset whose every day rests on its own days before: one that is made anew makes all
#: later ones outdated. (Dagster's way, a dependency on itself, would forbid ranges out of order.)
OWN_PAST_TAG = "bondsig/rests_on_own_past"


def stage_of(node: Any) -> str:
    """Stage of an asset node."""
    stage: str = node.tags[TAG]
    return stage
