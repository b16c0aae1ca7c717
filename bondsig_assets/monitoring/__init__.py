"""Accuracy, decay and drift of what is in use.

Belongs here: reading results and asking for a retraining. Not here: changing anything upstream.
"""
