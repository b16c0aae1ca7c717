"""Everything outside the process, one typed resource each. Belongs here: warehouse, tracking,
sources, home. Not here: domain logic.
"""
