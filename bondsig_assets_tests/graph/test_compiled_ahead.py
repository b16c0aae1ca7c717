"""The list of kernels that are compiled ahead: of what a run calls it lacks nothing."""

# A test's name says what it shows.
# ruff: noqa: D103

from __future__ import annotations

import json

from bondsig_assets.compile_ahead import LIST


def test_the_list_has_every_kernel_that_a_run_compiled(full_home):
    compiled = json.loads((full_home.path.parent / "compiled.json").read_text())
    listed = json.loads(LIST.read_text())
    missing = [name for name, types in compiled if [name, types] not in listed]
    assert not missing, "python -m benchmarks.kernels writes the list anew"
