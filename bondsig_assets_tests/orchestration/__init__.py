"""Tests of what runs when, and of the servers it runs in."""
