"""What is said, and to whom, when something went wrong while nobody looked.

Belongs here: events and their messages, targets, settings from the environment. Not here: noticing
(`orchestration/alerting.py`), and what a monitor makes of a market (`monitoring/`).
"""
