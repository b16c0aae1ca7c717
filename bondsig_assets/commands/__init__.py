"""What each command of the CLI does. Belongs here: one module a command. Not here: argument parsing
(`cli.py`).
"""
