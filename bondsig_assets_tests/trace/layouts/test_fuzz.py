"""Files changed at random: refused in one line that names the file, or every line accounted for."""

from __future__ import annotations

import io
import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bondsig_assets.errors import LayoutError
from bondsig_assets.trace.layouts import scan_reports
from bondsig_assets.trace.reports import REPORT_SCHEMA
from bondsig_assets_tests.trace.layouts import samples
from bondsig_assets_tests.trace.layouts.samples import gzipped, put, zipped

TEXTS = [(layout, text) for layout, texts in samples.SAMPLES.items() for text in texts]
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["byte", "field", "drop", "double", "cut", "swap", "insert"]),
        st.integers(0, 10_000),
        st.integers(0, 10_000),
    ),
    min_size=1,
    max_size=6,
)
VALUES = [
    b"",
    b" ",
    b"NA",
    b'"',
    b'""',
    b"nan",
    b"inf",
    b"-",
    b"_",
    b"5MM+",
    b"99999999",
    b"2020-02-30",
    b"99:99:99",
    b"1e400",
    b"-1",
    b"\xe9",
    b"\r",
    b"\x1f",
    b"\t",
    b"|",
    b",",
    b"\n",
    b"0",
    b"X" * 50,
    b"20200103053000|0000000002",
]
QUICK = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def changed(data: bytes, changes: list[tuple[str, int, int]]) -> bytes:
    for kind, where, what in changes:
        lines = data.split(b"\n")
        at, line = where % max(len(data), 1), where % len(lines)
        if kind == "byte":
            data = data[:at] + bytes([what % 255 + 1]) + data[at + 1 :]
        elif kind == "cut":
            data = data[:at]
        elif kind == "insert":
            data = data[:at] + VALUES[what % len(VALUES)] + data[at:]
        elif kind in ("drop", "double"):
            data = b"\n".join(
                lines[:line]
                + lines[line : line + 1] * (2 if kind == "double" else 0)
                + lines[line + 1 :]
            )
        else:
            fields = re.split(rb"([,|])", lines[line])
            fields[what % len(fields)] = (
                VALUES[(where + what) % len(VALUES)]
                if kind == "field"
                else fields[where % len(fields)]
            )
            data = b"\n".join([*lines[:line], b"".join(fields), *lines[line + 1 :]])
    return data


def data_lines(data: bytes) -> int:
    """Lines with anything on them, but for the header."""
    return sum(1 for line in data.split(b"\n") if line.strip(b"\r ")) - 1


def check(path: Path, layout: str, expected: int | None, trailer: bool) -> None:
    try:
        scan = scan_reports(
            [path], layout, allow_missing_times=True, scratch=path.parent / "scratch"
        )
    except LayoutError as error:
        assert "\n" not in str(error) and "\r" not in str(error) and path.name in str(error), str(
            error
        )
        return
    frame = scan.frame.collect()
    assert dict(frame.schema) == REPORT_SCHEMA and frame["row"].to_list() == list(
        range(frame.height)
    )
    assert sum(rows for _, _, rows in scan.files) == frame.height
    above = re.search(r"(\d+) lines above the header", " ".join(scan.notes))
    if expected is not None:
        expected -= int(above[1]) if above else 0
        assert frame.height in ((expected, expected - 1) if trailer else (expected,))
    sound = frame.filter(pl.col("fault").is_null())
    needed = [
        "cusip",
        "execution_date",
        "report_date",
        "status",
        "price",
        "par_usd",
        "is_par_capped",
    ]
    assert sound.select(pl.col(needed).null_count().sum()).row(0) == (0,) * len(needed)


@pytest.mark.slow
@QUICK
@given(st.sampled_from(TEXTS), CHANGES, st.booleans())
def test_text(tmp_path_factory, sample, changes, named):
    layout, text = sample
    data = changed(text.encode(), changes)
    path = put(tmp_path_factory.mktemp("fuzz"), data, "x.txt")
    check(
        path, layout if named or text in samples.OF_TWO else "auto", data_lines(data), "|" in text
    )


@pytest.mark.slow
@QUICK
@given(st.sampled_from(TEXTS), CHANGES, st.sampled_from(["zip", "zips", "gz"]), st.booleans())
def test_archives(tmp_path_factory, sample, changes, kind, inside):
    layout, text = sample
    content = changed(text.encode(), changes) if inside else text.encode()
    packed = gzipped(content.decode("latin-1")) if kind == "gz" else zipped({"a.txt": content})
    packed = zipped({"d.zip": packed, "e.txt": text}) if kind == "zips" else packed
    data = packed if inside else changed(packed, changes)
    path = put(tmp_path_factory.mktemp("fuzz"), data, f"x.{'gz' if kind == 'gz' else 'zip'}")
    check(path, layout, None, "|" in text)


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(max_size=12),
    st.dates(),
    st.datetimes(),
    st.times(),
    st.timedeltas(),
    st.text("BST5", max_size=3).map(str.encode),
    st.decimals(
        allow_nan=False, allow_infinity=False, places=2, min_value=-(10**9), max_value=10**9
    ),
    st.lists(st.integers(0, 9), max_size=2),
    st.sampled_from(["20200331", "093000", "5MM+", "Y", "T", "NA"]),
)


@pytest.mark.slow
@settings(QUICK, max_examples=50)
@given(
    st.sampled_from(TEXTS),
    st.dictionaries(
        st.integers(0, 40),
        st.lists(ODD, min_size=1, max_size=1).map(lambda found: found * 3),
        min_size=1,
        max_size=4,
    ),
    st.integers(0, 4000),
)
def test_parquet_of_any_types(tmp_path_factory, sample, columns, cut):
    layout, text = sample
    delimiter = "|" if "|" in text else ","
    lines = [line for line in text.splitlines() if line.count(delimiter) > 5]
    frame = pl.read_csv(
        io.StringIO("\n".join(lines)), infer_schema=False, separator=delimiter, quote_char=None
    )
    odd = {
        frame.columns[at % frame.width]: pl.Series(values[: frame.height], strict=False)
        for at, values in columns.items()
    }
    held = io.BytesIO()
    frame.with_columns(**odd).write_parquet(held)
    data = held.getvalue()
    path = put(tmp_path_factory.mktemp("fuzz"), data[:-cut] if 0 < cut < 200 else data, "x.parquet")
    check(path, layout, frame.height, False)
