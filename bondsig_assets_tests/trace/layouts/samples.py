"""Small files of every layout, by hand.

Belongs here: samples and ways to write them. Not here: tests.
"""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from bondsig_assets.trace.layouts import Scan, scan_reports

ENHANCED = """cusip_id,bond_sym_id,trd_exctn_dt,trd_exctn_tm,trd_rpt_dt,trd_rpt_tm,msg_seq_nb,\
orig_msg_seq_nb,trc_st,asof_cd,entrd_vol_qt,rptd_pr,yld_pt,yld_sign_cd,rpt_side_cd,cntra_mp_id,\
wis_fl,cmsn_trd,stlmnt_dt,days_to_sttl_ct,spcl_trd_fl,dissem_fl,ats_indicator,agu_qsr_id,\
scrty_type_cd,sub_prdct,pr_trd_dt,first_trade_ctrl_date,first_trade_ctrl_num
037833ak6,AAPL1,2012-02-07,09:30:00,2012-02-07,09:31:02,0000012,,T,,250000.0,101.25,2.5,,S,C,N,M,2012-02-10,,,Y,,,,CORP,,,
037833AK6,AAPL1,2012-02-07,9:30:05,2012-02-07,09:31:04,13,12,X,A,5000000,101.25,2.5,-,B,D,Y,,2012-02-10,003,Y,N,Y,Q,C,,2012-02-06,2012-02-06,12
037833AK6,AAPL1,2012-02-07,,2012-02-08,093104,0000014,,R,,1000,100,,,,,,,,,,,,,,,,,
"""
STANDARD = """cusip_id,bond_sym_id,bsym,trans_dt,trd_exctn_dt,trd_exctn_tm,msg_seq_nb,\
orig_msg_seq_nb,trc_st,ascii_rptd_vol_tx,rptd_pr,yld_pt,asof_cd,side,diss_rptg_side_cd,\
orig_dis_dt,rptg_party_type,contra_party_type
053773BE6,CAR1,BBG1,2020-08-07,2020-08-06,18:13:03,3463.0,6785.0,N,1MM+,93.0,7.04,A,B,,2020-08-06,D,C
053773BE6,CAR1,BBG1,,2020-08-06,18:13:03,6785.0,,M,5MM+,93.0,7.04,A,B,S,,D,T
053773BE6,CAR1,BBG1,2020-08-06,2020-08-06,18:13:03,6786.0,,W,1000000,93.0,,,,,,,
"""
RAW_SINCE = """Record Count Num|Reference Number|Trade Status|TRACE Symbol|CUSIP|\
Bloomberg Identifier|Sub Product|When Issued Indicator|Remuneration|Quantity|Price|\
Yield Direction|Yield|As Of Indicator|Execution Date|Execution Time|Trade Report Date|\
Trade Report Time|Settlement Date|Trade Modifier 3|Trade Modifier 4|Buy/Sell Indicator|\
Buyer Commission|Buyer Capacity|Seller Commission|Seller Capacity|Reporting Party Type|\
Contra Party Indicator|Locked In Indicator|ATS Indicator|Special Price Indicator|\
Trading Market Indicator|Dissemination Flag|Prior Trade Report Date|Prior Reference Number|\
First Trade Control Date|First Trade Control Number
1|0000005|T|SUHJ4887191|G857ABAC4|BBG00GQ7JTK4|CORP|N||350000.00|99.970000|-|1.500000|A|20200101|031500|20200102|080002|20200106|Z|W|B|0.00|P|0.00||D|C|Y|||S1|Y|||20200102|0000005
2|0000006|X|SUHJ4887191|G857ABAC4|BBG00GQ7JTK4|CORP|N|M|350000.00|100.000000|||A|20200101|205505|20200102|080002|20200106|||S|0.00||0.00|P|D|D||Y|Y|S1|N|20200102|0000005|20200102|0000005
20200103053000|0000000002
"""
RAW_BEFORE = """MSG_SEQ_NB|TRC_ST|BOND_SYM_ID|CUSIP_ID|CMPNY_NM|MTRTY_DT|SCRTY_TYPE_CD|WIS_FL|\
CMSN_TRD|ENTRD_VOL_QT|RPTD_PR|YLD_SIGN_CD|YLD_PT|ASOF_CD|TRD_EXCTN_DT|TRD_EXCTN_TM|TRD_RPT_DT|\
TRD_RPT_TM|DAYS_TO_STTL_CT|SALE_CNDTN_CD|SALE_CNDTN2_CD|RPT_SIDE_CD|CNTRA_MP_ID|AGU_QSR_ID|\
SPCL_TRD_FL|TRDG_MKT_CD|DISSEM_FL|ORIG_MSG_SEQ_NB
0009218|T|AAFM.GA|000325AA8|A "QUOTED|20201231|C|N|N|1000000|118.25||17.9||20020701|100203|\
20020701|100307|000|@||B|D|A||S1|Y|
0009267|C|AAFM.GA|000325AA8|A INC|20201231|C|N|N|1000000|118.25||17.9||20020701|100203|20020701|\
110307||@||S|D|||S1|Y|0009218
07/02/2002 05:30:00 0000000002
"""
ACADEMIC_BEFORE = """REC_CT_NB|TRC_ST|BOND_SYM_ID|CUSIP_ID|RPTG_MKT_MP_ID|RPTG_SIDE_GVP_MP_ID|\
SCRTY_TYPE_CD|WIS_CD|CMSN_TRD_FL|ENTRD_VOL_QT|RPTD_PR|YLD_SIGN_CD|YLD_PT|ASOF_CD|TRD_EXCTN_DT|\
EXCTN_TM|TRD_RPT_DT|TRD_RPT_TM|TRD_STLMT_DT|SALE_CNDTN_CD|SALE_CNDTN2_CD|RPT_SIDE_CD|BUY_CMSN_RT|\
BUY_CPCTY_CD|SELL_CMSN_RT|SELL_CPCTY_CD|CNTRA_MP_ID|CNTRA_GVP_ID|AGU_TRD_ID|SPCL_PR_FL|\
TRDG_MKT_CD|DISSEM_FL|PREV_REC_CT_NB
12|T|X.GA|000325AA8|hash1||C|N|N|1000|99.5||5.1||20100104|100203|20100104|100307|20100107|@||B||P|||hash2||A||S1|Y|
13|N|X.GA|000325AA8|hash2||C|N|N|1000|99.5||5.1||20100104|100203|20100104|100307|20100107|@||S||P|||A||||S1|Y|12
20100105053000|0000000002
"""
ACADEMIC_SINCE = """REC_CT_NB|TRD_ST_CD|ISSUE_SYM_ID|CUSIP_ID|RPTG_PARTY_ID|RPTG_PARTY_GVP_ID|\
PRDCT_SBTP_CD|WIS_DSTRD_CD|NO_RMNRN_CD|ENTRD_VOL_QT|RPTD_PR|YLD_DRCTN_CD|CALCD_YLD_PT|ASOF_CD|\
TRD_EXCTN_DT|TRD_EXCTN_TM|TRD_RPT_DT|TRD_RPT_TM|TRD_STLMT_DT|TRD_MDFR_LATE_CD|TRD_MDFR_SRO_CD|\
RPT_SIDE_CD|BUYER_CMSN_AMT|BUYER_CPCTY_CD|SLLR_CMSN_AMT|SLLR_CPCTY_CD|CNTRA_PARTY_ID|\
CNTRA_PARTY_GVP_ID|LCKD_IN_FL|ATS_FL|SPCL_PR_FL|TRDG_MKT_CD|PBLSH_FL|SYSTM_CNTRL_DT|\
SYSTM_CNTRL_NB|PREV_TRD_CNTRL_DT|PREV_TRD_CNTRL_NB|FIRST_TRD_CNTRL_DT|FIRST_TRD_CNTRL_NB
1|T|BCS3930817|06740L8C2|d1a9||CORP|N||3000000.00|100.250000||7.586602||20130102|031500|20130102|080003|20130107|||S|0.00||0.00|A|C|||||S1|Y|20130102|2000000003|||20130102|2000000003
2|R|BCS3930817|06740L8C2|d1a9||CORP|N||3000000.00|100.250000|-|7.586602||20130102|31500|20130102|080003|20130107|||B|0.00|A|0.00||e2b0||Y|Y||S1|N|20130102|2000000004|20130102|2000000003|20130102|2000000003
20130103053000|0000000002
"""
WEB = """Date, Time, Settlement, Status, Quantity,Price,Yield,Remuneration,ATS, Modifier,\
2nd Modifier,Special,As-Of,Side,Reporting Party Type,Contra Party Type,CUSIP
1/2/2019,13:52:25,1/4/2019,T,50000,99.540,3.728,,,_,_,-,-,S,D,D,37045XBJ4
1/2/2019,9:51:47,1/4/2019,Cancel,5MM+,99.400,4.138,M,Y,_,W,-,A,B,D,A,37045XBJ4
1/2/2019,13:44:53,1/4/2019,Correction,1MM+,99.658,3.384,,,Z,_,Y,-,S,D,C,37045XBJ4
"""
BTDS = """MESSAGE_CATEGORY|MESSAGE_TYPE|MESSAGE_SEQUENCE_NUMBER|MARKET_CENTER|DATE_TIME|SYMBOL|\
CUSIP|BSYM|SUB_PRODUCT_TYPE|ORIGINAL_DISSEMINATION_DATE|QUANTITY_INDICATOR|QUANTITY|PRICE|\
REMUNERATION|SPECIAL_PRICE_INDICATOR|SIDE|AS_OF_INDICATOR|EXECUTION_DATE_TIME|SALE_CONDITION_3|\
SALE_CONDITION_4|SETTLEMENT_DATE|YIELD_DIRECTION|YIELD|WHEN_ISSUED_INDICATOR|REPORTING_PARTY_TYPE|\
CONTRA_PARTY_TYPE|ATS_INDICATOR|CHANGE_INDICATOR|ORIGINAL_MESSAGE_SEQUENCE_NUMBER|FUNCTION
T|M|0000101|O|20240401101602|AAPL4001809|037833AK6|BBG1|CORP||A|250000|98.5|M||S||20240401101500||P|20240403||3.7|N|D|C|Y|0||
T|M|0000102|O|20240401101702|AAPL4001809|037833AK6|BBG1|CORP||E|5MM+|98.6|||B|A|20240401101610|Z||20240403|-|0.2|N|D|D||||
T|N|0000103|O|20240401102002|AAPL4001809|037833AK6|BBG1|CORP|20240401|A|250000|98.5|M||S||20240401101500||P|20240403||3.7|N|D|C|Y|0|0000101|
"""
#: A line of that file that tells of no trade.
BTDS_CLOSE = "A|C|0000104|O|20240401183000|||||||||||||||||||||||||\n"
SERVICE = """cusip,issueSymbolIdentifier,tradeExecutionDate,tradeExecutionTime,reportedTradeVolume,\
lastSalePrice,lastSaleYield,reportingPartySideCode,contraPartyTypeCode,tradeStatus,isAsof,atsFlag,\
tradeModifier2Code,productSubTypeCode
037833AK6,AAPL4001809,2026-04-22,10:15:00,5MM+,98.5,3.7,S,C,M,N,Y,P,CORP
037833AK6,AAPL4001809,2026-04-22,10:16:00,250000,98.4,3.8,B,T,O,Y,N,,CORP
037833AK6,AAPL4001809,2026-04-22,10:17:00,250000,98.4,3.8,B,D,N,N,,,CORP
"""
#: Texts whose header is that of two layouts.
OF_TWO = (STANDARD, BTDS)
#: Layout → its samples, all without a fault but for the N of Academic.
SAMPLES: dict[str, tuple[str, ...]] = {
    "wrds-enhanced": (ENHANCED,),
    "wrds-standard": (STANDARD,),
    "wrds-144a": (STANDARD,),
    "finra-enhanced": (RAW_SINCE, RAW_BEFORE),
    "finra-academic": (ACADEMIC_BEFORE, ACADEMIC_SINCE),
    "finra-web": (WEB, SERVICE),
    "finra-btds": (BTDS,),
    "finra-btds-144a": (BTDS,),
}


def put(folder: Path, content: str | bytes, name: str = "x.csv") -> Path:
    """A file of that content."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def zipped(members: dict[str, str | bytes]) -> bytes:
    """A zip in memory."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return held.getvalue()


def gzipped(content: str) -> bytes:
    """A gz in memory."""
    return gzip.compress(content.encode(), 1)


def read(
    paths: Path | Sequence[Path], layout: str = "auto", **options: bool
) -> tuple[Scan, pl.DataFrame]:
    """The scan and its rows."""
    scan = scan_reports([paths] if isinstance(paths, Path) else paths, layout, **options)  # type: ignore[arg-type]
    return scan, scan.frame.collect()


def rows(frame: pl.DataFrame, *columns: str) -> list[tuple[object, ...]]:
    """The named columns as tuples."""
    return frame.select(columns).rows()
