"""`bondsig settings`: the files that declare a training, a portfolio and monitors, each setting
with its meaning.

Belongs here: printing one, writing it where there is none, or making a file the home's. Not here:
settings themselves (`learning/settings.py`, `portfolio/settings.py`, `monitoring/settings.py`).
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from bondsig_assets.errors import UserError
from bondsig_assets.home import Home


def print_settings(home: Home, what: str, out: Path | None) -> None:
    """Print the settings `what` (learning, portfolio or monitoring) of the home, or write them to
    the new file `out`. Raises UserError where that exists or cannot be written.
    """
    text = _text(home, what)
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise UserError(
            f"'{out}' exists and is left as it is: name another file, or move that one away"
        ) from error
    except OSError as error:
        reason = error.strerror or os.strerror(error.errno or 0)
        raise UserError(f"'{out}' cannot be written: {reason}") from error
    click.echo(f"written: {out}")


def apply_settings(home: Home, what: str, file: Path) -> None:
    """Make `file` the settings `what` of the home, and of every machine of a team. Raises UserError
    where it cannot be read, and SettingsError where it cannot be used.
    """
    from bondsig_assets.commands.warehouse import open_warehouse
    from bondsig_assets.warehouse.shared_settings import files, is_shared, put

    open_warehouse(home)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"'{file}' cannot be read: {error}") from error
    _as_toml(what, file)
    place = "the lake, for every machine" if is_shared() else str(files(home)[what])
    changed = put(home, what, text)
    click.echo(
        f"{what}: {file} is in {place} now; `bondsig catch-up` makes what it changes"
        if changed
        else f"{what}: {place} has it already"
    )


def _text(home: Home, what: str) -> str:
    from bondsig_assets.warehouse.shared_settings import files

    return _as_toml(what, files(home)[what])


def _as_toml(what: str, file: Path) -> str:
    """Every setting of a file, which need not be there. Raises SettingsError."""
    if what == "portfolio":
        from bondsig_assets.portfolio import settings as portfolio

        return portfolio.as_toml(portfolio.load_settings(file))
    if what == "monitoring":
        from bondsig_assets.monitoring import settings as monitoring

        return monitoring.as_toml(monitoring.load_settings(file))
    from bondsig_assets.learning import settings as learning

    return learning.as_toml(learning.load_settings(file))
