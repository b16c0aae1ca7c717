"""Blocks on processes of this machine, and what their deaths cost."""

from __future__ import annotations

import pytest

from bondsig_assets.blocks import Workers, map_blocks
from bondsig_assets.errors import FoldError, WorkersError
from bondsig_assets_tests.blocks.work import called, chores

pytestmark = pytest.mark.services

TWO = Workers(processes=2)


def test_a_killed_process_costs_no_result_and_order_holds(tmp_path):
    blocks = [(0, "wait", ""), (1, "die_once", str(tmp_path / "dead"))]
    blocks += [(n, "", "") for n in range(2, 9)]
    found = map_blocks(chores, blocks, 10, name=called, workers=TWO)
    assert list(found) == [10 * n for n in range(9)]


def test_one_that_kills_its_process_is_named():
    blocks = [(0, "", ""), (1, "die", "")]
    with pytest.raises(WorkersError, match="chore 1 failed twice: on this machine: a process"):
        list(map_blocks(chores, blocks, 10, name=called, workers=Workers(processes=1)))


def test_errors_are_those_of_the_block(tmp_path):
    once = str(tmp_path / "once")
    found = map_blocks(
        chores, [(0, "fail_once", once), (1, "fold", "")], 10, name=called, workers=TWO
    )
    assert next(found) == 0
    with pytest.raises(FoldError, match="block 1 has too few days"):
        next(found)
