"""The pages people open in the morning: a static site that opens from the disk.

Belongs here: the questions that pages ask the warehouse, and HTML made of their answers by pure
functions. Not here: which evening, and where files go (`commands/report.py`, `assets/report.py`);
computing anything that is in no table.
"""
