"""Data quality: what is expected of each table, and how it becomes asset checks.

Belongs here: expectations, structural checks and their runners. Not here: mending what they find.
"""
