"""Kernels that are compiled ahead: the list, its types, and the process that compiles them."""

# A test's name says what it shows.
# ruff: noqa: D103

from __future__ import annotations

import json

import numpy as np
import pytest

from bondsig_assets import compile_ahead
from bondsig_assets.bonds.curves import ZeroCurves
from bondsig_assets.compile_ahead import LIST, kernels, read, written


def test_types_come_back_as_they_were_written():
    from numba import typeof

    curves = ZeroCurves(np.zeros(3), np.zeros((2, 3)))
    fixed = np.zeros((2, 2), order="F")
    fixed.flags.writeable = False
    for value in (1, 2.0, True, np.zeros(2), np.zeros(3, bool), fixed, (1, 2), (1, 2.0), curves):
        kind = typeof(value)
        assert read(json.loads(json.dumps(written(kind)))) == kind
    with pytest.raises(TypeError, match="cannot hold"):
        written(typeof("text"))


def test_every_kernel_of_the_list_is_there_with_its_types():
    told = json.loads(LIST.read_text())
    found = list(kernels())
    assert len(found) == len(told) > 20
    for (compiled, signature), (_, types) in zip(found, told, strict=True):
        assert callable(compiled) and [written(kind) for kind in signature] == types


def test_the_process_beside_does_not_outlive_its_run(monkeypatch):
    begun = []
    popen = compile_ahead.subprocess.Popen

    def watched(*arguments, **keywords):
        begun.append(popen(*arguments, **keywords))
        return begun[-1]

    monkeypatch.setattr(compile_ahead.subprocess, "Popen", watched)
    monkeypatch.setattr(compile_ahead, "cores", lambda: 2)
    with pytest.raises(KeyboardInterrupt), compile_ahead.compiling_beside():
        assert begun[0].poll() is None
        raise KeyboardInterrupt
    assert begun[0].poll() is not None
    monkeypatch.setattr(compile_ahead, "cores", lambda: 1)
    with compile_ahead.compiling_beside():
        pass
    assert len(begun) == 1
