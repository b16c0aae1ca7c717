"""Years in one home: backups and their way back, what is merged, forgotten and thrown away.

Belongs in this package: copies of a whole home, upkeep of its lake, of Dagster's record and of
MLflow, and the job that does it by the clock. Not here: how a lake is merged (`warehouse/`), what a
run is, and what the commands print.
"""
