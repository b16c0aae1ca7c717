"""TRACE cleaning: message lifecycle, double counting, screens, price errors, bond-day aggregates.

Belongs here: what turns reports into trades and trades into bond days, each as known at the
cutoff of a delivery, on Polars frames and without Dagster. Not here: yields and spreads (`bonds/`).
"""
