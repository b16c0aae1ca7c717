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


def as_cusips(identifiers: pl.Series) -> pl.Series:
    """Nine-character CUSIPs of a column of CUSIPs and ISINs, in capitals without blanks.

    Eight characters get their check digit. A US or Canadian ISIN (ISO 6166) with a right check
    digit is the CUSIP inside it. Eight digits in a column of at least as many nine-character CUSIPs
    are one whose first zero a spreadsheet dropped, where the zero makes its check digit right. All
    else stays as it is: `is_valid_cusip` says what it is worth.
    """
    distinct = identifiers.unique().alias("given").to_frame()
    text = distinct["given"].cast(pl.String).str.strip_chars().str.to_uppercase()
    length = text.str.len_chars()
    eight, nine = (length == 8).fill_null(False), (length == 9).fill_null(False)
    whole = with_check_digit(text.set(~eight, None))
    padded = pl.Series(["0"]).extend_constant("0", max(len(text) - 1, 0))[: len(text)] + text
    lost = eight & text.str.contains(r"^[0-9]{8}$").fill_null(False) & is_valid_cusip(padded)
    if int(nine.sum()) >= int(eight.sum()):
        whole = whole.zip_with(~lost, padded)
    isin = text.str.contains(r"^(US|CA)[0-9A-Z]{9}[0-9]$").fill_null(False) & _is_valid_isin(text)
    found = (
        pl.DataFrame({"text": text, "whole": whole, "eight": eight, "isin": isin})
        .select(
            pl.when("isin")
            .then(pl.col("text").str.slice(2, 9))
            .when("eight")
            .then(pl.coalesce("whole", "text"))
            .otherwise("text")
        )
        .to_series()
    )
    known = distinct.with_columns(cusip=found)
    return (
        identifiers.alias("given")
        .to_frame()
        .join(known, on="given", how="left", maintain_order="left", nulls_equal=True)["cusip"]
        .alias(identifiers.name)
    )


def _is_valid_isin(text: pl.Series) -> pl.Series:
    """Whether each text of twelve characters ends in the check digit of its first eleven: letters
    are 10 … 35, every second digit from the right is doubled (ISO 6166, Luhn).
    """

    def right(isin: str) -> bool:
        digits = "".join(str(int(character, 36)) for character in isin)
        values = [int(digit) for digit in reversed(digits)]
        return (
            sum(v if k % 2 == 0 else sum(divmod(2 * v, 10)) for k, v in enumerate(values)) % 10 == 0
        )

    shaped = text.str.contains(r"^[A-Z]{2}[0-9A-Z]{9}[0-9]$").fill_null(False)
    return pl.Series(
        [bool(is_shaped) and right(isin) for isin, is_shaped in zip(text, shaped, strict=True)],
        dtype=pl.Boolean,
    )
