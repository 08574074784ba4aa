"""Measures the program beside other engines on the same files (scripts/bench, scripts/load-test)."""
