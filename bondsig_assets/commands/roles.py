"""`bondsig roles`: what makes the roles of a team's lake.

Belongs here: printing it for psql. Not here: the statements (`warehouse/roles.py`).
"""

from __future__ import annotations

import click

from bondsig_assets.warehouse.roles import psql_script


def print_roles(database: str, owner: str, reader: str) -> None:
    """Print the script. Raises UserError for a name that is none."""
    click.echo(psql_script(database, owner, reader), nl=False)
