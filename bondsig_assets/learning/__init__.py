"""Labels, walk-forward folds, models, calibration, evaluation.

Belongs here: everything learned from data and how it is judged. Not here: features.
"""
