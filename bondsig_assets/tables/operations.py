"""Tables of who runs the platform: settings that a team shares, and who changed or launched what.

Belongs here: declarations. Not here: how settings get from one machine to another
(`warehouse/shared_settings.py`) and what is written down of whom (`warehouse/audit.py`).
"""

from __future__ import annotations

from bondsig_assets.tables.schema import C, R, Table

SETTINGS = Table(
    "settings",
    "operations",
    "What every machine of a team has to know the same: the market and the files of settings."
    " Without rows where the home is a folder, which holds them itself.",
    (
        R(
            "name",
            "VARCHAR",
            "market, learning, portfolio, monitoring, or installed: which tables and views there"
            " are",
        ),
        R("content", "VARCHAR", "The text of the file"),
        R("content_hash", "VARCHAR", "The first twelve digits of the SHA-256 of the text"),
        R("changed_by", "VARCHAR", "Who put it there: BONDSIG_USER, or user@machine"),
        R("changed_at", "TIMESTAMP", "When, wall clock of New York"),
    ),
    key=("name",),
)

AUDIT = Table(
    "audit",
    "operations",
    "Who changed settings or the champion, and who launched what, a row each, written together with"
    " the change.",
    (
        R("entry_id", "VARCHAR", "Random number of the row"),
        R("happened_at", "TIMESTAMP", "When, wall clock of New York"),
        R(
            "who",
            "VARCHAR",
            "BONDSIG_USER, or user@machine; of a run of the UI the user whom the proxy named, of a"
            " schedule's its name",
        ),
        R("action", "VARCHAR", "launch, settings, market or champion"),
        R("subject", "VARCHAR", "What was launched or changed"),
        C("before_hash", "VARCHAR", "Fingerprint of what stood before, null where nothing did"),
        C("after_hash", "VARCHAR", "Fingerprint of what stands now"),
        R("detail", "VARCHAR", "The rest in words; may be empty"),
    ),
    key=("entry_id",),
)
