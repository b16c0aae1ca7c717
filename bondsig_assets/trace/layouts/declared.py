"""The layouts TRACE reports are held in, as data: canonical column → names it has in the file.

Belongs here: names, what a layout cannot do without, its status letters. Not here: how a value is
read (`values.py`) or a file (`text.py`, `streams.py`). Names stand folded (see `fold`): lower
case, everything but letters and digits an underscore, so `Buy/Sell Indicator` and R's
`Buy.Sell.Indicator` are one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

Names = dict[str, tuple[str, ...]]


def fold(name: str) -> str:
    """A header name as layouts are compared by: case, blanks and punctuation do not matter."""
    return re.sub(r"[^0-9a-z]+", "_", name.strip().lower()).strip("_")


@dataclass(frozen=True)
class Layout:
    """One set of columns. Two of them share a `name` where a product changed its columns in 2012.

    `columns`: canonical column → names, the first filled one counts; beside the columns of
    REPORT_SCHEMA `execution_time`, `report_time` and `yield_sign`. `required`: refused without.
    `marks`: one of these must be in the header to recognise it, `strange`: none of these may be.
    `statuses`: letter of the file → letter of the reports, `letters`: the same of other columns
    ("" is nothing). `nulls`: texts that say "nothing". `constants`: columns that every row holds
    alike and no file has; `factors`: canonical column → factor to our unit.
    """

    name: str
    feed: str
    columns: Names
    required: tuple[str, ...]
    marks: tuple[str, ...]
    strange: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    statuses: dict[str, str] = field(default_factory=dict)
    nulls: tuple[str, ...] = ()
    letters: dict[str, dict[str, str]] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    factors: dict[str, float] = field(default_factory=dict)
    has_report_time: bool = True
    has_message_number: bool = True
    is_finra: bool = False


#: How a missing column is called in a refusal.
WORDS = {
    "cusip": "a CUSIP",
    "status": "a status",
    "message_number": "a message number",
    "execution_date": "an execution date",
    "report_date": "a report date",
    "price": "a price",
    "par_usd": "a volume",
}
_DELIVERED = (
    "cusip",
    "status",
    "message_number",
    "execution_date",
    "report_date",
    "price",
    "par_usd",
)
#: Dissemination products hold no report date: the execution date stands for it.
_SHOWN = tuple(name for name in _DELIVERED if name != "report_date")

_WRDS: Names = {
    "cusip": ("cusip_id", "cusip"),
    "bond_symbol": ("bond_sym_id",),
    "status": ("trc_st",),
    "execution_date": ("trd_exctn_dt",),
    "execution_time": ("trd_exctn_tm", "exctn_tm"),
    "message_number": ("msg_seq_nb",),
    "original_message_number": ("orig_msg_seq_nb",),
    "asof_code": ("asof_cd",),
    "price": ("rptd_pr",),
    "yield_pct": ("yld_pt",),
    "yield_sign": ("yld_sign_cd", "yld_sgn_cd"),
    "is_when_issued": ("wis_fl",),
    "commission_code": ("cmsn_trd",),
    "days_to_settle": ("days_to_sttl_ct",),
    "settlement_date": ("stlmnt_dt",),
    "sale_condition": ("sale_cndtn_cd",),
    "sale_condition_2": ("sale_cndtn2_cd",),
    "trade_modifier_3": ("trd_mod_3",),
    "trade_modifier_4": ("trd_mod_4",),
    "is_special_price": ("spcl_trd_fl",),
    "trading_market": ("trdg_mkt_cd",),
    "is_disseminated": ("dissem_fl",),
    "is_locked_in": ("lckd_in_ind",),
    "give_up_code": ("agu_qsr_id",),
    "is_ats": ("ats_indicator",),
    "reporting_party_type": ("rptg_party_type",),
    "buyer_capacity": ("buy_cpcty_cd",),
    "seller_capacity": ("sell_cpcty_cd",),
    "security_type": ("scrty_type_cd", "sub_prdct"),
}
_ENHANCED: Names = _WRDS | {
    "report_date": ("trd_rpt_dt",),
    "report_time": ("trd_rpt_tm",),
    "par_usd": ("entrd_vol_qt",),
    "side": ("rpt_side_cd",),
    "contra": ("cntra_mp_id",),
    "prior_report_date": ("pr_trd_dt",),
    "first_control_date": ("first_trade_ctrl_date",),
    "first_control_number": ("first_trade_ctrl_num",),
}
_STANDARD: Names = _WRDS | {
    "report_date": ("trans_dt",),
    "par_usd": ("ascii_rptd_vol_tx",),
    "side": ("diss_rptg_side_cd", "side"),
    "contra": ("contra_party_type",),
    "prior_report_date": ("orig_dis_dt",),
}
_RAW_SINCE: Names = {
    "cusip": ("cusip",),
    "bond_symbol": ("trace_symbol",),
    "status": ("trade_status",),
    "message_number": ("reference_number",),
    "original_message_number": ("prior_reference_number",),
    "asof_code": ("as_of_indicator",),
    "price": ("price",),
    "par_usd": ("quantity",),
    "yield_pct": ("yield",),
    "yield_sign": ("yield_direction",),
    "execution_date": ("execution_date",),
    "execution_time": ("execution_time",),
    "report_date": ("trade_report_date",),
    "report_time": ("trade_report_time",),
    "settlement_date": ("settlement_date",),
    "is_when_issued": ("when_issued_indicator",),
    "commission_code": ("remuneration",),
    "trade_modifier_3": ("trade_modifier_3",),
    "trade_modifier_4": ("trade_modifier_4",),
    "side": ("buy_sell_indicator",),
    "contra": ("contra_party_indicator",),
    "buyer_capacity": ("buyer_capacity",),
    "seller_capacity": ("seller_capacity",),
    "reporting_party_type": ("reporting_party_type",),
    "is_locked_in": ("locked_in_indicator",),
    "is_ats": ("ats_indicator",),
    "is_special_price": ("special_price_indicator",),
    "trading_market": ("trading_market_indicator",),
    "is_disseminated": ("dissemination_flag",),
    "prior_report_date": ("prior_trade_report_date",),
    "security_type": ("sub_product",),
    "first_control_date": ("first_trade_control_date",),
    "first_control_number": ("first_trade_control_number",),
}
_ACADEMIC: Names = {
    "cusip": ("cusip_id",),
    "price": ("rptd_pr",),
    "par_usd": ("entrd_vol_qt",),
    "asof_code": ("asof_cd",),
    "side": ("rpt_side_cd",),
    "execution_date": ("trd_exctn_dt",),
    "execution_time": ("trd_exctn_tm", "exctn_tm"),
    "report_date": ("trd_rpt_dt",),
    "report_time": ("trd_rpt_tm",),
    "settlement_date": ("trd_stlmt_dt",),
    "is_special_price": ("spcl_pr_fl",),
    "trading_market": ("trdg_mkt_cd",),
}
_ACADEMIC_BEFORE: Names = _ACADEMIC | {
    "status": ("trc_st",),
    "message_number": ("rec_ct_nb",),
    "original_message_number": ("prev_rec_ct_nb",),
    "bond_symbol": ("bond_sym_id",),
    "reporting_party": ("rptg_mkt_mp_id",),
    "contra_party": ("cntra_mp_id",),
    "security_type": ("scrty_type_cd",),
    "is_when_issued": ("wis_cd",),
    "commission_code": ("cmsn_trd_fl",),
    "yield_pct": ("yld_pt",),
    "yield_sign": ("yld_sign_cd",),
    "sale_condition": ("sale_cndtn_cd",),
    "sale_condition_2": ("sale_cndtn2_cd",),
    "buyer_capacity": ("buy_cpcty_cd",),
    "seller_capacity": ("sell_cpcty_cd",),
    "give_up_code": ("agu_trd_id",),
    "is_disseminated": ("dissem_fl",),
}
_ACADEMIC_SINCE: Names = _ACADEMIC | {
    "status": ("trd_st_cd",),
    "message_number": ("systm_cntrl_nb",),
    "original_message_number": ("prev_trd_cntrl_nb",),
    "bond_symbol": ("issue_sym_id",),
    "reporting_party": ("rptg_party_id",),
    "contra_party": ("cntra_party_id",),
    "security_type": ("prdct_sbtp_cd",),
    "is_when_issued": ("wis_dstrd_cd",),
    "commission_code": ("no_rmnrn_cd",),
    "yield_pct": ("calcd_yld_pt",),
    "yield_sign": ("yld_drctn_cd",),
    "trade_modifier_3": ("trd_mdfr_late_cd",),
    "trade_modifier_4": ("trd_mdfr_sro_cd",),
    "buyer_capacity": ("buyer_cpcty_cd",),
    "seller_capacity": ("sllr_cpcty_cd",),
    "is_locked_in": ("lckd_in_fl",),
    "is_ats": ("ats_fl",),
    "is_disseminated": ("pblsh_fl",),
    "prior_report_date": ("prev_trd_cntrl_dt",),
    "first_control_date": ("first_trd_cntrl_dt",),
    "first_control_number": ("first_trd_cntrl_nb",),
}
_WEB: Names = {
    "execution_date": ("date",),
    "execution_time": ("time",),
    "settlement_date": ("settlement",),
    "status": ("status",),
    "par_usd": ("quantity",),
    "price": ("price",),
    "yield_pct": ("yield",),
    "commission_code": ("remuneration",),
    "is_ats": ("ats",),
    "trade_modifier_3": ("modifier",),
    "trade_modifier_4": ("2nd_modifier",),
    "is_special_price": ("special",),
    "asof_code": ("as_of",),
    "side": ("side",),
    "reporting_party_type": ("reporting_party_type",),
    "contra": ("contra_party_type",),
    "cusip": ("cusip",),
}

#: The fields of FINRA's web service behind that page, folded.
_SERVICE: Names = {
    "cusip": ("cusip", "cusipidentifier"),
    "bond_symbol": ("issuesymbolidentifier",),
    "execution_date": ("tradeexecutiondate", "tradedate"),
    "execution_time": ("tradeexecutiontime", "tradetime"),
    "settlement_date": ("settlementdate", "tradesettlementdate"),
    "status": ("tradestatus", "tradestatuscode"),
    "par_usd": ("reportedtradevolume",),
    "price": ("lastsaleprice",),
    "yield_pct": ("lastsaleyield",),
    "commission_code": ("remunerationcode", "remuneration"),
    "is_ats": ("atsflag", "atsindicator"),
    "trade_modifier_3": ("trademodifier1code", "trademodifiercode"),
    "trade_modifier_4": ("trademodifier2code",),
    "is_special_price": ("specialpriceflag", "specialpriceindicator"),
    "asof_code": ("isasof", "asofflag", "asofindicator"),
    "side": ("reportingpartysidecode", "reportingsidecode", "sidecode"),
    "reporting_party_type": ("reportingpartytypecode", "reportingpartytype"),
    "contra": ("contrapartytypecode", "contrapartytype"),
    "security_type": ("productsubtypecode",),
}
#: FINRA's end-of-day dissemination file, of BTDS and of BTDS-144A.
_BTDS: Names = {
    "message_category": ("message_category",),
    "status": ("message_type",),
    "message_number": ("message_sequence_number",),
    "original_message_number": ("original_message_sequence_number",),
    "report_date": ("date_time",),
    "report_time": ("date_time",),
    "bond_symbol": ("symbol",),
    "cusip": ("cusip",),
    "security_type": ("sub_product_type",),
    "prior_report_date": ("original_dissemination_date",),
    "quantity_indicator": ("quantity_indicator",),
    "par_usd": ("quantity",),
    "price": ("price",),
    "commission_code": ("remuneration",),
    "is_special_price": ("special_price_indicator",),
    "side": ("side",),
    "asof_code": ("as_of_indicator",),
    "execution_date": ("execution_date_time",),
    "execution_time": ("execution_date_time",),
    "trade_modifier_3": ("sale_condition_3",),
    "trade_modifier_4": ("sale_condition_4",),
    "settlement_date": ("settlement_date",),
    "yield_sign": ("yield_direction",),
    "yield_pct": ("yield",),
    "is_when_issued": ("when_issued_indicator",),
    "reporting_party_type": ("reporting_party_type",),
    "contra": ("contra_party_type",),
    "is_ats": ("ats_indicator",),
}

_ISSUE = ("cmpny_nm", "mtrty_dt")
_STANDARD_LETTERS = dict.fromkeys("GM", "T") | dict.fromkeys("HN", "C") | dict.fromkeys("IO", "W")
_WRDS_OTHERS = (
    "bsym",
    "bloomberg_identifier",
    "company_symbol",
    "buy_cmsn_rt",
    "sell_cmsn_rt",
    "scrty_ds",
    "chng_cd",
    "function",
    "frmt_cd",
)
_WEB_LETTERS = {"TRADE": "T", "CANCEL": "X", "CORRECTION": "R"}

VARIANTS: tuple[Layout, ...] = (
    Layout(
        "wrds-enhanced",
        "enhanced",
        _ENHANCED,
        _DELIVERED,
        ("entrd_vol_qt",),
        strange=(*_ISSUE, "rec_ct_nb"),
        others=_WRDS_OTHERS,
    ),
    Layout(
        "wrds-standard",
        "standard",
        _STANDARD,
        _SHOWN,
        ("ascii_rptd_vol_tx",),
        others=_WRDS_OTHERS,
        statuses=_STANDARD_LETTERS,
        has_report_time=False,
    ),
    Layout(
        "wrds-144a",
        "144a",
        _STANDARD,
        _SHOWN,
        ("ascii_rptd_vol_tx",),
        others=_WRDS_OTHERS,
        statuses=_STANDARD_LETTERS,
        has_report_time=False,
    ),
    Layout(
        "finra-enhanced",
        "enhanced",
        _ENHANCED,
        _DELIVERED,
        _ISSUE,
        strange=("rec_ct_nb",),
        others=("buy_cmsn_rt", "sell_cmsn_rt"),
        is_finra=True,
    ),
    Layout(
        "finra-enhanced", "enhanced", _RAW_SINCE, _DELIVERED, ("reference_number",), is_finra=True
    ),
    Layout(
        "finra-academic",
        "academic",
        _ACADEMIC_BEFORE,
        _DELIVERED,
        ("rec_ct_nb",),
        others=("rptg_side_gvp_mp_id", "cntra_gvp_id"),
        is_finra=True,
    ),
    Layout(
        "finra-academic",
        "academic",
        _ACADEMIC_SINCE,
        _DELIVERED,
        ("systm_cntrl_nb",),
        others=("systm_cntrl_dt", "rec_ct_nb"),
        is_finra=True,
    ),
    Layout(
        "finra-web",
        "web",
        _WEB,
        tuple(name for name in _SHOWN if name != "message_number"),
        ("date",),
        statuses=_WEB_LETTERS,
        nulls=("_", "-"),
        has_report_time=False,
        has_message_number=False,
    ),
)
VARIANTS += (
    Layout(
        "finra-web",
        "web",
        _SERVICE,
        tuple(name for name in _SHOWN if name not in ("message_number", "cusip", "status")),
        ("tradeexecutiondate", "reportedtradevolume"),
        statuses={"M": "T", "N": "X", "O": "R"} | _WEB_LETTERS,
        letters={"asof_code": {"Y": "A", "N": "", "TRUE": "A", "FALSE": ""}},
        nulls=("_", "-"),
        has_report_time=False,
        has_message_number=False,
    ),
    *(
        Layout(
            name,
            feed,
            _BTDS,
            _DELIVERED,
            ("message_sequence_number",),
            others=("market_center", "bsym", "change_indicator", "function"),
            statuses=_STANDARD_LETTERS,
        )
        for name, feed in (("finra-btds", "standard"), ("finra-btds-144a", "144a"))
    ),
)
#: What FINRA's file names say of two layouts that look alike.
NAMED_PRODUCTS = {"btdss": "finra-btds", "bt14s": "finra-btds-144a"}
#: The names `--layout` takes.
LAYOUTS: tuple[str, ...] = tuple(dict.fromkeys(variant.name for variant in VARIANTS))
