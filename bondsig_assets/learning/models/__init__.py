"""The models, each behind the same small interface (`interface.py`).

Belongs here: estimators and their hyper-parameters. Not here: which days they see
(`learning/folds.py`).
"""
