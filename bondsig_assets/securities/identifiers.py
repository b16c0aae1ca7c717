"""CUSIPs as files write them: nine characters, eight without the check digit, or inside an ISIN.

Belongs here: telling by the whole column which of them it holds, and reading it. Not here: the
check digit itself (`cusips.py`), symbols, which bond is meant.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from bondsig_assets.formats import counted
from bondsig_assets.formats.counted import NOTHING, total
from bondsig_assets.securities.cusips import as_cusips, is_valid_cusip

#: Countries whose ISINs hold a CUSIP (ISO 6166: the numbering agency of both is CUSIP Global
#: Services); foreign bonds sold in the United States have US ISINs with their CINS.
_CUSIP_COUNTRIES = ("US", "CA")
#: A column of which more identifiers fail their check digit is not written with check digits.
_MOSTLY = 0.5
_WELL_FORMED = r"^[0-9A-Z*@#]{9}$"


@dataclass(frozen=True)
class CusipForm:
    """How a column writes CUSIPs. `is_checked`: whether a wrong check digit is a fault of its row;
    `is_usual`: nine characters with right check digits throughout; `said`: words for the user,
    empty for nine characters that are checked.
    """

    is_checked: bool = True
    is_usual: bool = False
    said: str = ""


def recognise_cusips(values: pl.Series | pl.DataFrame) -> CusipForm:
    """How a column, or its counts by `formats.counted`, writes CUSIPs.

    Where most of those with nine characters end in another than their check digit, the column has
    none: they are taken as they stand.

    Examples:
        >>> import polars as pl
        >>> from bondsig_assets.securities.identifiers import read_cusips, recognise_cusips
        >>> column = pl.Series(["US037833AK68", "037833AK6", "037833AK", "037833AK1"])
        >>> form = recognise_cusips(column)
        >>> form.said
        'ISINs and CUSIPs of eight characters are read as CUSIPs of nine'
        >>> read_cusips(column, form).rows()[0], read_cusips(column, form).rows()[3]
        (('037833AK6', False), ('037833AK1', True))
    """
    seen = values if isinstance(values, pl.DataFrame) else counted(values)
    text = _tidied(seen["value"])
    frame = seen.with_columns(
        text=text, cusip=_as_nine(text), is_plain=text == seen["value"].cast(pl.String)
    ).filter(pl.col("text").is_not_null())
    if not frame.height:
        return CusipForm()
    valid = is_valid_cusip(frame["cusip"])
    long, n_all = frame["text"].str.len_chars() == 9, total(frame)
    n_long = total(frame.filter(long))
    n_wrong = total(frame.filter(long & ~valid))
    if n_wrong > _MOSTLY * n_long and n_long > _MOSTLY * n_all:
        share = n_wrong / n_long
        return CusipForm(
            is_checked=False,
            said=f"CUSIPs without check digits ({share:.0%} end in another one):"
            " they are taken as they stand",
        )
    kinds = {
        "ISINs": (frame["text"].str.len_chars() == 12) & valid,
        "CUSIPs of eight characters": (frame["text"].str.len_chars() == 8) & valid,
    }
    held = [name for name, mask in kinds.items() if mask.any()]
    return CusipForm(
        is_usual=not held and bool((valid & frame["is_plain"]).all()),
        said=f"{' and '.join(held)} are read as CUSIPs of nine" if held else "",
    )


def read_cusips(column: pl.Series, form: CusipForm) -> pl.DataFrame:
    """`cusip` (nine characters where it can be told, else what stands there; null where nothing
    does) and `is_wrong` (none, or its check digit is another) of each value.
    """
    values = column.unique()
    cusip = _as_nine(_tidied(values))
    is_wrong = (
        ~is_valid_cusip(cusip) & cusip.is_not_null()
        if form.is_checked and not form.is_usual
        else pl.repeat(False, len(values), dtype=pl.Boolean, eager=True)
    )
    known = pl.DataFrame({"value": values, "cusip": cusip, "is_wrong": is_wrong})
    return (
        column.alias("value")
        .to_frame()
        .join(known, on="value", how="left", maintain_order="left", nulls_equal=True)
        .select("cusip", "is_wrong")
    )


def _tidied(values: pl.Series) -> pl.Series:
    """In capitals without blanks, hyphens, and the apostrophe that keeps Excel from counting; null
    where it says nothing. A number has lost its leading zeros.
    """
    if values.dtype.is_float():
        values = values.cast(pl.Int64, strict=False)
    is_number = values.dtype.is_integer()
    text = values.cast(pl.String, strict=False).str.strip_chars(" '\"\t")
    text = text.set(text.is_in(NOTHING), None)
    text = text.str.to_uppercase().str.replace_all(r"[ \-]", "")
    return text.str.zfill(9) if is_number else text


def _as_nine(text: pl.Series) -> pl.Series:
    """CUSIPs of nine characters from tidied texts; what is none of the kinds stays.

    The CUSIP in an ISIN has a check digit of its own, so that a wrong one of the ISIN's is none of
    the bond's.
    """
    found = as_cusips(text)
    is_isin = (found.str.len_chars() == 12) & found.str.slice(0, 2).is_in(_CUSIP_COUNTRIES)
    return found.zip_with(~is_isin.fill_null(False), found.str.slice(2, 9))
