"""TRACE reports whose outcome is known: for the truth test, and as the benchmark's file.

Belongs here: stories of a few reports each, in both regimes and across the cut, with what must
become of every report. It knows nothing of the simulated market and nothing of the cleaner.

Prices are unlike from story to story, so that no two stories can be mistaken for each other
unless a story means to be.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

#: What must become of a report.
TRADE, DEAD, MESSAGE, LEG, AFFILIATE, DUPLICATE = (
    "trade",
    "dead",
    "message",
    "leg",
    "affiliate",
    "duplicate",
)
_OLD_DAYS = (np.datetime64("2010-01-04"), 480)
_NEW_DAYS = (np.datetime64("2012-02-06"), 700)
_CUT = np.datetime64("2012-02-06")


@dataclass
class _Reports:
    """Columns of the reports so far, as lists of arrays."""

    columns: dict[str, list[np.ndarray]] = field(default_factory=dict)
    size: int = 0

    def add(self, story: dict[str, np.ndarray], **changes) -> np.ndarray:
        """One report for each story, with the story's columns and `changes`; returns their ids."""
        n = story["cusip"].size
        ids = np.arange(self.size, self.size + n)
        row = {
            "number_of": ids,
            "points_at": np.full(n, -1),
            "prior_of": np.full(n, -1),
            "asof_code": "",
            "locked_in": False,
            "give_up": "",
            **story,
            **changes,
        }
        for name, value in row.items():
            self.columns.setdefault(name, []).append(np.broadcast_to(np.asarray(value), n))
        self.size += n
        return ids


