"""Tests of what programs write: dates, times, files of SAS, Stata and Excel, encodings.

Belongs here: recognition and reading of columns and bytes. Not here: files of TRACE reports or of
sources.
"""
