"""Published cleaning recipes, rebuilt from their rules, so that anybody can see what each does to
his own file.

Belongs here: the recipes by name. Not here: the platform's own cleaning, which none of them is, and
setting them side by side (`compare.py`). Where a rule as published does harm, the harm is rebuilt
too: `osbap` for one deletes every trade without a side once a cancel has none.
"""

from __future__ import annotations

from bondsig_assets.trace.recipes.common import Recipe
from bondsig_assets.trace.recipes.dick_nielsen import dick_nielsen
from bondsig_assets.trace.recipes.osbap import osbap
from bondsig_assets.trace.recipes.tidy import tidy

#: Name → recipe: canonical reports and terms of bonds in; `row`, `reason` (null: kept), `price`
#: out, one row per report.
RECIPES: dict[str, Recipe] = {"osbap": osbap, "tidy": tidy, "dick-nielsen": dick_nielsen}

__all__ = ["RECIPES", "Recipe"]
