"""`bondsig clean` as a user meets it: what it says, what it writes, and that a mistake is one line
and writes nothing.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import zipfile
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from benchmarks.known_outcomes import reports_of_known_outcome
from bondsig_assets_tests.command_line import bondsig

TABLES = ("trades", "rejected", "bond_days")


@pytest.fixture(scope="module")
def enhanced(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("files") / "enhanced.parquet"
    reports_of_known_outcome(6_000).drop("outcome").write_parquet(path)
    return path


def test_it_writes_what_it_says(enhanced, tmp_path):
    done = bondsig("clean", enhanced, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    tables = {name: pl.read_parquet(tmp_path / "out" / f"{name}.parquet") for name in TABLES}
    n = pl.read_parquet(enhanced).height
    assert tables["trades"].height + tables["rejected"].height == n
    rows = pl.concat([tables["trades"]["row"], tables["rejected"]["row"]])
    assert rows.sort().to_list() == list(range(n))
    assert (
        "enhanced.parquet: wrds-enhanced" in done.stdout
        and f"{n:,}" in done.stdout
        and "100.00%" in done.stdout
    )
    waterfall = pl.read_csv(tmp_path / "out" / "waterfall.csv")
    assert (
        waterfall["reports"][0] + waterfall["reports"][1:-1].sum()
        == waterfall["reports"][-1]
        == tables["trades"].height
    )
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *(f"{name}.parquet" for name in TABLES),
        "waterfall.csv",
        "files.csv",
    }


@pytest.mark.slow
def test_it_compares_with_published_recipes(enhanced, tmp_path):
    recipes = ("osbap", "tidy", "dick-nielsen")
    done = bondsig("clean", enhanced, "--out", tmp_path / "out", "--compare", ",".join(recipes))
    assert done.returncode == 0, done.stderr
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {f"comparison_{name}.csv" for name in ("trades", "bond_days", "examples")} < written
    assert all(recipe in done.stdout for recipe in recipes)


def test_as_of_and_parts_of_a_file_agree(enhanced, tmp_path):
    moment = "2012-06-01 12:00"
    raw = pl.read_parquet(enhanced)
    known = raw.filter(
        pl.col("trd_rpt_dt").dt.combine(pl.col("trd_rpt_tm"))
        <= pl.lit(moment).str.to_datetime("%Y-%m-%d %H:%M")
    )
    known.write_parquet(tmp_path / "known.parquet")
    assert (
        bondsig(
            "clean", enhanced, "--out", tmp_path / "cut", "--as-of", moment, "--view", "live"
        ).returncode
        == 0
    )
    assert (
        bondsig(
            "clean", tmp_path / "known.parquet", "--out", tmp_path / "by_hand", "--view", "live"
        ).returncode
        == 0
    )
    cut, by_hand = (
        pl.read_parquet(tmp_path / name / "bond_days.parquet") for name in ("cut", "by_hand")
    )
    assert cut.height > 100 and cut.equals(by_hand)


MISTAKES = [
    (["{file}", "--as-of", "yesterday"], "--as-of 'yesterday' is no moment"),
    (["{file}", "--as-of", "2012-01-01T10:00+00:00"], "New York"),
    (["{file}", "--screens", "strict"], "presets are none"),
    (["{file}", "--compare", "osbap,wrds"], "--compare wrds"),
    (["{file}", "--layout", "wrds-gold"], "wrds-enhanced"),
    (["{folder}/none.parquet"], "none.parquet"),
    (["{folder}"], "is a folder"),
    (["{file}", "--bonds", "{folder}/none.csv"], "none.csv"),
    (["{text}"], "notes.csv"),
    (["{broken}"], "broken.parquet"),
    (["{cut}"], "cut.zip"),
    (["{lost}"], "--allow-missing-times"),
    ([], "FILES"),
]


@pytest.fixture(scope="module")
def mistakes(enhanced) -> dict[str, Path]:
    folder = enhanced.parent
    (folder / "notes.csv").write_text("a,b\n1,2\n")
    data = bytearray(enhanced.read_bytes())
    data[len(data) // 3 : len(data) // 3 + 400] = b"\x7f" * 400
    (folder / "broken.parquet").write_bytes(data)
    with zipfile.ZipFile(folder / "whole.zip", "w") as whole:
        whole.writestr("x.txt", "a|b\n1|2\n")
    (folder / "cut.zip").write_bytes((folder / "whole.zip").read_bytes()[:-20])
    pl.read_parquet(enhanced).with_columns(trd_rpt_tm=pl.lit(None, pl.Time)).write_parquet(
        folder / "lost.parquet"
    )
    names = {
        "text": "notes.csv",
        "broken": "broken.parquet",
        "cut": "cut.zip",
        "lost": "lost.parquet",
    }
    return {
        "file": enhanced,
        "folder": folder,
        **{name: folder / path for name, path in names.items()},
    }


@pytest.mark.parametrize(("arguments", "said"), MISTAKES, ids=[said for _, said in MISTAKES])
def test_a_mistake_is_one_line_and_nothing_is_written(mistakes, tmp_path, arguments, said):
    out = tmp_path / "out"
    done = bondsig("clean", *(text.format(**mistakes) for text in arguments), "--out", out)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1 and said in done.stderr, done.stderr
    assert not list(out.glob("*")) if out.exists() else True


def test_an_input_is_never_written_over(enhanced, tmp_path):
    (tmp_path / "trades.parquet").write_bytes(enhanced.read_bytes())
    done = bondsig("clean", tmp_path / "trades.parquet", "--out", tmp_path)
    assert done.returncode == 1 and "write over it" in done.stderr
    assert (tmp_path / "trades.parquet").read_bytes() == enhanced.read_bytes()


def test_a_folder_in_the_way_stops_it_before_the_first_file(enhanced, tmp_path):
    (tmp_path / "files.csv").mkdir()
    done = bondsig("clean", enhanced, "--out", tmp_path)
    assert (
        done.returncode == 1
        and "files.csv" in done.stderr
        and [path.name for path in tmp_path.iterdir()] == ["files.csv"]
    )


@pytest.mark.slow
def test_names_with_brackets_and_files_of_two_layouts(enhanced, tmp_path):
    standard = tmp_path / "[red]a.csv"
    standard.write_text(
        "cusip_id,trd_exctn_dt,trd_exctn_tm,msg_seq_nb,trc_st,ascii_rptd_vol_tx,rptd_pr,"
        "orig_msg_seq_nb,diss_rptg_side_cd,contra_party_type,trans_dt\n"
        "037833AK6,2014-03-03,10:00:00,1,M,5MM+,99.5,,S,C,2014-03-03\n0000\n"
    )
    done = bondsig(
        "clean",
        enhanced,
        standard,
        "--layout",
        "wrds-enhanced,wrds-standard",
        "--screens",
        "none",
        "--out",
        tmp_path / "z[bold]",
    )
    assert done.returncode == 0, done.stderr
    assert (
        "[red]a.csv: wrds-standard" in done.stdout
        and "enhanced.parquet: wrds-enhanced" in done.stdout
    )
    rejected = pl.read_parquet(tmp_path / "z[bold]" / "rejected.parquet", glob=False)
    assert "too_few_fields" in set(rejected["reason"])


def test_an_earlier_result_survives_a_later_mistake(enhanced, mistakes, tmp_path):
    assert bondsig("clean", enhanced, "--out", tmp_path).returncode == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert bondsig("clean", mistakes["broken"], "--out", tmp_path).returncode == 1
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.services
def test_killed_in_the_middle_it_leaves_the_old_result_and_the_next_run_sweeps(enhanced, tmp_path):
    assert bondsig("clean", enhanced, "--out", tmp_path / "out").returncode == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    big = tmp_path / "big.parquet"
    reports_of_known_outcome(900_000).drop("outcome").write_parquet(big)
    process = subprocess.Popen(
        [sys.executable, "-m", "bondsig_assets", "clean", str(big), "--out", str(tmp_path / "out")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while (
        not list((tmp_path / "out").glob(".cleaning-*"))
        and time.monotonic() < deadline
        and process.poll() is None
    ):
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    left = [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".cleaning-")]
    assert left, "it was over before it could be killed"
    assert {
        path.name: path.read_bytes() for path in (tmp_path / "out").iterdir() if path not in left
    } == before
    assert bondsig("clean", enhanced, "--out", tmp_path / "out").returncode == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_bonds_in_fisd_names(enhanced, tmp_path):
    cusips = pl.read_parquet(enhanced)["cusip_id"].unique().sort()
    bonds = pl.DataFrame(
        {
            "complete_cusip": cusips,
            "maturity": ["2009-12-31"] * len(cusips),
            "offering_amt": [500_000] * len(cusips),
        }
    )
    bonds.write_csv(tmp_path / "issues.csv")
    assert (
        bondsig(
            "clean", enhanced, "--out", tmp_path / "out", "--bonds", tmp_path / "issues.csv"
        ).returncode
        == 0
    )
    assert pl.read_parquet(tmp_path / "out" / "trades.parquet").is_empty()
    assert "after_maturity" in set(pl.read_parquet(tmp_path / "out" / "rejected.parquet")["reason"])


HEADER = (
    "cusip_id,bond_sym_id,trd_exctn_dt,trd_exctn_tm,trd_rpt_dt,trd_rpt_tm,msg_seq_nb,trc_st,"
    "entrd_vol_qt,rptd_pr,rpt_side_cd,cntra_mp_id"
)
ROW = {
    "cusip_id": "037833AK6",
    "bond_sym_id": "AAPL1",
    "trd_exctn_dt": "2024-04-01",
    "trd_exctn_tm": "10:00:00",
    "trd_rpt_dt": "2024-04-01",
    "trd_rpt_tm": "10:01:00",
    "trc_st": "T",
    "entrd_vol_qt": "500000",
    "rptd_pr": "100.1",
    "rpt_side_cd": "S",
    "cntra_mp_id": "C",
}


def prints(path: Path, *changes: dict[str, object]) -> Path:
    """A file of 100 reports, of which the first ones are changed."""
    rows = [ROW | {"msg_seq_nb": str(k)} for k in range(100)]
    for k, change in enumerate(changes):
        rows[k] |= {name: str(value) for name, value in change.items()}
    lines = [",".join(row[name] for name in HEADER.split(",")) for row in rows]
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return path


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"trd_exctn_tm": "noon"}, "trd_exctn_tm: a time of day was expected, the commonest value"),
        ({"trd_rpt_dt": "spring"}, "trd_rpt_dt: a date, executions no later than reports"),
        ({"trd_exctn_dt": "2024-04-02"}, "the dates: a date, executions no later than reports"),
        ({"rptd_pr": "par"}, "rptd_pr: a number was expected, the commonest value is 'par'"),
        ({"entrd_vol_qt": ""}, "entrd_vol_qt: a number was expected, 6 are empty"),
        ({"trc_st": "Z"}, "trc_st: a status, of T C W R X Y was expected"),
        ({"cusip_id": "037833AK1"}, "cusip_id: a CUSIP whose check digit is right was expected"),
    ],
)
def test_a_fault_of_the_file_is_none_of_its_rows(tmp_path, change, said):
    bad = prints(tmp_path / "bad.csv", *[change] * 6)
    done = bondsig("clean", bad, "--out", tmp_path / "out")
    assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert said in done.stderr and "6 of 100 reports cannot be used" in done.stderr, done.stderr
    assert not list((tmp_path / "out").glob("*"))
    pl.read_csv(bad, infer_schema=False).write_parquet(tmp_path / "bad.parquet")
    again = bondsig("clean", tmp_path / "bad.parquet", "--out", tmp_path / "out")
    assert again.stderr == done.stderr.replace("bad.csv", "bad.parquet")
    few = prints(tmp_path / "few.csv", *[change] * 5)
    assert bondsig("clean", few, "--out", tmp_path / "few").returncode == 0
    rejected = pl.read_parquet(tmp_path / "few" / "rejected.parquet")
    assert rejected.filter(pl.col("row") < 5).height == 5
    taken = bondsig("clean", bad, "--out", tmp_path / "out", "--max-bad-share", "0.06")
    assert taken.returncode == 0


@pytest.mark.parametrize(("bad", "of", "stops"), [(1, 2, False), (2, 3, True), (4, 8, False)])
def test_of_a_small_file_most_have_to_be_bad(tmp_path, bad, of, stops):
    lines = prints(tmp_path / "a.csv", *[{"rptd_pr": "par"}] * bad).read_text().split("\n")
    (tmp_path / "b.csv").write_text("\n".join(lines[: of + 1]) + "\n")
    done = bondsig("clean", tmp_path / "b.csv", "--out", tmp_path / "out")
    assert done.returncode == int(stops), done.stderr


def test_columns_of_ones_own_with_lines_above_them(tmp_path):
    path = tmp_path / "own.csv"
    lines = [f"037833AK6,2024-04-0{1 + k % 5} 10:00:0{k},98.5,250000" for k in range(9)]
    path.write_text("\n".join(["My prints", "bond,when,px,size", *lines]) + "\n")
    options = ["--map", "cusip=bond", "--map", "executed_at=when", "--map", "price=px"]
    done = bondsig("clean", path, "--out", tmp_path / "out", *options, "--map", "par_usd=size")
    assert done.returncode == 0, done.stderr
    for words in (
        "own columns, 9 reports",
        "1 lines above the header",
        "every report is read as a",
    ):
        assert words in done.stdout
    assert pl.read_parquet(tmp_path / "out" / "trades.parquet").height == 9
    refused = bondsig("clean", path, "--out", tmp_path / "no", *options, "--map", "par=size")
    assert refused.returncode == 1 and "column 'par'" in refused.stderr


def test_a_file_of_another_product_is_refused_by_its_name(tmp_path):
    rows = pl.read_csv(prints(tmp_path / "a.csv"), infer_schema=False)
    for code, words in (("NOTE", "Treasuries"), ("TBA", "securitized products")):
        path = tmp_path / f"{code}.csv"
        rows.with_columns(sub_prdct=pl.lit(code)).write_csv(path)
        done = bondsig("clean", path, "--out", tmp_path / "out")
        assert done.returncode == 1 and f"holds {words}, no corporate bonds" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1 and not list((tmp_path / "out").glob("*"))
    mixed = rows.with_columns(
        sub_prdct=pl.when(pl.int_range(pl.len()) < 60).then(pl.lit("TBA")).otherwise(pl.lit("CORP"))
    )
    mixed.write_csv(tmp_path / "mixed.csv")
    done = bondsig("clean", tmp_path / "mixed.csv", "--out", tmp_path / "out", "--screens", "none")
    assert done.returncode == 0, done.stderr
    reasons = pl.read_parquet(tmp_path / "out" / "rejected.parquet")["reason"]
    assert (reasons == "other_product").sum() == 60


def test_reports_without_a_cusip_stand_under_their_symbol_or_its_cusip(tmp_path):
    changes = [{"cusip_id": "", "bond_sym_id": name} for name in ("AAPL1", "SVNZ1", "SVNZ2")]
    bonds = tmp_path / "bonds.csv"
    bonds.write_text("cusip,bond_symbol,maturity\n459200HU8,SVNZ1,2030-01-01\n,SVNZ2,2020-01-01\n")
    done = bondsig(
        "clean", prints(tmp_path / "a.csv", *changes), "--out", tmp_path, "--bonds", bonds
    )
    assert done.returncode == 0 and "stand under their bond symbol" in done.stdout, done.stderr
    trades = pl.read_parquet(tmp_path / "trades.parquet").sort("row")
    assert trades["cusip"].to_list()[:3] == ["037833AK6", "459200HU8", "037833AK6"]
    rejected = pl.read_parquet(tmp_path / "rejected.parquet").filter(pl.col("cusip") == "SVNZ2")
    assert rejected["reason"].to_list() == ["after_maturity"]


@pytest.mark.parametrize(
    ("column", "bad", "said"),
    [
        ("maturity", "soon", "maturity: 6 of 100 cannot be read: a date was expected"),
        ("offering_amt", "much", "offering_amt: 6 of 100 cannot be read: a number was expected"),
        ("convertible", "?", "convertible: 6 of 100 cannot be read: Y or N was expected"),
        ("complete_cusip", "037833AK1", "complete_cusip: 6 of 100 are no CUSIPs and no ISINs"),
    ],
)
def test_a_column_of_bonds_that_cannot_be_read_stops(tmp_path, column, bad, said):
    from bondsig_assets.commands.bond_terms import read_bonds
    from bondsig_assets.errors import UserError

    frame = pl.DataFrame(
        {
            "complete_cusip": ["037833AK6"] * 100,
            "maturity": ["08MAR2030"] * 100,
            "offering_amt": ["500,000"] * 100,
            "convertible": ["N"] * 100,
        }
    )

    def with_bad(n: int) -> Path:
        path = tmp_path / f"{n}.csv"
        values = [bad] * n + frame[column].to_list()[n:]
        frame.with_columns(pl.Series(column, values)).write_csv(path)
        return path

    with pytest.raises(UserError) as caught:
        read_bonds(with_bad(6))
    assert said in str(caught.value) and "\n" not in str(caught.value)
    terms, notes = read_bonds(with_bad(5))
    assert terms.height == 1 and any(f"{column}: 5 " in note for note in notes)
    assert terms.row(0, named=True) == {
        "cusip": "037833AK6",
        "maturity_date": date(2030, 3, 8),
        "offering_amount_usd": 5e8,
        "is_convertible": False,
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("isin;maturity;offering_date\nUS037833AK68;23443;21953\n", "days since 1960-01-01"),
        ("cusip|maturity|offering_date\n037833AK|45359|43868\n", "serial days, as Excel counts"),
        ("Bonds\nas of,today\ncusip,maturity\n037833AK6,3/8/2024\n", "2 lines above the header"),
        ("CUSIP,MATURITY\n037833AK6,08MAR2024\n", "08MAR2024"),
    ],
)
def test_terms_are_read_whatever_program_wrote_them(tmp_path, text, said):
    from bondsig_assets.commands.bond_terms import read_bonds

    (tmp_path / "bonds.csv").write_text(text)
    terms, notes = read_bonds(tmp_path / "bonds.csv")
    assert terms.select("cusip", "maturity_date").rows() == [("037833AK6", date(2024, 3, 8))]
    assert any(said in note for note in notes), notes


def test_terms_that_can_be_read_in_two_ways_are_refused_or_said(tmp_path):
    from bondsig_assets.commands.bond_terms import read_bonds
    from bondsig_assets.errors import UserError

    (tmp_path / "bonds.csv").write_text("cusip,maturity\n037833AK6,23443\n")
    with pytest.raises(UserError, match="the numbers of maturity may be .* say sas or epoch"):
        read_bonds(tmp_path / "bonds.csv")
    terms, _ = read_bonds(tmp_path / "bonds.csv", "sas")
    assert terms["maturity_date"].to_list() == [date(2024, 3, 8)]


PRINTS = Path(__file__).parents[3] / "shared/real/trace_prints"


@pytest.mark.skipif(not PRINTS.is_dir(), reason=f"real TRACE prints are not there: {PRINTS}")
@pytest.mark.parametrize(
    ("name", "options", "rows", "trades"),
    [
        ("finra_web_trade_activity_2019-01-02.csv", [], 50, 34),
        ("wrds_standard.csv", ["--layout", "wrds-standard", "--screens", "none"], 5, 3),
        ("wrds_standard_2011.csv", ["--layout", "wrds-standard", "--screens", "none"], 5, 4),
        ("wrds_enhanced_2002.csv", ["--allow-missing-times", "--screens", "none"], 5, 2),
        ("wrds_enhanced_2024.csv", ["--allow-missing-times", "--screens", "none"], 10, 4),
        (
            "wrds_144a.csv",
            ["--layout", "wrds-144a", "--allow-missing-times", "--screens", "none"],
            5,
            4,
        ),
        ("wrds_enhanced_2014_selected_columns.csv", [], None, "lacks a status"),
        ("wrds_144a.csv", [], None, "--layout wrds-standard or --layout wrds-144a"),
        ("wrds_enhanced_2002.csv", [], None, "the times were lost"),
        (
            "finra_web_trade_activity_2019-01-02.csv",
            ["--as-of", "2019-01-02 12:00"],
            None,
            "needs report times",
        ),
    ],
)
def test_real_prints(tmp_path, name, options, rows, trades):
    done = bondsig("clean", PRINTS / name, "--out", tmp_path / "out", *options)
    if rows is None:
        assert (
            done.returncode == 1
            and trades in done.stderr
            and len(done.stderr.strip().splitlines()) == 1
        )
        return
    kept, rejected = (
        pl.read_parquet(tmp_path / "out" / f"{table}.parquet") for table in ("trades", "rejected")
    )
    assert (kept.height, kept.height + rejected.height) == (trades, rows), done.stdout


def test_reported_yields_are_set_beside_those_of_the_terms(tmp_path):
    rows = [
        # A published quote, the same compounded in the last period, and a fat finger.
        ("37045XEQ5", "2023-04-14", "10:00:00", "99.914", "4.933"),
        ("37045XEQ5", "2023-04-14", "10:05:00", "99.914", "4.9824"),
        ("37045XEQ5", "2023-04-14", "10:10:00", "99.914", "49.33"),
        ("37045XEQ5", "2023-04-14", "10:15:00", "99.914", ""),
    ]
    header = (
        "cusip_id,trd_exctn_dt,trd_exctn_tm,trd_rpt_dt,trd_rpt_tm,msg_seq_nb,orig_msg_seq_nb,trc_st,"
        "entrd_vol_qt,rptd_pr,yld_pt,rpt_side_cd,cntra_mp_id,stlmnt_dt"
    )
    lines = [
        f"{cusip},{day},{at},{day},{at},{k:07d},,T,500000,{price},{yield_pct},S,C,"
        for k, (cusip, day, at, price, yield_pct) in enumerate(rows, 1)
    ]
    (tmp_path / "trace.csv").write_text("\n".join([header, *lines]) + "\n")
    (tmp_path / "bonds.csv").write_text(
        "complete_cusip,maturity,offering_date,offering_amt,coupon,interest_frequency,dated_date,"
        "first_interest_date\n37045XEQ5,2023-05-22,2013-05-20,1000000,4.1,2,2013-05-22,2013-11-22\n"
    )
    done = bondsig(
        "clean",
        tmp_path / "trace.csv",
        "--out",
        tmp_path / "out",
        "--screens",
        "none",
        "--bonds",
        tmp_path / "bonds.csv",
    )
    assert done.returncode == 0, done.stderr
    assert "Reported yields beside those of price and terms (3 trades)" in done.stdout
    counts = dict(pl.read_csv(tmp_path / "out" / "reported_yields.csv").iter_rows())
    assert [n for n in counts.values() if n] == [1, 1, 1]
    assert counts["agrees within 1 bp"] == counts["differs by more than 10 bp"] == 1
