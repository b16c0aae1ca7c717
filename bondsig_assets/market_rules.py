"""Facts of the US corporate bond market, each once and with its source.

Belongs here: what a rule book or the field's literature says and more than one room needs. Not
here: the cutoff and the trading days (`calendar/`), parameters of one method (beside it), settings
of a study (`learning/settings.py`).

Compiled loops keep a copy of what they need: numba's cache does not notice a change in another
file. A test holds `features/replay.py` equal to STALE_DAYS.
"""

from __future__ import annotations

from datetime import date

#: Rating number (1 = AAA) from which an issuer is of high yield: 11 = BB+. Grades below BBB- and
#: Baa3 are Non-Investment Grade (FINRA Rule 6710(i)).
HIGH_YIELD_RATING = 11
#: Par above which the live feed shows "5MM+" and "1MM+" instead: investment grade, and all others
#: (FINRA, "TRACE Reporting Timeframes"; grades as in Rule 6710(h) and (i)).
CAP_USD, HIGH_YIELD_CAP_USD = 5_000_000.0, 1_000_000.0
#: First trade date of each regular settlement cycle and its days of settlement (SEC Rule 15c6-1 as
#: amended).
SETTLEMENT_CYCLES: tuple[tuple[date, int], ...] = (
    (date(1995, 6, 7), 3),
    (date(2017, 9, 5), 2),
    (date(2024, 5, 28), 1),
)
#: Par from which a trade counts as institutional; smaller ones are left out of abnormal returns by
#: Bessembinder, Kahle, Maxwell and Xu (2009), Review of Financial Studies 22, "Measuring Abnormal
#: Bond Performance".
INSTITUTIONAL_PAR_USD = 100_000
#: Half the usual bid-ask spread, in points of price: the noise of one trade. An assumption of ours.
HALF_SPREAD_POINTS = 0.5
#: Recovery of senior unsecured bonds, as a share of par: the convention of standard CDS contracts
#: (ISDA CDS Standard Model).
RECOVERY = 0.40
#: Trading days since its last trade after which a bond says nothing about its issuer. A choice of
#: ours.
STALE_DAYS = 10
#: Fewer issuers than this on a day make no cross-section to learn from or to judge on. A choice of
#: ours.
MINIMUM_NAMES = 15
#: Trading days in a label, and in the one that models predict unless a study says otherwise.
HORIZONS, HORIZON = (1, 5, 10, 21), 5
#: What daily figures are annualised by.
TRADING_DAYS_PER_YEAR = 252
