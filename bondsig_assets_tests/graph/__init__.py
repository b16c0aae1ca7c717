"""The whole graph on the tiny world."""
