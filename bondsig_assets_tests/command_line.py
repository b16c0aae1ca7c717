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


def bondsig(
    *arguments: object, stdin: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Status, output and errors of `bondsig` with these arguments, standard input and environment
    variables.
    """
    words, said, wrong = ["bondsig", *map(str, arguments)], _pipe(), _pipe()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", words)
        patch.setattr(sys, "stdin", _pipe(stdin))
        patch.setattr(signal, "signal", lambda *_: None)
        with redirect_stdout(said), redirect_stderr(wrong), pytest.raises(SystemExit) as ended:
            main()
    status = ended.value.code
    assert isinstance(status, int)
    return subprocess.CompletedProcess(words, status, _text(said), _text(wrong))


def _pipe(held: bytes = b"") -> io.TextIOWrapper:
    """A standard stream, bytes below and text above."""
    return io.TextIOWrapper(io.BytesIO(held), encoding="utf-8")


def _text(stream: io.TextIOWrapper) -> str:
    """What was written; bytes that are no text are told apart, not hidden."""
    stream.seek(0)
    return stream.buffer.read().decode(errors="backslashreplace")
