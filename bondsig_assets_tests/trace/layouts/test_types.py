"""The same reports in every type clients deliver them in."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal

import duckdb
import polars as pl
import pytest

from bondsig_assets.errors import LayoutError
from bondsig_assets.trace.layouts import check_times, normalise, scan_reports
from bondsig_assets_tests.trace.layouts import samples
from bondsig_assets_tests.trace.layouts.samples import put, read
from bondsig_assets_tests.trace.layouts.test_faults import GOOD

DAY = date(2020, 3, 31)


def one(
    column: str, value: object, source: str, dtype: pl.DataType | type[pl.DataType] | None = None
) -> object:
    """What `source` = `value` becomes in canonical `column`."""
    frame = pl.DataFrame({name: [given] for name, given in GOOD.items()}).with_columns(
        pl.Series(source, [value], dtype=dtype, strict=False)
    )
    return normalise(frame.lazy(), "wrds-enhanced").collect()[column][0]


@pytest.mark.parametrize(
    "value",
    [
        DAY,
        datetime(2020, 3, 31),
        "2020-03-31",
        "2020/03/31",
        "20200331",
        "3/31/2020",
        "03/31/2020",
        20200331,
        20200331.0,
        "20200331.0",
        "2020-03-31 00:00:00",
        "2020-03-31T00:00:00",
        "2020-3-31",
        " 2020-03-31 ",
        "3/31/2020 0:00:00",
        "2020-03-31 00:00:00.000000",
        Decimal("20200331"),
        "31/03/2020",
        "3/31/20",
        "31MAR2020",
        "31-Mar-2020",
        "43921",
        22_005,
        1_585_612_800_000,
    ],
)
def test_dates(value):
    assert one("report_date", value, "trd_rpt_dt") == DAY
    assert one("settlement_date", value, "stlmnt_dt") == DAY


@pytest.mark.parametrize(
    "value", ["2020-13-01", "20201301", 20201301, "31/13/2020", "", None, "9999999", 3]
)
def test_no_dates(value):
    assert one("settlement_date", value, "stlmnt_dt") in (None, date(20, 3, 31))


@pytest.mark.parametrize(
    "value",
    [
        "03:15:00",
        "3:15:00",
        "031500",
        time(3, 15),
        timedelta(hours=3, minutes=15),
        11_700_000_000_000,
        "11700000000000",
        "0 days 03:15:00",
        "03:15:00.000000",
        "03:15",
        datetime(1970, 1, 1, 3, 15),
        "1970-01-01 03:15:00",
        "3:15:00 AM",
        "31MAR2020:03:15:00",
        " 03:15:00",
    ],
)
def test_times(value):
    assert one("executed_at", value, "trd_exctn_tm") == datetime(2020, 3, 31, 3, 15)
    assert one("fault", value, "trd_exctn_tm") is None


@pytest.mark.parametrize(
    "as_written", [int, float, str, lambda n: f"{n}.0", lambda n: Decimal(str(n))]
)
def test_numbers_that_may_be_hhmmss_or_seconds(as_written):
    """One value alone may be either; another one of the column decides for all."""

    def times(*values):
        frame = pl.DataFrame({name: [given] * len(values) for name, given in GOOD.items()})
        column = pl.Series("trd_exctn_tm", [as_written(value) for value in values])
        return (
            normalise(frame.with_columns(column).lazy(), "wrds-enhanced")
            .collect()["executed_at"]
            .dt.time()
        )

    assert times(31_500, 161_500).to_list() == [time(3, 15), time(16, 15)]
    assert times(31_500, 31_501, 31_499).to_list()[:2] == [time(8, 45), time(8, 45, 1)]
    with pytest.raises(LayoutError, match="trd_exctn_tm may be HHMMSS.*03:15:00.*08:45:00"):
        times(31_500)


@pytest.mark.parametrize("value", [0, "0", "000000", "00:00:00", time(0), 0.0, timedelta(0)])
def test_midnight_is_a_time(value):
    assert one("executed_at", value, "trd_exctn_tm") == datetime(2020, 3, 31)


@pytest.mark.parametrize(
    "value",
    [
        240000,
        1_344_021,
        86_400_000_000_000,
        timedelta(days=1),
        timedelta(seconds=-1),
        "1:2:3:4",
        "10-00-00",
        10**18,
        float("inf"),
    ],
)
def test_no_times(value):
    assert one("executed_at", value, "trd_exctn_tm") is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0009218", "0009218"),
        ("9218", "0009218"),
        (9218, "0009218"),
        (9218.0, "0009218"),
        ("9218.0", "0009218"),
        (Decimal("9218"), "0009218"),
        (Decimal("9218.0"), "0009218"),
        ("2000000003", "2000000003"),
        (2_000_000_003, "2000000003"),
        ("A12", "A12"),
        (" 12 ", "0000012"),
        (None, None),
        ("", None),
        ("NA", None),
        (float("nan"), None),
    ],
)
def test_message_numbers(value, expected):
    assert one("message_number", value, "msg_seq_nb") == expected
    assert one("original_message_number", value, "orig_msg_seq_nb") == expected
    assert one("first_control_number", value, "first_trade_ctrl_num") == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("5MM+", (5e6, True)),
        ("1mm+", (1e6, True)),
        ("25MM+", (25e6, True)),
        ("5000005", (5_000_005, False)),
        (" 1,000 ", (1000, False)),
        (Decimal("10.5"), (10.5, False)),
        (7, (7, False)),
    ],
)
def test_par(value, expected):
    assert (
        one("par_usd", value, "entrd_vol_qt"),
        one("is_par_capped", value, "entrd_vol_qt"),
    ) == expected


def test_null_columns_flags_and_strange_types():
    empty = pl.DataFrame({name: [value] for name, value in GOOD.items()}).with_columns(
        orig_msg_seq_nb=pl.lit(None),
        asof_cd=pl.lit(None, pl.Float64),
        spcl_trd_fl=pl.lit(True),
        dissem_fl=pl.lit(False),
        stlmnt_dt=pl.lit(None, pl.Float64),
        days_to_sttl_ct=pl.lit(3.0),
        yld_pt=pl.lit(None),
        trc_st=pl.lit("T").cast(pl.Categorical),
        rpt_side_cd=pl.lit(b"B"),
        cntra_mp_id=pl.lit("C").cast(pl.Enum(["C"])),
        wis_fl=pl.lit(None),
    )
    row = normalise(empty.lazy(), "wrds-enhanced").collect().row(0, named=True)
    assert row["fault"] is None and (row["status"], row["side"], row["contra"]) == ("T", "B", "C")
    assert (
        row["original_message_number"],
        row["asof_code"],
        row["settlement_date"],
        row["yield_pct"],
    ) == (None, None, None, None)
    assert (
        row["is_special_price"],
        row["is_disseminated"],
        row["days_to_settle"],
        row["is_when_issued"],
    ) == (True, False, 3, False)
    with pytest.raises(LayoutError, match="column RPTD_PR holds lists"):
        normalise(
            pl.LazyFrame(
                {name: [value] for name, value in GOOD.items() if name != "rptd_pr"}
                | {"RPTD_PR": [[1.0]]}
            ),
            "wrds-enhanced",
        )


def test_rows_supplied_or_numbered():
    frame = pl.LazyFrame({name.upper(): [value] * 3 for name, value in GOOD.items()})
    assert normalise(frame, "wrds-enhanced").collect()["row"].to_list() == [0, 1, 2]
    assert normalise(frame.with_columns(row=pl.Series([7, 9, 12])), "wrds-enhanced").collect()[
        "row"
    ].to_list() == [7, 9, 12]
    with pytest.raises(LayoutError, match=r"lacks a status \(trc_st\) and a price \(rptd_pr\)"):
        normalise(frame.drop("TRC_ST", "RPTD_PR"), "wrds-enhanced")
    with pytest.raises(LayoutError, match="two columns are called"):
        normalise(frame.with_columns(rptd_pr=pl.lit(1)), "wrds-enhanced")


def test_parquet_of_duckdb_with_times_and_of_text_says_the_same(tmp_path):
    text = put(tmp_path, samples.ENHANCED)
    typed = tmp_path / "[typed].parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT * FROM read_csv('{text}', types={{'trd_rpt_tm': 'VARCHAR'}})) TO"
            f" '{typed}' (FORMAT parquet)"
        )
        assert connection.execute(
            f"SELECT typeof(trd_exctn_tm), typeof(stlmnt_dt) FROM '{typed}'"
        ).fetchone() == ("TIME", "DATE")
    of_text, of_parquet = (read(path)[1].drop("row") for path in (text, typed))
    assert of_parquet.equals(of_text)
    both = scan_reports([typed, text, typed])
    frame = both.frame.collect()
    assert frame["row"].to_list() == list(range(9)) and [first for _, first, _ in both.files] == [
        0,
        3,
        6,
    ]
    assert both.notes == [
        "[typed].parquet: the same content as [typed].parquet; each of its reports is there twice"
    ]


def test_the_times_of_a_frame_of_a_connector():
    frame = pl.LazyFrame({name: [value] * 2 for name, value in GOOD.items()})
    assert (
        check_times(frame, "wrds-enhanced", "trace").notes == []
        and check_times(frame, "wrds-enhanced", "trace").has_report_times
    )
    lost = frame.with_columns(trd_rpt_tm=pl.lit(None, pl.Time))
    with pytest.raises(
        LayoutError,
        match=(
            "^trace: every trd_rpt_tm is null: the times were lost on the way here;"
            " --allow-missing-times goes on with the end of the report date$"
        ),
    ):
        check_times(lost, "wrds-enhanced", "trace")
    allowed = check_times(lost, "wrds-enhanced", "trace", allow_missing_times=True)
    assert not allowed.has_report_times and allowed.notes == [
        "trace: every trd_rpt_tm is null; the end of the report date stands for the time of report"
    ]
    assert check_times(lost.head(0), "wrds-enhanced", "trace").notes == []
