"""What can be told, each as one message: what happened, its cause, what to do, where to look.

Belongs here: the kinds of events and their words. Not here: when one is told
(`orchestration/alerting.py`) and how it is sent (`targets.py`). What each means and what to do
stands at length in `docs/operations.md`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bondsig_assets.credentials import hidden

#: Lists in a message end after this many, and say how many more there are.
_AT_MOST = 10
#: Characters of a cause: an error may quote a whole file.
_CAUSE = 600
#: User and password in an address.
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+@")


@dataclass(frozen=True)
class Event:
    """One thing that went wrong. `kind` is one of the words of the runbook, `title` and `cause` a
    line each, `link` an address or nothing.
    """

    kind: str
    title: str
    cause: str
    remedy: str
    link: str = ""

    def text(self, home: str = "") -> str:
        """The message; `home` says which of several homes speaks."""
        lines = [
            f"bondsig: {self.title}",
            f"cause: {self.cause}",
            f"what to do: {self.remedy} (docs/operations.md, {self.kind})",
        ]
        lines += [f"see: {self.link}"] if self.link else []
        lines += [f"home: {home}"] if home else []
        return hidden(without_credentials("\n".join(lines)))


def without_credentials(text: str) -> str:
    """`text` without the user and password of any address in it."""
    return _CREDENTIALS.sub("", text)


def run_failed(
    job: str, partitions: str, cause: str, link: str, attempt: int = 1, is_retried: bool = False
) -> Event:
    """A run that failed, for the `attempt`-th time; `is_retried` where Dagster tries once more."""
    what_next = "it is tried again" if is_retried else "it is not tried again"
    which = "first attempt" if attempt == 1 else f"attempt {attempt}"
    return Event(
        "run_failed",
        f"run of {job}{_of(partitions)} failed ({which}; {what_next})",
        _short(cause),
        "nothing yet: wait for the next attempt"
        if is_retried
        else "mend the cause, then `bondsig catch-up`; what was finished is kept",
        link,
    )


def checks_failed(
    errors: Sequence[str], warnings: Sequence[str], partitions: str, link: str
) -> Event:
    """Asset checks that did not hold in a run that went through, `asset: what it means` each."""
    parts = [
        f"{len(names)} {word}{'s' * (len(names) != 1)}"
        for names, word in ((errors, "error"), (warnings, "warning"))
        if names
    ]
    return Event(
        "check_failed",
        f"checks did not hold: {' and '.join(parts)}{_of(partitions)}",
        listed([*errors, *warnings]),
        "open the check: it shows the rows, what it means and what to do",
        link,
    )


def monitors_rang(alarms: Sequence[tuple[str, str]], link: str) -> Event:
    """Alarms of monitors, (evening, sentence) each, newest first."""
    evenings = sorted({evening for evening, _ in alarms})
    return Event(
        "monitor_alarm",
        f"{len(alarms)} monitor{'s' * (len(alarms) != 1)} rang on {_span(evenings)}",
        listed([sentence for _, sentence in alarms]),
        "read docs/monitoring.md on what rang; alarms of the data first, they explain the others",
        link,
    )


def retrain_requested(day: str, explanation: str, link: str) -> Event:
    """Alarms asked for a training."""
    return Event(
        "retrain_request",
        f"a training is asked for since {day}",
        _short(explanation),
        "let `every_quarter` or the job training run, or keep the champion on purpose",
        link,
    )


def days_late(missing: Sequence[str], outdated: Sequence[str], why: str, link: str) -> Event:
    """Days that should be there by now and are not."""
    parts = [f"{len(missing)} missing ({_span(missing)})"] if missing else []
    parts += [f"{len(outdated)} out of date ({_span(outdated)})"] if outdated else []
    return Event(
        "days_late",
        f"days are late: {', '.join(parts)}",
        why,
        "see whether every_morning is on and its last run; then `bondsig catch-up`",
        link,
    )


def server_died(said: str, *, is_given_up: bool = False) -> Event:
    """A server of `bondsig ui` that ended by itself, in a line that says how and what follows."""
    return Event(
        "server_died",
        f"a server died: {said.split(';')[0]}",
        _short(said),
        "mend the cause, which stands in the output of `bondsig ui`, and start that again"
        if is_given_up
        else "nothing yet; where it goes on, read the output of `bondsig ui`",
    )


def listed(texts: Sequence[str]) -> str:
    """Texts in a line, the first ten of them."""
    more = f"; and {len(texts) - _AT_MOST} more" if len(texts) > _AT_MOST else ""
    return "; ".join(_short(text, 200) for text in texts[:_AT_MOST]) + more


def _short(text: str, most: int = _CAUSE) -> str:
    line = " ".join(text.split()) or "unknown"
    return line if len(line) <= most else line[: most - 1] + "…"


def _span(days: Sequence[str]) -> str:
    return days[0] if days[0] == days[-1] else f"{days[0]} … {days[-1]}"


def _of(partitions: str) -> str:
    return f" of {partitions}" if partitions else ""
