"""Roles of a lake on a server: who owns it, and who only reads.

Belongs here: the statements that make them. Not here: passwords, which are set where nobody else
sees them, and keys of the bucket (docs/warehouse.md).
"""

from __future__ import annotations

import re

from bondsig_assets.errors import UserError
from bondsig_assets.tables.schema import quote

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def reader_statements(database: str, owner: str, reader: str) -> list[str]:
    """What lets the role `reader`, which is there, read the lake that is the `database` of `owner`,
    and nothing else; to be run in that database by its owner or a superuser.

    Tables that a later version adds are readable too. Raises UserError for a name that is none.
    """
    for name in (database, owner, reader):
        _require_name(name)
    return [
        f"REVOKE ALL ON DATABASE {database} FROM PUBLIC",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {database} TO {reader}",
        f"GRANT USAGE ON SCHEMA public TO {reader}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}",
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT SELECT ON TABLES TO"
        f" {reader}",
    ]


def psql_script(database: str, owner: str, reader: str) -> str:
    """The text for `psql`, as a superuser, that makes both roles and the database where they are
    not there; it may be run again. No password is in it. Raises UserError for a name that is none.
    """
    statements = reader_statements(database, owner, reader)
    created = [
        _unless(f"CREATE ROLE {role} LOGIN", f"FROM pg_roles WHERE rolname = {quote(role)}")
        for role in (owner, reader)
    ]
    of_database = _unless(
        f"CREATE DATABASE {database} OWNER {owner}",
        f"FROM pg_database WHERE datname = {quote(database)}",
    )
    # A reader that never writes cannot be talked into it by a statement either.
    modest = f"ALTER ROLE {reader} SET default_transaction_read_only = on"
    owned = f"ALTER SCHEMA public OWNER TO {owner}"
    lines = [
        *created,
        of_database,
        f"{modest};",
        f"\\connect {database}",
        *(f"{statement};" for statement in (owned, *statements)),
    ]
    return "\n".join(["\\set ON_ERROR_STOP on", *lines]) + "\n"


def _unless(statement: str, found: str) -> str:
    return f"SELECT {quote(statement)} WHERE NOT EXISTS (SELECT {found}) \\gexec"


def _require_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise UserError(
            f"'{name}' is no name for a role or database here: small letters, digits and _"
        )
