"""Blocks that tests hand out: they have to be found by name on the other side."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from bondsig_assets.errors import FoldError

#: What a block of `chores` is told to do beside returning its number times the shared one.
Chore = tuple[int, str, str]


def chores(shared: int, block: Chore) -> int:
    """`shared` times the block's number; `what` it is told to do before, `of` a file."""
    number, what, of = block
    if what == "wait":
        time.sleep(0.3)
    elif what == "fold":
        raise FoldError(f"block {number} has too few days")
    elif what == "fail":
        raise ZeroDivisionError(f"in {number}\nand a second line")
    elif what == "fail_once":
        with Path(of).open("a") as told:
            told.write(f"{os.getpid()}\n")
        if len(Path(of).read_text().splitlines()) == 1:
            raise OSError(28, "No space left on device", of)
    elif what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif what == "die_once":
        try:
            Path(of).touch(exist_ok=False)
        except FileExistsError:
            return shared * number
        os.kill(os.getpid(), signal.SIGKILL)
    elif what == "write":
        with Path(os.environ["OUT_OF_A_TEST"]).open("w") as out:
            out.write(str(number))
    elif what == "slow":
        Path(of).write_text(str(os.getpid()))
        time.sleep(20)
    return shared * number


def called(block: Chore) -> str:
    """What an error calls a block."""
    return f"chore {block[0]}"