def reports_of_known_outcome(n_reports: int, seed: int = 0, first_bond: int = 0) -> pl.DataFrame:
    """About `n_reports` reports in WRDS Enhanced's column names, shuffled, with `outcome`, in both
    regimes.

    One in two hundred is delivered twice. Days are weekdays. `first_bond`: number of the first of
    the `n_reports` // 3000 bonds, so that several calls are about different ones.
    """
    rng = np.random.default_rng(seed)
    reports = _Reports()
    n_bonds = max(n_reports // 3000, 20)
    n = int(n_reports / 1.637)
    for era, names in (("old", _OLD), ("new", _NEW)):
        kinds = rng.choice(
            len(names),
            n // 2,
            p=np.array([share for _, share in names]) / sum(share for _, share in names),
        )
        for k, (tell, _) in enumerate(names):
            m = int((kinds == k).sum())
            if m:
                tell(reports, _stories(rng, era, m, n_bonds, reports.size), rng)
    return _delivered(reports, rng, first_bond)


def _stories(
    rng: np.random.Generator, era: str, m: int, n_bonds: int, first: int
) -> dict[str, np.ndarray]:
    start, span = _OLD_DAYS if era == "old" else _NEW_DAYS
    day = np.busday_offset(start, rng.integers(0, span, m), roll="forward")
    second = rng.integers(8 * 3600, 16 * 3600, m)
    bond = rng.integers(0, n_bonds, m)
    return {
        "cusip": bond,
        "execution_day": day,
        "execution_second": second,
        "report_day": day,
        "report_second": second + rng.integers(5, 600, m),
        "price": (
            np.round(90 + 10 * (bond % 3) + rng.normal(0, 0.5, m), 3)
            + (np.arange(first, first + m) % 1_000_000) * 1e-6 / 10
        ),
        "par": rng.choice([1e4, 5e4, 1e5, 2.5e5, 1e6, 7e6], m),
        "side": rng.choice(["B", "S"], m),
        "contra": np.full(m, "C"),
        "status": np.full(m, "T"),
        "outcome": np.full(m, TRADE),
    }


def _later(story: dict[str, np.ndarray], seconds: int) -> dict[str, np.ndarray]:
    """The story's next report, some seconds on, the same day."""
    return {**story, "report_second": story["report_second"] + seconds}


def _days_on(story: dict[str, np.ndarray], days: np.ndarray | int) -> dict[str, np.ndarray]:
    """The story's next report on a later business day."""
    return {**story, "report_day": np.busday_offset(story["report_day"], days, roll="forward")}


def _dealers(story: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The sell leg and the buy leg of an inter-dealer trade."""
    sold = {
        **story,
        "contra": np.full(story["cusip"].size, "D"),
        "side": np.full(story["cusip"].size, "S"),
    }
    return sold, {
        **_later(sold, 7),
        "side": np.full(story["cusip"].size, "B"),
        "execution_second": story["execution_second"] + 2,
    }


def _plain(reports, story, rng):
    reports.add(story)


def _affiliate(reports, story, rng):
    reports.add(story)
    reports.add(_later(story, 3), contra="A", outcome=AFFILIATE)


def _pair(reports, story, rng):
    sold, bought = _dealers(story)
    reports.add(sold)
    reports.add(bought, outcome=LEG)


def _pair_bought_first(reports, story, rng):
    sold, bought = _dealers(story)
    reports.add(bought, outcome=LEG)
    reports.add(_days_on(sold, 1), asof_code="A")


def _sell_and_two_buys(reports, story, rng):
    sold, bought = _dealers(story)
    reports.add(sold)
    reports.add(bought, outcome=LEG)
    reports.add(_later(bought, 60), execution_second=story["execution_second"] + 3000)


def _locked_in(reports, story, rng):
    sold, bought = _dealers(story)
    reports.add(sold, locked_in=True)
    reports.add(bought)


# Before the cut.


def _old_cancel(reports, story, rng):
    trade = reports.add(story, outcome=DEAD)
    reports.add(_later(story, 1200), status="C", points_at=trade, outcome=MESSAGE)


def _old_chain(steps: int, moves: bool = False, cancelled: bool = False):
    def tell(reports, story, rng):
        last, price = reports.add(story, outcome=DEAD), story["price"]
        for k in range(steps):
            now = _later(story, 1200 * (k + 1))
            ends = DEAD if k < steps - 1 or cancelled else TRADE
            changes = (
                {"execution_second": story["execution_second"] + 300 * (k + 1)} if moves else {}
            )
            price = price + 0.25
            last = reports.add(
                {**now, **changes}, status="W", points_at=last, price=price, outcome=ends
            )
            story = {**story, **changes}
        if cancelled:
            reports.add(
                _later(story, 1200 * (steps + 1)),
                status="C",
                points_at=last,
                price=price,
                outcome=MESSAGE,
            )

    return tell


def _old_reversal(reports, story, rng):
    reports.add(story, outcome=DEAD)
    reports.add(
        _days_on(story, rng.integers(1, 15, story["cusip"].size)),
        asof_code=rng.choice(["R", "X"], story["cusip"].size),
        outcome=MESSAGE,
    )


def _old_reversal_and_reentry(reports, story, rng):
    reports.add(story, outcome=DEAD)
    back = _days_on(story, 3)
    reports.add(back, asof_code="R", outcome=MESSAGE)
    reports.add(_later(back, 5), asof_code="A", price=story["price"] + 0.5)


def _old_reversal_cancelled(of_a_leg: bool):
    def tell(reports, story, rng):
        sold, bought = _dealers(story) if of_a_leg else (story, story)
        reports.add(sold)
        if of_a_leg:
            reports.add(bought, outcome=LEG)
        back = _days_on(sold, 2)
        reversal = reports.add(back, asof_code="R", outcome=MESSAGE)
        reports.add(_later(back, 600), status="C", points_at=reversal, outcome=MESSAGE)

    return tell


def _old_twins(reports, story, rng):
    reports.add(story)
    twin = {
        **story,
        "execution_second": story["execution_second"] + 1800,
        "report_second": story["report_second"] + 1800,
    }
    reports.add(twin, outcome=DEAD)
    reports.add(_days_on(twin, 2), asof_code="R", outcome=MESSAGE)


def _old_both_dealers(reports, story, rng):
    sold, bought = _dealers(story)
    ids = [reports.add(sold, outcome=DEAD), reports.add(bought, outcome=DEAD)]
    for k, outcomes in enumerate(((DEAD, DEAD), (TRADE, LEG))):
        ids = [
            reports.add(
                _later(leg, 1200 * (k + 1)),
                status="W",
                points_at=last,
                price=story["price"] + 0.25 * (k + 1),
                outcome=outcome,
            )
            for leg, last, outcome in zip((sold, bought), ids, outcomes, strict=True)
        ]


def _old_shown_late(reports, story, rng):
    reports.add(story, asof_code="D")


def _old_give_up(reports, story, rng):
    sold, bought = _dealers(story)
    reports.add(sold, give_up="A")
    reports.add(bought)


def _across_the_cut(reports, story, rng):
    day = np.busday_offset(_CUT, -rng.integers(1, 15, story["cusip"].size), roll="backward")
    story = {**story, "execution_day": day, "report_day": day}
    trade = reports.add(story, outcome=DEAD)
    reports.add(
        _days_on(story, rng.integers(21, 40, day.size)),
        status="Y",
        points_at=trade,
        prior_of=trade,
        outcome=MESSAGE,
    )


# Since the cut.


def _new_cancel(same_day: bool, without_side: bool = False):
    def tell(reports, story, rng):
        trade = reports.add(story, outcome=DEAD)
        after = (
            _later(story, 1200)
            if same_day
            else _days_on(story, rng.integers(1, 20, story["cusip"].size))
        )
        changes = {"side": ""} if without_side else {}
        reports.add(
            {**after, **changes}, status="X", number_of=trade, prior_of=trade, outcome=MESSAGE
        )

    return tell


def _new_chain(steps: int, ending: str = ""):
    def tell(reports, story, rng):
        last = reports.add(story, outcome=DEAD)
        now = story
        for k in range(steps):
            later = _later(now, 900)
            reports.add(later, status="C", number_of=last, prior_of=last, outcome=MESSAGE)
            now = {**later, "price": now["price"] + 0.25}
            last = reports.add(
                now,
                status="R",
                points_at=last,
                prior_of=last,
                outcome=DEAD if k < steps - 1 or ending else TRADE,
            )
        if ending == "X":
            reports.add(
                _later(now, 900), status="X", number_of=last, prior_of=last, outcome=MESSAGE
            )
        if ending == "Y":
            reports.add(
                _days_on(now, 30), status="Y", points_at=last, prior_of=last, outcome=MESSAGE
            )

    return tell


def _new_reversal(reports, story, rng):
    trade = reports.add(story, outcome=DEAD)
    reports.add(
        _days_on(story, rng.integers(21, 60, story["cusip"].size)),
        status="Y",
        points_at=trade,
        prior_of=trade,
        outcome=MESSAGE,
    )


def _late_report(reports, story, rng):
    reports.add(_days_on(story, rng.integers(1, 8, story["cusip"].size)), asof_code="A")


def _buy_leg_corrected(reports, story, rng):
    sold, bought = _dealers(story)
    reports.add(sold)
    leg = reports.add(bought, outcome=DEAD)
    reports.add(_later(bought, 900), status="C", number_of=leg, prior_of=leg, outcome=MESSAGE)
    reports.add(_later(bought, 900), status="R", points_at=leg, prior_of=leg, outcome=LEG)


def _sell_leg_cancelled(reports, story, rng):
    sold, bought = _dealers(story)
    leg = reports.add(sold, outcome=DEAD)
    reports.add(bought)
    reports.add(_later(sold, 900), status="X", number_of=leg, prior_of=leg, outcome=MESSAGE)


_SHARED = [
    (_plain, 60),
    (_pair, 40),
    (_affiliate, 2),
    (_sell_and_two_buys, 2),
    (_locked_in, 1),
    (_pair_bought_first, 1),
]
_OLD = [
    *_SHARED,
    (_old_cancel, 3),
    (_old_chain(1), 3),
    (_old_chain(2), 1),
    (_old_chain(3, moves=True), 1),
    (_old_chain(2, cancelled=True), 1),
    (_old_reversal, 2),
    (_old_reversal_and_reentry, 1),
    (_old_reversal_cancelled(False), 1),
    (_old_reversal_cancelled(True), 1),
    (_old_twins, 1),
    (_old_both_dealers, 1),
    (_old_shown_late, 1),
    (_old_give_up, 1),
    (_across_the_cut, 1),
]
_NEW = [
    *_SHARED,
    (_new_cancel(True), 3),
    (_new_cancel(False), 2),
    (_new_cancel(True, without_side=True), 1),
    (_new_chain(1), 3),
    (_new_chain(3), 1),
    (_new_chain(1, "X"), 1),
    (_new_chain(2, "Y"), 1),
    (_new_reversal, 1),
    (_late_report, 1),
    (_buy_leg_corrected, 1),
    (_sell_leg_cancelled, 1),
]


def _delivered(reports: _Reports, rng: np.random.Generator, first_bond: int) -> pl.DataFrame:
    """The reports in WRDS Enhanced's columns; numbers count up within each report date."""
    get = {name: np.concatenate(parts) for name, parts in reports.columns.items()}
    n = reports.size
    order = np.lexsort((np.arange(n), get["report_second"], get["report_day"]))
    starts = np.append(True, get["report_day"][order][1:] != get["report_day"][order][:-1])
    position = np.arange(n) - np.maximum.accumulate(np.where(starts, np.arange(n), 0))
    own = np.empty(n, dtype=np.int64)
    own[order] = position + 1
    # Half of the reports carry control numbers, as half of history does.
    has_prior = (get["prior_of"] >= 0) & (np.arange(n) % 2 == 0)
    frame = pl.DataFrame(
        {
            "bond": get["cusip"] + first_bond,
            "trd_exctn_dt": get["execution_day"].astype("datetime64[D]"),
            "execution_second": np.minimum(get["execution_second"], 86_399),
            "trd_rpt_dt": get["report_day"].astype("datetime64[D]"),
            "report_second": np.minimum(get["report_second"], 86_399),
            "number": own[get["number_of"]],
            "pointer": np.where(get["points_at"] >= 0, own[get["points_at"]], -1),
            "trc_st": get["status"],
            "rptd_pr": np.round(get["price"], 6),
            "entrd_vol_qt": get["par"],
            "rpt_side_cd": get["side"],
            "cntra_mp_id": get["contra"],
            "asof_cd": get["asof_code"],
            "locked_in": get["locked_in"],
            "agu_qsr_id": get["give_up"],
            "prior": get["report_day"][np.maximum(get["prior_of"], 0)].astype("datetime64[D]"),
            "has_prior": has_prior,
            "outcome": get["outcome"],
        }
    )
    blank = pl.col(pl.String).replace("", None)

    def moment(day: str, second: str) -> pl.Expr:
        return (pl.col(day).cast(pl.Datetime("us")) + pl.duration(seconds=second)).dt.time()

    rows = frame.with_columns(blank).select(
        cusip_id=pl.format(
            "{}AA{}", (pl.col("bond") // 4).cast(pl.String).str.zfill(6), pl.col("bond") % 4
        ),
        bond_sym_id=pl.format("S{}", "bond"),
        trd_exctn_dt="trd_exctn_dt",
        trd_exctn_tm=moment("trd_exctn_dt", "execution_second"),
        trd_rpt_dt="trd_rpt_dt",
        trd_rpt_tm=moment("trd_rpt_dt", "report_second"),
        msg_seq_nb=pl.col("number").cast(pl.String).str.zfill(7),
        orig_msg_seq_nb=pl.when(pl.col("pointer") >= 0).then(
            pl.col("pointer").cast(pl.String).str.zfill(7)
        ),
        trc_st="trc_st",
        entrd_vol_qt="entrd_vol_qt",
        rptd_pr="rptd_pr",
        yld_pt=5.0 + (100 - pl.col("rptd_pr")) / 10,
        rpt_side_cd="rpt_side_cd",
        cntra_mp_id="cntra_mp_id",
        asof_cd="asof_cd",
        wis_fl=pl.lit("N"),
        spcl_trd_fl=pl.lit(None, pl.String),
        lckd_in_ind=pl.when("locked_in").then(pl.lit("Y")),
        agu_qsr_id="agu_qsr_id",
        trdg_mkt_cd=pl.lit("S1"),
        dissem_fl=pl.lit("Y"),
        pr_trd_dt=pl.when("has_prior").then("prior"),
        outcome="outcome",
    )
    again = rows[np.sort(rng.choice(n, n // 200, replace=False))].with_columns(
        outcome=pl.lit(DUPLICATE)
    )
    both = pl.concat([rows, again])
    return both[rng.permutation(both.height)]
