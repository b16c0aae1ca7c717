"""Tests of reading TRACE reports from the files people hold.

Belongs here: layouts, faults, archives, the fuzz. Not here: cleaning.
"""
