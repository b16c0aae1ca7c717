"""Tests of what is told when something went wrong."""
