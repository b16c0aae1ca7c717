"""Partitions, jobs, schedules and the range runner. Belongs here: what runs when. Not here: what an
asset does.
"""
