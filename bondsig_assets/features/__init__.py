"""Issuer-day features, declared once and computed for whole ranges of days at once.

Belongs here: what is known about an issuer at a day's cutoff. Not here: what happens to its
stock afterwards (`learning/labels.py`).
"""
