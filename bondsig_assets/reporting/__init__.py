"""Pictures and pages for people. Belongs here: drawing what is in the tables. Not here: computing
it.
"""
