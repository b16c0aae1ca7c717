"""Blocks of work, here and elsewhere."""
