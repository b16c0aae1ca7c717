"""Where raw data come from. Belongs here: delivering the declared raw tables. Not here: judging or
cleaning them.
"""
