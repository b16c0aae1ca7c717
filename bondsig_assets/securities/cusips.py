"""CUSIP check digits, for whole columns at once.

Belongs here: what can be said of a CUSIP by looking at it. Not here: what it identifies.
"""

from __future__ import annotations

import numpy as np
import polars as pl


def cusip_check_digit(cusips: pl.Series) -> pl.Series:
    """Ninth character that the first eight of each CUSIP demand, null where they are malformed.

    Letters count 10 … 35, `*@#` 36 … 38; every second value is doubled and the digits of
    all values summed; the check digit makes the sum a multiple of ten (ANSI X9.6).
    """
    text = cusips.cast(pl.String).str.slice(0, 8).fill_null("")
    well_formed = text.str.contains(r"^[0-9A-Z*@#]{8}$")
    codes = np.frombuffer(
        text.set(~well_formed, "00000000").str.join("").item().encode(), dtype=np.uint8
    )
    codes = codes.reshape(-1, 8).astype(np.int64)
    values = np.where(codes <= ord("9"), codes - ord("0"), codes - ord("A") + 10)
    for symbol, value in (("*", 36), ("@", 37), ("#", 38)):
        values[codes == ord(symbol)] = value
    values[:, 1::2] *= 2
    digits = (10 - (values // 10 + values % 10).sum(axis=1) % 10) % 10
    return pl.Series(cusips.name, digits.astype(str)).set(~well_formed, None)


def with_check_digit(first_eight: pl.Series) -> pl.Series:
    """Nine-character CUSIPs from their first eight characters; null where malformed."""
    return first_eight + cusip_check_digit(first_eight)


def is_valid_cusip(cusips: pl.Series) -> pl.Series:
    """Whether each is nine characters long and ends in its check digit; false for null."""
    right_length = cusips.str.len_chars() == 9
    return (right_length & (cusips.str.slice(8, 1) == cusip_check_digit(cusips))).fill_null(False)
