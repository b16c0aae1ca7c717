"""Tests of a team's servers."""
