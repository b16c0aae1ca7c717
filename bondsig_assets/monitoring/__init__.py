"""Accuracy, decay and drift of what is in use: alarms with an error rate that was chosen before.

Belongs here: what is watched, reading results and asking for a retraining. Not here: judging
history (`learning/`), changing anything upstream.
"""
