"""Years in one home: backups and their way back, what is merged, forgotten and thrown away.

Belongs in this package: copies of a whole home, and upkeep of its lake, of Dagster's record and of
MLflow, all of it by files and SQL. Not here: Dagster and MLflow themselves, when upkeep runs
(`orchestration/`), and what the commands print.
"""
