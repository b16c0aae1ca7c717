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
from pathlib import Path

import polars as pl
import pytest

from benchmarks.known_outcomes import reports_of_known_outcome

TABLES = ("trades", "rejected", "bond_days")


def bondsig(*arguments: object, timeout: int = 120) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "bondsig_assets", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
    )


@pytest.fixture(scope="module")
def enhanced(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("files") / "enhanced.parquet"
    reports_of_known_outcome(6_000).drop("outcome").write_parquet(path)
    return path


def test_it_writes_what_it_says(enhanced, tmp_path):
    done = bondsig(
        "clean", enhanced, "--out", tmp_path / "out", "--compare", "osbap,tidy,dick-nielsen"
    )
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
        *(f"comparison_{name}.csv" for name in ("trades", "bond_days", "examples")),
    }
    for recipe in ("osbap", "tidy", "dick-nielsen"):
        assert recipe in done.stdout


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


def test_names_with_brackets_and_files_of_two_layouts(enhanced, tmp_path):
    standard = tmp_path / "[red]a.csv"
    standard.write_text(
        "cusip_id,trd_exctn_dt,trd_exctn_tm,msg_seq_nb,trc_st,ascii_rptd_vol_tx,rptd_pr,orig_msg_seq_nb,diss_rptg_side_cd,contra_party_type,trans_dt\n"
        "000000AA0,2014-03-03,10:00:00,1,M,5MM+,99.5,,S,C,2014-03-03\n0000\n"
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
        ("wrds_144a.csv", ["--layout", "wrds-144a", "--allow-missing-times"], 5, 0),
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
