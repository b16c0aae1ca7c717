"""What can go wrong that a user can mend, each with one line that says what, where and what to do.

Belongs here: the errors of every room, so that whoever calls one catches one class. Not here:
mistakes in the code itself, which stay Python's own errors.
"""

from __future__ import annotations


class BondsigError(Exception):
    """The message is one line for the user: what, where, what to do."""


class UserError(BondsigError):
    """A command was asked for something that cannot be done."""


class MissingExtraError(BondsigError, ImportError):
    """Something needs a library that only an extra of the package brings."""


class HomeError(BondsigError):
    """A home cannot be used as asked."""


class BackupError(BondsigError):
    """A home cannot be backed up or restored as asked: why, and what to do instead."""


class SchemaError(BondsigError, ValueError):
    """A frame does not fit the table it is meant for."""


class WarehouseError(BondsigError):
    """What the warehouse could not do."""


class SourceError(BondsigError):
    """A fault of the source of raw data."""


class FormatError(BondsigError, ValueError):
    """A column, or a file of another program, whose form cannot be told or read."""


class ReportsError(BondsigError, ValueError):
    """Trade reports cannot be cleaned as they are."""


class LayoutError(ReportsError):
    """A file cannot be read as TRACE reports."""


class AmbiguousNameError(BondsigError, LookupError):
    """A query fits several parents; `candidates` holds (parent_id, name) of each."""

    def __init__(self, query: str, candidates: list[tuple[str, str]]) -> None:
        """One line with all of them."""
        self.candidates = candidates
        super().__init__(
            f"{query!r} fits several: "
            + "; ".join(f"{parent} ({name})" if name else parent for parent, name in candidates)
        )


class UnknownNameError(BondsigError, LookupError):
    """Nothing goes by the name or day that was asked for: what is near."""


class SettingsError(BondsigError, ValueError):
    """Settings cannot be used: which, where and what is allowed."""


class LedgerError(BondsigError, ValueError):
    """A book cannot be carried on as it is: what is wrong with it."""


class BrokerError(BondsigError):
    """A broker does not answer, or not in a way that can be booked."""


class ReportError(BondsigError):
    """Pages cannot be made or written as asked: why, and what to give instead."""


class FoldError(BondsigError, ValueError):
    """A fold cannot be trained: what is missing."""


class ModelError(BondsigError, ValueError):
    """A model cannot be made, fitted or read."""


class MismatchError(BondsigError, ValueError):
    """A model does not fit the features there are: what differs."""


class TrackingError(BondsigError):
    """MLflow cannot be reached or does not have what was asked for."""


class RunError(BondsigError):
    """A run of the graph failed: which asset and why."""


class WorkersError(BondsigError):
    """Blocks of work cannot be done by other processes or machines: which, where and why."""


class AlertError(BondsigError):
    """A message did not reach its target: which, and why."""
