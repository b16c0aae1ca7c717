"""Small folders with the faults of real data, for the tests of the files source."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from bondsig_assets.sources.files import FilesSource

PRICES = """\
[[equity_prices]]
files = "prices.csv"
[equity_prices.columns]
ticker = "symbol"
trade_date = "date"
close_usd = "close"
is_etf = { value = false }
"""

CDS = """\
[[cds_quotes]]
files = "cds.csv"
expected = ["not a trading day", "no ticker", "duplicate row", "duplicate key"]
[cds_quotes.columns]
ticker = { column = "code", lookup = { file = "codes.csv", key = "codes", value = "ticker" } }
trade_date = "date"
tenor_years = { value = 5.0 }
par_spread_bps = { column = "spread", unit = "pct" }
"""

TRACE = """\
[[trace_reports]]
files = "trace*.csv"
[trace_reports.columns]
view = { value = "regulatory" }
reported_at = { column = "trd_rpt_dt", time = "trd_rpt_tm" }
executed_at = { column = "trd_exctn_dt", time = "trd_exctn_tm" }
message_number = { column = "msg_seq_nb", pad = 7 }
original_message_number = { column = "orig_msg_seq_nb", pad = 7 }
status = "trc_st"
asof_code = "asof_cd"
cusip = "cusip_id"
price = "rptd_pr"
par_usd = "entrd_vol_qt"
yield_pct = { column = "yld_pt", sign = "yld_sign_cd" }
side = "rpt_side_cd"
contra = "cntra_mp_id"
is_special_price = { column = "spcl_trd_fl", default = false }
"""
TRACE_HEADER = (
    "cusip_id,trd_exctn_dt,trd_exctn_tm,trd_rpt_dt,trd_rpt_tm,msg_seq_nb,orig_msg_seq_nb,trc_st,asof_cd,rptd_pr,entrd_vol_qt,"
    "yld_pt,yld_sign_cd,rpt_side_cd,cntra_mp_id,spcl_trd_fl"
)


def folder(path: Path, config: str, **files: str | bytes) -> FilesSource:
    """A source on `path` with `source.toml` and the files (`prices_csv` → prices.csv)."""
    path.mkdir(exist_ok=True)
    (path / "source.toml").write_text(config)
    for name, content in files.items():
        target = path / ".".join(name.rsplit("_", 1))
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
    return FilesSource(path)


def lines(*rows: str) -> str:
    """Rows as the text of a file."""
    return "\n".join(rows) + "\n"


def reasons(quarantined: pl.DataFrame) -> dict[str, int]:
    """Reason → number of rows."""
    return dict(quarantined.group_by("reason").len().sort("reason").iter_rows())
