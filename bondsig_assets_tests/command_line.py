"""The command line in this process: another would load for seconds what is here already.

Belongs here: `bondsig …` as a user types it, and what it said. Not here: tests, and commands that
are killed or must start from nothing.
"""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout

import pytest

from bondsig_assets.commands.cli import main


def bondsig(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Status, output and errors of `bondsig` with these arguments and environment variables."""
    words, said, wrong = ["bondsig", *map(str, arguments)], io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", words)
        patch.setattr(signal, "signal", lambda *_: None)
        with redirect_stdout(said), redirect_stderr(wrong), pytest.raises(SystemExit) as ended:
            main()
    status = ended.value.code
    assert isinstance(status, int)
    return subprocess.CompletedProcess(words, status, said.getvalue(), wrong.getvalue())
