"""Price errors, looking backward only: which prints to believe when they arrive, and what later
confirms.

Belongs here: the rule and its constants. Not here: flags and terms (`screens.py`), the
full-hindsight filters of the literature (`recipes/`).

A print is believed within 20 % (or 2 points) of the bond's last believed print, of the median of
its last eleven, or of the last one moved as the issuer's other bonds have moved since; also when
the bond has had no believed print for 31 days. Otherwise it is put right if a power of ten brings
it within 5 % of the median (a decimal shift), else quarantined: known, of weight zero. Three
executions in a row, a minute apart, that agree with each other within 5 % confirm each other: all
of them count from the third one's arrival on, and never before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bondsig_assets.trace.order import Positions

#: What is thought of a print when it arrives. CONFIRMING is the print that releases those before
#: it.
BELIEVED, QUARANTINED, SHIFTED, CONFIRMING = range(4)
UNJUDGED = -1
VERDICTS = ("believed", "quarantined", "shifted", "confirming")
#: Days (calendar) of earlier prints that a print is compared with, and prints at most.
ANCHOR_DAYS = 31
RING = 11
#: Days within which agreeing prints confirm each other, and how many it takes.
CONFIRMATION_DAYS = 14
CONFIRMATIONS = 3
#: Days of earlier prints that decide what is thought today: the prints compared with, those
#: released into them, and a believed print before, with which every run of unbelieved ones begins
#: anew.
LOOK_BACK_DAYS = 2 * ANCHOR_DAYS + CONFIRMATION_DAYS


@dataclass(frozen=True)
class Judgement:
    """Arrays [position]: `verdict` on arrival (UNJUDGED where not judged), `price` then, and
    `released_by`, position of the report that confirmed a quarantined or shifted print (-1).
    """

    verdict: np.ndarray
    price: np.ndarray
    released_by: Positions


def judge_prices(
    issuer: np.ndarray,
    bond: np.ndarray,
    price: np.ndarray,
    known_day: np.ndarray,
    executed: np.ndarray,
    eligible: np.ndarray,
    given: np.ndarray,
) -> Judgement:
    """Judges prints in order of knowledge.

    Arrays [position], sorted by `issuer` and then by knowledge: hashes of issuer and bond, price in
    % of par, day known, moment executed in microseconds, whether the print is to be judged, and
    `given` verdicts of earlier runs (UNJUDGED for new prints), which are taken as they are.
    """
    from bondsig_assets.trace.prices_kernel import judge

    starts = np.append(
        np.flatnonzero(np.append(True, issuer[1:] != issuer[:-1])) if issuer.size else [],
        issuer.size,
    ).astype(np.int64)
    return Judgement(*judge(starts, bond, price, known_day, executed, eligible, given))
