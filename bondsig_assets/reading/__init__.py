"""Rows of the warehouse as the arguments of a domain function, and back.

Belongs in this package: which rows a computation needs, and how far back; results as rows. Assets,
commands, studies and tests share it. Not here: Dagster, and the computations.
"""
