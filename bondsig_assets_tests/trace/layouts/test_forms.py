"""A file's dates, times and CUSIPs are recognised over the whole file, in text and in Parquet."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl
import pytest

from bondsig_assets.errors import LayoutError
from bondsig_assets.trace.layouts import Own, forms, normalise, scan_reports, streams
from bondsig_assets_tests.trace.layouts.test_faults import GOOD

DAYS = [date(2024, 4, 1) + timedelta(k) for k in range(40)]
DAYS = [day for day in DAYS if day.weekday() < 5]
SECONDS = [32_400 + 61 * k for k in range(400)]
WRITTEN_DAYS = {
    "SAS": lambda day: (day - date(1960, 1, 1)).days,
    "1970": lambda day: (day - date(1970, 1, 1)).days,
    "Excel": lambda day: (day - date(1899, 12, 30)).days,
    "such as": lambda day: f"{day:%d%b%Y}".upper(),
    "": lambda day: int(f"{day:%Y%m%d}"),
}
WRITTEN_TIMES = {
    "SAS": lambda s: s,
    "fractions": lambda s: s / 86_400,
    "nanoseconds": lambda s: s * 10**9,
    "": lambda s: s // 3600 * 10_000 + s // 60 % 60 * 100 + s % 60,
}


def prints(as_day=str, as_time=None, **columns) -> pl.DataFrame:
    """400 good reports over 29 days, a minute and a second apart."""
    as_time = as_time or (lambda s: str(timedelta(seconds=s)))
    days = [as_day(DAYS[k % len(DAYS)]) for k in range(400)]
    times = [as_time(s) for s in SECONDS]
    frame = pl.DataFrame({name: [value] * 400 for name, value in GOOD.items()})
    return frame.with_columns(
        **{name: pl.Series(days) for name in ("trd_exctn_dt", "trd_rpt_dt", "stlmnt_dt")},
        **{name: pl.Series(times) for name in ("trd_exctn_tm", "trd_rpt_tm")},
        msg_seq_nb=pl.Series([str(k) for k in range(400)]),
    ).with_columns(**columns)


RIGHT = [
    datetime.combine(DAYS[k % len(DAYS)], datetime.min.time()) + timedelta(seconds=SECONDS[k])
    for k in range(400)
]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("said", "columns"),
    [(said, {"as_day": way}) for said, way in WRITTEN_DAYS.items()]
    + [(said, {"as_time": way}) for said, way in WRITTEN_TIMES.items()],
)
def test_all_ways_are_the_same_moments(tmp_path, suffix, said, columns):
    frame = prints(**columns)
    path = tmp_path / f"prints.{suffix}"
    frame.write_csv(path) if suffix == "csv" else frame.write_parquet(path)
    scan = scan_reports([path])
    reports = scan.frame.collect()
    assert reports["executed_at"].to_list() == RIGHT == reports["reported_at"].to_list()
    assert reports["settlement_date"].to_list() == [moment.date() for moment in RIGHT]
    assert not reports["fault"].drop_nulls().len()
    assert any(said in note for note in scan.notes) if said else not scan.notes
    pieces = pl.concat([block.collect() for block in scan.blocks(150)])
    assert pieces.equals(reports)
    of_frame = normalise(frame.lazy(), "wrds-enhanced").collect()
    assert of_frame["executed_at"].to_list() == RIGHT


def test_pieces_of_a_long_text_are_decided_together(tmp_path, monkeypatch):
    """Whether 43200 is noon or 04:32 shows only later in the file."""
    monkeypatch.setattr(streams, "PIECE_BYTES", 2_000)
    monkeypatch.setattr(forms, "ENOUGH_REPORTS", 1)
    times = [43_200] * 200 + SECONDS[:200]
    frame = prints(as_time=lambda s: s).with_columns(
        **{name: pl.Series(times) for name in ("trd_exctn_tm", "trd_rpt_tm")}
    )
    frame.write_csv(tmp_path / "prints.csv")
    reports = scan_reports([tmp_path / "prints.csv"]).frame.collect()
    assert reports["executed_at"].dt.hour()[:200].unique().to_list() == [12]
    frame.head(200).write_csv(tmp_path / "short.csv")
    said = scan_reports([tmp_path / "short.csv"], own=Own(times_as="seconds")).frame.collect()
    assert said["executed_at"].dt.hour().unique().to_list() == [12]
    with pytest.raises(LayoutError, match=r"short\.csv: the numbers of trd_exctn_tm may be HHMMSS"):
        scan_reports([tmp_path / "short.csv"])


def test_cusips_of_a_file_are_read_alike(tmp_path):
    ways = ["037833AK6", "037833AK", "US037833AK68", "037833ak6", "037833AK1"]
    cusips = pl.Series([ways[k % 40 % len(ways)] if k % 40 < 4 else ways[0] for k in range(400)])
    frame = prints(cusip_id=cusips.to_frame("c").with_columns(
        c=pl.when(pl.int_range(pl.len()) == 7).then(pl.lit(ways[4])).otherwise("c")
    )["c"])  # fmt: skip
    frame.write_csv(tmp_path / "prints.csv")
    scan = scan_reports([tmp_path / "prints.csv"])
    reports = scan.frame.collect()
    assert reports["fault"].to_list() == [None] * 7 + ["wrong_cusip"] + [None] * 392
    assert reports.filter(pl.col("fault").is_null())["cusip"].unique().to_list() == ["037833AK6"]
    assert "ISINs and CUSIPs of eight characters are read as CUSIPs of nine" in scan.notes[0]


def test_latin_1_is_read_and_said(tmp_path):
    text = prints(company_symbol=pl.lit("Nestlé")).write_csv()
    (tmp_path / "prints.csv").write_bytes(text.encode("latin-1"))
    scan = scan_reports([tmp_path / "prints.csv"])
    assert "Windows-1252" in scan.notes[0] and scan.frame.collect()["fault"].null_count() == 400


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_settlements_that_cannot_be_read_stop_the_file(tmp_path, suffix):
    """They are no fault of a row: a screen would fall silent."""
    path = tmp_path / f"prints.{suffix}"

    def scan(n: int):
        days = ["T+2"] * n + [f"{DAYS[0]}"] * (400 - n)
        frame = prints(stlmnt_dt=pl.Series(days))
        frame.write_csv(path) if suffix == "csv" else frame.write_parquet(path)
        return scan_reports([path]).frame.collect()["settlement_date"]

    assert scan(20).null_count() == 20
    with pytest.raises(LayoutError, match=r"stlmnt_dt: 21 of 400 cannot be read.*'T\+2' \(21\)"):
        scan(21)
