"""Reports that are of no corporate bond: FINRA delivers sister products in nearly the same layout.

Belongs here: the codes of products and what in a header gives them away. Not here: screens among
corporates (`trace/screens.py`).

Sources: FINRA's "Historic Data File Layout" for corporates, "(Treasury)" (Sub-Product NOTE, column
Benchmark Type) and "(Securitized Products)" (Sub-Product TBA, MBS …, column Pool Number); the codes
of the security masters of TRACE's file downloads; TreasuryDirect for the numbers of Treasuries.
"""

from __future__ import annotations

import polars as pl

#: Codes of corporate bonds, equity-linked notes and church bonds, before and since 2012.
CORPORATE = ("C", "CORP", "E", "ELN", "CHRC")
_TREASURY, _SECURITIZED, _AGENCY = "Treasuries", "securitized products", "agency debt"
#: Code → what it is.
OTHERS: dict[str, str] = {
    **dict.fromkeys(
        ("NOTE", "BOND", "BILL", "TIPS", "STRP", "STRIP", "STRIPS", "FRN", "TS", "CMB"), _TREASURY
    ),
    **dict.fromkeys(
        (
            "TBA",
            "MBS",
            "MBSX",
            "CMO",
            "CMOX",
            "CMBS",
            "ABS",
            "ABSX",
            "CDO",
            "CBO",
            "CLO",
            "SBA",
            "SBAP",
            "SMBA",
            "SP",
        ),
        _SECURITIZED,
    ),
    **dict.fromkeys(("AGCY", "AGENCY"), _AGENCY),
}
#: Columns (folded names) that only the layout of a sister product has.
SISTERS = {
    "benchmark_type": _TREASURY,
    "benchmark_term": _TREASURY,
    "pool_number": _SECURITIZED,
    "pool_num": _SECURITIZED,
}
#: CUSIPs of the United States Treasury begin with one of these.
_TREASURY_NUMBERS = r"^(?:91279|9128)"


def is_other_product(is_of_sister: bool) -> pl.Expr:
    """Whether a report is of another product, by `security_type` and `cusip`; in a file with the
    columns of a sister product whatever is not said to be corporate.
    """
    code = pl.col("security_type").str.to_uppercase()
    other = ~code.is_in(CORPORATE).fill_null(False) if is_of_sister else code.is_in(list(OTHERS))
    return other.fill_null(False) | pl.col("cusip").str.contains(_TREASURY_NUMBERS).fill_null(False)


def words_of(code: str | None, sister: str | None) -> str:
    """What a file of that code, or with columns of that sister, holds."""
    return OTHERS.get((code or "").strip().upper(), sister or "Treasuries")
