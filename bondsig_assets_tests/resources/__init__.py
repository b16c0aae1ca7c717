"""Tests of what stands between Dagster and the world outside."""
