"""The source `wrds`: TRACE from WRDS over PostgreSQL.

Belongs in this package: the connection, the queries, the kept days, and when a row was delivered.
Not here: other origins, and judging what rows mean.
"""

from bondsig_assets.sources.wrds.source import DEFAULT_TABLES, WrdsSource

__all__ = ["DEFAULT_TABLES", "WrdsSource"]
